//! A `StatusCheck` as questions of an HTTP probe.

use std::collections::BTreeMap;
use std::time::Duration;

use chaos_core::{CheckMode, Late, ProbeNode, Seconds, StepBody, StepNode, WorkflowStep};
use chaos_manifests::{Template, deadline};
use chaos_probes::Http;
use chaos_steps::CheckStep;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{StrictError, Translation, invalid, plain, unsupported};

/// A `StatusCheck`, with the defaults of Chaos Mesh.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Spec {
    mode: String,
    #[serde(rename = "type")]
    kind: String,
    duration: Option<String>,
    timeout_seconds: u32,
    interval_seconds: u32,
    failure_threshold: u32,
    success_threshold: u32,
    http: Option<HttpSpec>,
}

impl Default for Spec {
    fn default() -> Self {
        Self {
            mode: "Synchronous".to_owned(),
            kind: "HTTP".to_owned(),
            duration: None,
            timeout_seconds: 1,
            interval_seconds: 10,
            failure_threshold: 3,
            success_threshold: 1,
            http: None,
        }
    }
}

#[derive(Debug, Deserialize)]
struct HttpSpec {
    url: String,
    #[serde(default)]
    method: Option<String>,
    #[serde(default)]
    headers: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    body: Option<String>,
    criteria: Criteria,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Criteria {
    status_code: String,
}

impl Translation<'_> {
    /// A synchronous check passes with its first success, and fails with so many failures one after the other: that is a
    /// `retry`. A continuous one that fails with its first failure is a check that must hold.
    pub(super) fn status_check(&mut self, template: &Template, name: &str, at: &str) -> Result<StepBody, StrictError> {
        let spec = template.rest.get("statusCheck").cloned().unwrap_or(Value::Null);
        let spec: Spec = serde_json::from_value(spec)
            .map_err(|error| invalid(template, &format!("its `statusCheck` can't be read: {error}")))?;
        if spec.kind != "HTTP" {
            return Err(unsupported(template, format!("a `statusCheck` of type `{}`", spec.kind), "expected `HTTP`"));
        }
        if spec.success_threshold > 1 {
            let what = format!("`successThreshold: {}`", spec.success_threshold);
            return Err(unsupported(template, what, "expected 1"));
        }
        let probe = probe(template, &spec)?;
        let time = match &spec.duration {
            Some(text) => Some(deadline(text).map_err(|why| StrictError::Deadline {
                template: template.name.clone(),
                text: text.clone(),
                why,
            })?),
            None => None,
        };
        match spec.mode.as_str() {
            "Synchronous" | "" => {
                let own = self.named(&format!("{name}-probe"))?;
                let leaf = asks(probe, CheckMode::Assert, None, &own, at, template)?;
                let step = WorkflowStep {
                    name: own,
                    at: at.to_owned(),
                    // What is not decided by then is a failure.
                    deadline: None,
                    idempotent: true,
                    body: StepBody::Leaf(leaf),
                };
                let delay = Duration::from_secs(spec.interval_seconds.into());
                let body = StepBody::Retry { step: Box::new(step), attempts: spec.failure_threshold.max(1), delay };
                let Some(time) = time else { return Ok(body) };
                let own = self.named(&format!("{name}-retry"))?;
                let inner = WorkflowStep { name: own, at: at.to_owned(), deadline: Some(time), idempotent: true, body };
                Ok(StepBody::Serial { steps: vec![inner], finally: Vec::new() })
            }
            "Continuous" if spec.failure_threshold > 1 => {
                let what = format!("a continuous check with `failureThreshold: {}`", spec.failure_threshold);
                Err(unsupported(template, what, "expected 1"))
            }
            "Continuous" => {
                let time = time.ok_or_else(|| invalid(template, "a continuous check needs a `duration`"))?;
                let seconds =
                    Seconds::try_from(time.as_secs_f64()).map_err(|error| invalid(template, &error.to_string()))?;
                Ok(StepBody::Leaf(asks(probe, CheckMode::Hold, Some(seconds), name, at, template)?))
            }
            mode => Err(invalid(template, &format!("unknown mode `{mode}` of its `statusCheck`"))),
        }
    }
}

/// The step that asks. What a probe tells of itself is masked, so the question stands as the Workflow has it.
fn asks(
    (probe, question): (ProbeNode, Value),
    mode: CheckMode,
    timeout_seconds: Option<Seconds>,
    name: &str,
    at: &str,
    template: &Template,
) -> Result<Late<StepNode>, StrictError> {
    let kind = probe.type_name();
    let node = StepNode::from(CheckStep { probe, mode, timeout_seconds }).named(name);
    let mut value = serde_json::to_value(node).map_err(|error| invalid(template, &error.to_string()))?;
    value["probe"] = question;
    value["probe"]["type"] = json!(kind);
    plain(value, at, template)
}

/// The probe, and what it was read from.
fn probe(template: &Template, spec: &Spec) -> Result<(ProbeNode, Value), StrictError> {
    let http = spec.http.as_ref().ok_or_else(|| invalid(template, "its `statusCheck` has no `http`"))?;
    let mut headers = BTreeMap::new();
    for (name, values) in &http.headers {
        // Equal names are one list in HTTP.
        headers.insert(name.clone(), values.join(", "));
    }
    let code = http.criteria.status_code.trim();
    let status = code.parse::<u16>().map_or_else(|_| json!(code), |code| json!(code));
    let mut probe = json!({ "url": http.url, "expect_status": status, "timeout_seconds": spec.timeout_seconds.max(1) });
    if let Some(method) = http.method.as_ref().filter(|method| !method.is_empty()) {
        probe["method"] = json!(method);
    }
    if let Some(body) = http.body.as_ref().filter(|body| !body.is_empty()) {
        probe["body"] = json!(body);
    }
    if !headers.is_empty() {
        probe["headers"] = json!(headers);
    }
    let http: Http = serde_json::from_value(probe.clone())
        .map_err(|error| invalid(template, &format!("its `statusCheck.http` can't be asked: {error}")))?;
    Ok((ProbeNode::from(http), probe))
}
