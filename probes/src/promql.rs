//! The probe that asks a Prometheus server.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::Duration;

use chaos_core::{
    Answer, HttpUrl, Observation, PluginError, Probe, Reach, RunContext, Seconds, register_probe, shortened,
};
use chaos_evidence::Bounds;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::asking::{Cut, ask, five_seconds};
use crate::http::exchange;

/// Characters of a server's message that are shown.
const SHOWN: usize = 300;

/// Asks a Prometheus server with a query in PromQL.
///
/// # Answers
/// With a limit: yes when it holds for every element of the result, no when it does not for one. With `expect: any`, yes when
/// the result has an element; with `expect: none`, yes when it has none. Unknown when the server does not answer or refuses
/// the query, the result is neither a scalar nor an instant vector, a value is not a number, or with a limit when
/// there is no data: that says nothing of the system. The observation's value is the first element's, or the number of elements.
///
/// # Limits
/// The server decides what its answer rests on: how often it scrapes, how far it looks back, how it extrapolates (an
/// `increase` of 2 may be 2.05, so compare with 0.5, not with 0, and never with `equals`). It knows of no fault; leave
/// injected nodes out in the query.
///
/// # Example
/// ```yaml
/// type: promql
/// url: http://127.0.0.1:9090
/// query: sum(increase(etcd_server_leader_changes_seen_total{instance!="n1"}[30s]))
/// above: 0.5
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Promql {
    /// The server, with the path before `/api/v1` where it has one.
    pub url: HttpUrl,
    /// The query.
    pub query: String,
    /// The value must be more than this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub above: Option<f64>,
    /// The value must be less than this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub below: Option<f64>,
    /// The value must be exactly this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub equals: Option<f64>,
    /// Whether there must be a result, whatever its values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expect: Option<ExpectResult>,
    /// Seconds after which the probe says unknown; default 5.
    #[serde(default = "five_seconds")]
    pub timeout_seconds: Seconds,
}

/// Whether there must be a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ExpectResult {
    /// One element or more.
    Any,
    /// No element.
    None,
}

#[derive(Debug, Deserialize)]
struct Reply {
    status: String,
    #[serde(default)]
    data: Option<Data>,
    #[serde(default)]
    error: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Data {
    result_type: String,
    result: Value,
}

impl Probe for Promql {
    async fn observe(&self, cx: &RunContext) -> Observation {
        match ask(cx, self.timeout_seconds, self.ask(cx)).await {
            Ok(seen) => seen,
            Err(Cut::Late) => {
                let seconds = self.timeout_seconds.get().as_secs_f64();
                Observation::unknown(format!("`{}` did not answer within {seconds} s", self.url))
            }
            Err(Cut::Cancelled) => Observation::unknown("cancelled"),
        }
    }

    fn reach(&self) -> Result<Reach, PluginError> {
        let limits = [self.above, self.below, self.equals];
        let has_limit = limits.iter().any(Option::is_some);
        if has_limit == self.expect.is_some() {
            return Err(PluginError::refused("write a limit, such as `above: 0.5`, or `expect: any` or `none`"));
        }
        if self.query.trim().is_empty() {
            return Err(PluginError::refused("`query` is empty; write one, such as `up == 0`"));
        }
        Ok(Reach::host(self.url.host().clone()))
    }

    fn at_most(&self) -> Option<Duration> {
        Some(self.timeout_seconds.get())
    }
}

register_probe!(Promql, "promql");

impl Promql {
    async fn ask(&self, cx: &RunContext) -> Observation {
        let url = match self.question() {
            Ok(url) => url,
            Err(why) => return Observation::unknown(why.to_string()),
        };
        let request = exchange::Request { url: &url, method: "GET", headers: &BTreeMap::new(), body: None, tls: None };
        let response = match exchange::Hop::first(&request).send(&request, cx).await {
            Ok(response) => response,
            // A server that is down says nothing of the system.
            Err(seen) => return Observation::unknown(seen.detail.replace(url.as_str(), self.url.as_str())),
        };
        let status = response.status().as_u16();
        match exchange::read(response).await {
            Ok((body, true)) => self.judge(status, &body),
            Ok((_, false)) => Observation::unknown("the answer is longer than 1 MiB; aggregate in the query"),
            Err(error) => Observation::unknown(exchange::unanswered(&self.url, &error).detail),
        }
    }

    fn question(&self) -> Result<HttpUrl, PluginError> {
        let wrong = |error: String| PluginError::refused(format!("invalid URL: {error}"));
        let mut url = exchange::parsed(&self.url).map_err(|error| wrong(error.to_string()))?;
        let path = format!("{}/api/v1/query", url.path().trim_end_matches('/'));
        url.set_path(&path);
        url.query_pairs_mut().clear().append_pair("query", &self.query);
        url.as_str().parse().map_err(|error: chaos_core::HttpUrlError| wrong(error.to_string()))
    }

    fn judge(&self, status: u16, body: &[u8]) -> Observation {
        let Ok(reply) = serde_json::from_slice::<Reply>(body) else {
            return Observation::unknown(format!("`{}` answered {status}, and not as Prometheus does", self.url));
        };
        let Some(data) = reply.data.filter(|_| reply.status == "success") else {
            let why = shortened(&reply.error, SHOWN);
            return Observation::unknown(format!("`{}` refused the query: {why}", self.url));
        };
        let Some(values) = values(&data) else {
            let kind = &data.result_type;
            return Observation::unknown(format!(
                "the result is a {kind}; write a query that gives a scalar or a vector of numbers"
            ));
        };
        let elements = values.len();
        if let Some(expect) = self.expect {
            let detail = format!("the result has {elements} elements");
            let holds = (expect == ExpectResult::Any) == (elements > 0);
            let seen = if holds { Observation::yes(detail) } else { Observation::no(detail) };
            return seen.with_value(elements);
        }
        let Some(first) = values.first() else {
            return Observation::unknown("no data: that is neither yes nor no");
        };
        let answer = values.iter().fold(Answer::Yes, |sum, value| sum.and(self.holds(*value)));
        let of = if elements > 1 { format!(", the first of {elements}") } else { String::new() };
        Observation { answer, value: serde_json::json!(first), detail: format!("the value is {first}{of}") }
    }

    fn holds(&self, value: f64) -> Answer {
        let value = Bounds::exact(value);
        let above = self.above.map_or(Answer::Yes, |limit| value.above(limit));
        let below = self.below.map_or(Answer::Yes, |limit| value.below(limit));
        above.and(below).and(self.equals.map_or(Answer::Yes, |wanted| value.equals(wanted)))
    }
}

/// The numbers of a scalar or an instant vector; `None` for what has none, such as native histograms.
fn values(data: &Data) -> Option<Vec<f64>> {
    let number = |pair: &Value| pair.get(1)?.as_str()?.parse::<f64>().ok();
    match data.result_type.as_str() {
        "scalar" => Some(vec![number(&data.result)?]),
        "vector" => data.result.as_array()?.iter().map(|element| number(element.get("value")?)).collect(),
        _ => None,
    }
}
