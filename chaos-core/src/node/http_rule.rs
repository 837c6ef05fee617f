//! The vocabulary of faults on HTTP: which requests a rule is about, and what becomes of them.

mod field;
mod preset;
mod trial;

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use field::{
    HttpFieldName, HttpFieldNameError, HttpFieldText, HttpFieldTextError, HttpGrpcCode, HttpGrpcCodeError, HttpStatus,
    HttpStatusError,
};
pub use preset::HttpPreset;
pub use trial::HttpTrial;

use crate::{DurationText, HeaderName, HttpMethod, NamePattern, Portion};

/// Which requests, and what becomes of them: exactly one of `effect` and `preset`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpRule {
    /// The requests; default all.
    #[serde(default, rename = "match", skip_serializing_if = "HttpMatch::is_everything")]
    pub matching: HttpMatch,
    /// What becomes of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effect: Option<HttpEffect>,
    /// A whole behaviour of a service that agents depend on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preset: Option<HttpPreset>,
}

/// Which requests: those that fit everything that is given.
///
/// `from`, `every`, `times` and `share` count among those that fit the rest, over all connections of a link.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub struct HttpMatch {
    /// The method.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<HttpMethod>,
    /// The host that the request names, without its port; `*` stands for any text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<NamePattern>,
    /// The path without the query; `*` stands for any text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<NamePattern>,
    /// Headers and their values, in which `*` stands for any text.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<HeaderName, NamePattern>,
    /// The first request that counts; default 1. `from: 3` with `times: 1` is the third one alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<NonZeroU32>,
    /// Only every so manieth from there on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every: Option<NonZeroU32>,
    /// At most so many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<NonZeroU32>,
    /// The share of them, drawn by the seed for each.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share: Option<Portion>,
}

/// What becomes of a request: one thing or several.
///
/// The order is: `delay`, then the server (`duplicate`, `answer`, `close`), then its answer (`change`, `corrupt`, `cut`, `stall`).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub struct HttpEffect {
    /// Waits so long before anything else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay: Option<DurationText>,
    /// Sends the request to the server twice; the client gets the first answer.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub duplicate: bool,
    /// Answers in place of the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<HttpAnswer>,
    /// Closes the connection in place of an answer.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub close: bool,
    /// With `answer` or `close`: the server gets the request first and acts on it, and what it answers is thrown away.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub after_server: bool,
    /// Changes the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<HttpChange>,
    /// Changes this share of the body's bytes, drawn by the seed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub corrupt: Option<Portion>,
    /// Closes the connection inside the body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cut: Option<HttpPlace>,
    /// Says nothing more inside the body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stall: Option<HttpStall>,
    /// Shows clients another certificate. It acts on handshakes, whatever they ask for afterwards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<HttpCertificate>,
}

/// An answer in place of the server's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub struct HttpAnswer {
    /// The status, 200 to 599; default 503.
    #[serde(default)]
    pub status: HttpStatus,
    /// Its headers.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<HeaderName, HttpFieldText>,
    /// The header `Retry-After`, in whole seconds, rounded up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<DurationText>,
    /// Its body; default none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub body: String,
    /// The status of gRPC; HTTP's is 200 then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grpc: Option<HttpGrpcStatus>,
}

/// A status of gRPC.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub struct HttpGrpcStatus {
    /// The code, 1 (`CANCELLED`) to 16 (`UNAUTHENTICATED`); 14 is `UNAVAILABLE`.
    pub code: HttpGrpcCode,
    /// What it says; default nothing.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
}

/// What changes in an answer.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub struct HttpChange {
    /// The status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<HttpStatus>,
    /// Headers that are added, or replaced where they are there.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub set_headers: BTreeMap<HeaderName, HttpFieldText>,
    /// Headers that are taken away.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remove_headers: Vec<HttpFieldName>,
    /// The whole body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
}

/// A place in a body: exactly one of the keys.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub struct HttpPlace {
    /// Behind so many bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after_bytes: Option<u64>,
    /// Behind so many events of a stream of server-sent events.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after_events: Option<u32>,
}

/// A silence inside a body: exactly one of the places.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub struct HttpStall {
    /// Behind so many bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after_bytes: Option<u64>,
    /// Behind so many events of a stream of server-sent events.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after_events: Option<u32>,
    /// How long; default until the client leaves or the rule does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lasts: Option<DurationText>,
}

impl HttpStall {
    /// Where it is.
    pub fn place(&self) -> HttpPlace {
        HttpPlace { after_bytes: self.after_bytes, after_events: self.after_events }
    }
}

/// A certificate that clients should refuse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum HttpCertificate {
    /// It was valid until yesterday.
    Expired,
    /// It is for another name.
    WrongName,
    /// No CA that they know has signed it.
    Untrusted,
}

/// Keys of a rule that do not fit together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HttpRuleError {
    /// No effect, or two.
    #[error("expected exactly one of `effect` and `preset`")]
    OneOf,
    /// An effect of nothing.
    #[error(
        "`effect` does nothing; give it at least one of `delay`, `duplicate`, `answer`, `close`, `change`, `corrupt`, `cut`, `stall`, `certificate`"
    )]
    Nothing,
    /// Two that exclude each other.
    #[error("`{0}` and `{1}` exclude each other")]
    Both(&'static str, &'static str),
    /// One that needs another.
    #[error("`after_server` is about an answer that the server does not give; add `answer` or `close`, or remove it")]
    AfterServer,
    /// A place that is none.
    #[error("`{0}` needs exactly one of `after_bytes` and `after_events`")]
    Place(&'static str),
    /// A change of nothing.
    #[error("`change` is empty; give it `status`, `set_headers`, `remove_headers` or `body`")]
    NoChange,
    /// A header that hangs on the body or the connection.
    #[error("a rule can't set the header `{0}`, which follows from the body and the connection")]
    Framing(String),
}

/// Headers that say where a message ends, or what becomes of its connection.
const FRAMING: [&str; 6] = ["connection", "content-length", "keep-alive", "trailer", "transfer-encoding", "upgrade"];

impl HttpMatch {
    /// Whether it leaves no request out.
    pub fn is_everything(&self) -> bool {
        *self == Self::default()
    }
}

impl HttpPlace {
    fn check(self, key: &'static str) -> Result<(), HttpRuleError> {
        match (self.after_bytes, self.after_events) {
            (Some(_), None) | (None, Some(_)) => Ok(()),
            _ => Err(HttpRuleError::Place(key)),
        }
    }
}

impl HttpEffect {
    /// Whether its keys fit together.
    ///
    /// # Errors
    /// [`HttpRuleError`] with the keys that do not.
    pub fn check(&self) -> Result<(), HttpRuleError> {
        if *self == (Self { after_server: self.after_server, ..Self::default() }) {
            return Err(HttpRuleError::Nothing);
        }
        let of_body = [
            ("change", self.change.is_some()),
            ("corrupt", self.corrupt.is_some()),
            ("cut", self.cut.is_some()),
            ("stall", self.stall.is_some()),
            ("answer", self.answer.is_some()),
        ];
        if let Some((key, _)) = of_body.into_iter().find(|(_, given)| self.close && *given) {
            return Err(HttpRuleError::Both("close", key));
        }
        if self.answer.is_some() && self.change.is_some() {
            return Err(HttpRuleError::Both("answer", "change"));
        }
        if self.cut.is_some() && self.stall.is_some() {
            return Err(HttpRuleError::Both("cut", "stall"));
        }
        if self.after_server && self.answer.is_none() && !self.close {
            return Err(HttpRuleError::AfterServer);
        }
        if self.duplicate && (self.answer.is_some() || self.close) && !self.after_server {
            return Err(HttpRuleError::Both("duplicate", if self.close { "close" } else { "answer" }));
        }
        self.cut.map_or(Ok(()), |cut| cut.check("cut"))?;
        self.stall.map_or(Ok(()), |stall| stall.place().check("stall"))?;
        if self.change.as_ref().is_some_and(|change| *change == HttpChange::default()) {
            return Err(HttpRuleError::NoChange);
        }
        let answered = self.answer.as_ref().map(|answer| &answer.headers);
        let changed = self.change.as_ref().map(|change| &change.set_headers);
        let removed = self.change.iter().flat_map(|change| &change.remove_headers).map(HttpFieldName::as_str);
        let set = answered.into_iter().chain(changed).flat_map(BTreeMap::keys).map(HeaderName::as_str);
        let is_framing = |name: &&str| FRAMING.iter().any(|other| name.eq_ignore_ascii_case(other));
        if let Some(name) = set.chain(removed).find(is_framing) {
            return Err(HttpRuleError::Framing(name.to_owned()));
        }
        if self.answer.as_ref().is_some_and(|answer| answer.grpc.is_some() && !answer.body.is_empty()) {
            return Err(HttpRuleError::Both("grpc", "body"));
        }
        Ok(())
    }
}

impl HttpRule {
    /// Whether its keys fit together.
    ///
    /// # Errors
    /// [`HttpRuleError`] with the keys that do not.
    pub fn check(&self) -> Result<(), HttpRuleError> {
        match (&self.effect, self.preset) {
            (Some(effect), None) => effect.check(),
            (None, Some(_)) => Ok(()),
            _ => Err(HttpRuleError::OneOf),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn checked(effect: &Value) -> Result<(), String> {
        let rule: HttpRule = serde_json::from_value(json!({ "effect": effect })).map_err(|error| error.to_string())?;
        rule.check().map_err(|error| error.to_string())
    }

    #[test]
    fn an_effect_says_what_does_not_fit() {
        for fine in [
            json!({"delay": "2s"}),
            json!({"answer": {"status": 429, "retry_after": "1s"}, "after_server": true}),
            json!({"answer": {"grpc": {"code": 14}}}),
            json!({"answer": {"body": "0123456789"}, "cut": {"after_bytes": 4}}),
            json!({"duplicate": true, "change": {"remove_headers": ["etag"]}}),
            json!({"stall": {"after_events": 0, "lasts": "10s"}}),
            json!({"certificate": "expired"}),
        ] {
            assert_eq!(checked(&fine), Ok(()), "{fine}");
        }
        for (wrong, why) in [
            (json!({}), "does nothing"),
            (json!({"after_server": true}), "does nothing"),
            (json!({"after_server": true, "delay": "1s"}), "add `answer` or `close`"),
            (json!({"close": true, "cut": {"after_bytes": 1}}), "`close` and `cut`"),
            (json!({"close": true, "answer": {}}), "`close` and `answer`"),
            (json!({"close": true, "duplicate": true}), "`duplicate` and `close`"),
            (json!({"answer": {}, "change": {"status": 200}}), "`answer` and `change`"),
            (json!({"cut": {"after_bytes": 1}, "stall": {"after_bytes": 1}}), "`cut` and `stall`"),
            (json!({"cut": {}}), "`cut` needs exactly one"),
            (json!({"stall": {"after_bytes": 1, "after_events": 1}}), "`stall` needs exactly one"),
            (json!({"change": {}}), "`change` is empty"),
            (json!({"answer": {"grpc": {"code": 0}}}), "gRPC code 0"),
            (json!({"answer": {"grpc": {"code": 14}, "body": "x"}}), "`grpc` and `body`"),
            (json!({"answer": {"headers": {"Content-Length": "5"}}}), "`Content-Length`"),
            (json!({"change": {"set_headers": {"connection": "close"}}}), "`connection`"),
            (json!({"answer": {"status": 199}}), "status"),
            (json!({"answer": {"headers": {"x": "a\nb"}}}), "header"),
        ] {
            let told = checked(&wrong).unwrap_err();
            assert!(told.contains(why), "{wrong}: {told}");
        }
    }

    #[test]
    fn a_rule_has_one_effect_and_is_told_as_it_was_given() {
        let both = json!({"effect": {"close": true}, "preset": "llm_overloaded"});
        for none_or_two in [json!({}), both] {
            let rule: HttpRule = serde_json::from_value(none_or_two).unwrap();
            assert_eq!(rule.check(), Err(HttpRuleError::OneOf));
        }
        let text = json!({"match": {"path": "/v1/*", "from": 3, "times": 1}, "preset": "llm_overloaded"});
        let rule: HttpRule = serde_json::from_value(text.clone()).unwrap();
        assert_eq!((rule.check(), serde_json::to_value(&rule).unwrap()), (Ok(()), text));
    }
}
