//! Why one HTTP attempt failed, and whether another may do better.

use chaos_core::{shortened, visible_line};
use reqwest::{StatusCode, header::HeaderMap};
use serde_json::Value;

use super::retry_after::RetryAfter;
use crate::truncate::truncate;

/// The server's own words are shown up to here.
const MAX_MESSAGE_BYTES: usize = 300;
/// How much is shown of a reply that cannot be read.
const SHOWN_START: usize = 60;
/// Words of error types, and the status that they stand for where a success holds the error.
const STATUS_WORDS: [(&str, u16); 8] = [
    ("rate_limit", 429),
    ("ratelimit", 429),
    ("too_many_requests", 429),
    ("resource_exhausted", 429),
    ("overloaded", 503),
    ("unavailable", 503),
    ("server_error", 500),
    ("internal", 500),
];

/// A failed attempt.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error("status {}: {}", .0.status, .0.message)]
    Status(Box<StatusFailure>),
    #[error("no connection: {0}")]
    Connect(String),
    #[error("connection broke: {0}")]
    Transport(String),
    #[error("reply is longer than {0} bytes")]
    TooLong(usize),
    #[error("reply is not JSON: it begins with `{0}`")]
    NotJson(String),
    /// A success without an answer: a gateway's hiccup, which another try may not meet.
    #[error("{0}")]
    NoAnswer(&'static str),
    /// JSON of another shape.
    #[error("{0}")]
    Shape(&'static str),
}

/// An error that the server told.
#[derive(Debug)]
pub(super) struct StatusFailure {
    pub(super) status: u16,
    /// The server's own words, shortened.
    pub(super) message: String,
    /// The whole error body, bounded by the reader.
    pub(super) body: String,
    pub(super) retry_after: Option<RetryAfter>,
    quota_used_up: bool,
}

impl Failure {
    /// Reads an answer with an error status. The body is expected to be an OpenAI error object, and need not be.
    pub(super) fn of_status(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Self {
        let text = String::from_utf8_lossy(body);
        let text = text.trim_start_matches('\u{feff}').trim();
        let parsed: Value = serde_json::from_str(text).unwrap_or(Value::Null);
        let message = match error_message(&parsed) {
            Some(message) => message,
            None if status.is_redirection() => "redirects are not followed".to_owned(),
            None => text.to_owned(),
        };
        Self::told(status.as_u16(), &message, text, &parsed, RetryAfter::in_headers(headers))
    }

    fn told(status: u16, message: &str, body: &str, parsed: &Value, in_headers: Option<RetryAfter>) -> Self {
        let error = error_object(parsed);
        Self::Status(Box::new(StatusFailure {
            status,
            message: truncate(message, MAX_MESSAGE_BYTES),
            body: body.to_owned(),
            retry_after: in_headers.or_else(|| RetryAfter::in_text(body)),
            quota_used_up: ["type", "code"].iter().any(|key| error[key] == "insufficient_quota"),
        }))
    }

    /// Reads an error inside a successful answer, as some gateways send it: as an object, or as text.
    pub(super) fn inside_success(reply: &Value) -> Option<Self> {
        if let Value::String(text) = reply {
            return Self::in_text(text);
        }
        let inner = &reply["choices"][0]["error"];
        let reply = if is_error(inner) { &reply["choices"][0] } else { reply };
        let bare = reply.get("choices").is_none() && (reply["object"] == "error" || status_in(reply).is_some());
        if !is_error(&reply["error"]) && !bare {
            return None;
        }
        let body = reply.to_string();
        let message = error_message(reply).unwrap_or_else(|| body.clone());
        let error = error_object(reply);
        let status = status_in(error).or_else(|| status_in(reply)).or_else(|| status_at_start(&message));
        Some(Self::told(status.or_else(|| status_of_type(error)).unwrap_or(200), &message, &body, reply, None))
    }

    /// Reads text in place of JSON in a successful answer: `429 Too Many Requests`.
    pub(super) fn in_text(text: &str) -> Option<Self> {
        let status = status_at_start(text)?;
        Some(Self::told(status, text.trim(), text, &Value::Null, None))
    }

    /// A reply that is not JSON; its start says what it is, for instance a web page.
    pub(super) fn not_json(text: &str) -> Self {
        let start = text.trim_start().lines().next().unwrap_or_default();
        let start = shortened(&visible_line(start), SHOWN_START);
        Self::in_text(text).unwrap_or(Self::NotJson(start))
    }

    /// Reads an error of the HTTP client; addresses in it may hold secrets and are left out.
    pub(super) fn of_transport(error: reqwest::Error) -> Self {
        let connect = error.is_connect();
        let text = chain(&error.without_url());
        if connect { Self::Connect(text) } else { Self::Transport(text) }
    }

    /// Whether the same request may meet a better answer.
    pub(super) fn is_transient(&self) -> bool {
        match self {
            Self::Status(told) => match told.status {
                429 => !told.quota_used_up,
                status => status == 408 || (500..600).contains(&status),
            },
            Self::Connect(_) | Self::NoAnswer(_) => true,
            Self::Transport(_) | Self::TooLong(_) | Self::NotJson(_) | Self::Shape(_) => false,
        }
    }

    /// The wait that the server asked for.
    pub(super) fn retry_after(&self) -> Option<RetryAfter> {
        match self {
            Self::Status(told) => told.retry_after,
            _ => None,
        }
    }
}

/// Whether a member `error` says anything.
fn is_error(error: &Value) -> bool {
    match error {
        Value::Null | Value::Bool(false) => false,
        Value::String(text) => !text.is_empty(),
        Value::Object(object) => !object.is_empty(),
        _ => true,
    }
}

/// The object that tells about an error: `error` of the body, of its first item (as one vendor sends it), or the body.
fn error_object(body: &Value) -> &Value {
    let body = if body.is_array() { &body[0] } else { body };
    if body["error"].is_object() { &body["error"] } else { body }
}

fn error_message(body: &Value) -> Option<String> {
    let error = error_object(body);
    let texts = [&error["message"], &error["error"], &error["detail"], &error["msg"]];
    let text = texts.into_iter().find_map(Value::as_str).map(str::to_owned);
    text.or_else(|| (!error["detail"].is_null()).then(|| error["detail"].to_string()))
}

/// A status as a number or as text, under one of the usual names.
fn status_in(object: &Value) -> Option<u16> {
    ["code", "status", "status_code"].iter().find_map(|key| {
        let code = match &object[key] {
            Value::Number(number) => number.as_u64().and_then(|code| u16::try_from(code).ok()),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        };
        code.filter(|code| (400..600).contains(code))
    })
}

/// A status among the first words of a text, such as `Error 429: slow down`.
fn status_at_start(text: &str) -> Option<u16> {
    let words = text.split_whitespace().take(4).map(|word| word.trim_matches(|c: char| !c.is_ascii_digit()));
    words.filter(|word| word.len() == 3).find_map(|word| word.parse().ok().filter(|code| (400..600).contains(code)))
}

fn status_of_type(error: &Value) -> Option<u16> {
    let words = ["type", "code", "status"].map(|key| error[key].as_str().unwrap_or_default().to_ascii_lowercase());
    let words = words.join(" ");
    STATUS_WORDS.iter().find(|(word, _)| words.contains(word)).map(|(_, status)| *status)
}

/// An error's message with those of its causes, which the HTTP client leaves out of its own.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    truncate(&text, MAX_MESSAGE_BYTES)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn status(code: u16, body: &str) -> Failure {
        let code = StatusCode::from_u16(code).expect("a status");
        Failure::of_status(code, &HeaderMap::new(), body.as_bytes())
    }

    #[test]
    fn only_what_may_pass_by_itself_is_transient() {
        let quota_in_type = r#"{"error": {"message": "m", "type": "insufficient_quota"}}"#;
        let quota_in_code = r#"{"error": {"message": "m", "code": "insufficient_quota"}}"#;
        let cases = [
            (status(429, "{}"), true),
            (status(429, quota_in_type), false),
            (status(429, quota_in_code), false),
            (status(408, ""), true),
            (status(500, "<html>"), true),
            (status(503, ""), true),
            (status(302, ""), false),
            (status(400, "{}"), false),
            (status(401, "{}"), false),
            (status(404, "{}"), false),
            (Failure::Connect("refused".into()), true),
            (Failure::NoAnswer("reply is empty"), true),
            (Failure::Transport("reset".into()), false),
            (Failure::TooLong(1), false),
            (Failure::not_json("<html>"), false),
            (Failure::not_json("429 Too Many Requests"), true),
        ];
        for (failure, transient) in cases {
            assert_eq!(failure.is_transient(), transient, "{failure}");
        }
    }

    #[test]
    fn the_servers_words_are_found_and_bounded() {
        let cases = [
            (r#"{"error": {"message": "no such model", "code": 5}}"#, "status 404: no such model"),
            (r#"{"error": "plain"}"#, "status 404: plain"),
            (r#"[{"error": {"message": "in a list"}}]"#, "status 404: in a list"),
            (r#"{"detail": "Not Found"}"#, "status 404: Not Found"),
            (r#"{"detail": [{"msg": "extra"}]}"#, r#"status 404: [{"msg":"extra"}]"#),
            (r#"{"object": "error", "message": "flat"}"#, "status 404: flat"),
            ("\u{feff}{\"error\": \"after a mark\"}", "status 404: after a mark"),
            ("not json\n", "status 404: not json"),
            ("", "status 404: "),
        ];
        for (body, message) in cases {
            assert_eq!(status(404, body).to_string(), message);
        }
        assert!(status(404, &"x".repeat(9999)).to_string().len() < 320);
        assert_eq!(status(307, "").to_string(), "status 307: redirects are not followed");
    }

    #[test]
    fn an_error_inside_a_success_is_found() {
        let cases = [
            (json!({"error": {"message": "upstream busy", "code": 502}}), "status 502: upstream busy"),
            (json!({"error": {"message": "odd", "code": "x"}}), "status 200: odd"),
            (json!({"error": {"message": "slow down", "code": "429"}}), "status 429: slow down"),
            (json!({"error": {"message": "slow", "type": "rate_limit_error"}}), "status 429: slow"),
            (json!({"error": {"message": "busy", "type": "overloaded_error"}}), "status 503: busy"),
            (json!({"error": "429 Too Many Requests"}), "status 429: 429 Too Many Requests"),
            (json!({"object": "error", "message": "flat", "code": 429}), "status 429: flat"),
            (json!({"choices": [{"error": {"message": "in the choice", "code": 502}}]}), "status 502: in the choice"),
            (json!("Error 429: slow down"), "status 429: Error 429: slow down"),
        ];
        for (reply, message) in cases {
            assert_eq!(Failure::inside_success(&reply).expect("an error").to_string(), message, "{reply}");
        }
        for fine in
            [json!({"error": null, "choices": []}), json!({"error": {}, "choices": [1]}), json!({"choices": []})]
        {
            assert!(Failure::inside_success(&fine).is_none(), "{fine}");
        }
    }
}
