//! Why one HTTP attempt failed, and whether another may do better.

use std::time::Duration;

use reqwest::{StatusCode, header::HeaderMap};
use serde_json::Value;

use crate::truncate::truncate;

/// The server's own words are shown up to here.
const MAX_MESSAGE_BYTES: usize = 300;

/// A failed attempt.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error("status {status}: {message}")]
    Status { status: u16, message: String, retry_after: Option<Duration>, quota_used_up: bool },
    #[error("no connection: {0}")]
    Connect(String),
    #[error("connection broke: {0}")]
    Transport(String),
    #[error("reply is longer than {0} bytes")]
    TooLong(usize),
    #[error("reply is not JSON")]
    NotJson,
}

impl Failure {
    /// Reads an answer with an error status. The body is expected to be an OpenAI error object, and need not be.
    pub(super) fn of_status(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Self {
        let parsed: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
        let error = &parsed["error"];
        let message = match error["message"].as_str().or_else(|| error.as_str()) {
            Some(message) => message.to_owned(),
            None if status.is_redirection() => "redirects are not followed".to_owned(),
            None => String::from_utf8_lossy(body).trim().to_owned(),
        };
        Self::Status {
            status: status.as_u16(),
            message: truncate(&message, MAX_MESSAGE_BYTES),
            retry_after: retry_after(headers),
            quota_used_up: ["type", "code"].iter().any(|key| error[key] == "insufficient_quota"),
        }
    }

    /// Reads an error object inside a successful answer, as some gateways send it.
    pub(super) fn inside_success(reply: &Value) -> Option<Self> {
        let error = reply.get("error").filter(|error| !error.is_null())?;
        let status = error["code"]
            .as_u64()
            .and_then(|code| u16::try_from(code).ok())
            .filter(|code| (400..600).contains(code))
            .and_then(|code| StatusCode::from_u16(code).ok())
            .unwrap_or(StatusCode::OK);
        let body = reply.to_string();
        Some(Self::of_status(status, &HeaderMap::new(), body.as_bytes()))
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
            Self::Status { status: 429, quota_used_up, .. } => !quota_used_up,
            Self::Status { status, .. } => (500..600).contains(status),
            Self::Connect(_) => true,
            Self::Transport(_) | Self::TooLong(_) | Self::NotJson => false,
        }
    }

    /// The wait that the server asked for.
    pub(super) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Status { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}

/// Seconds, whole or not; a date is read as no wish at all, and our own wait is used.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds: f64 = headers.get(reqwest::header::RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Duration::try_from_secs_f64(seconds).ok()
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
            (status(500, "<html>"), true),
            (status(503, ""), true),
            (status(302, ""), false),
            (status(400, "{}"), false),
            (status(401, "{}"), false),
            (status(404, "{}"), false),
            (Failure::Connect("refused".into()), true),
            (Failure::Transport("reset".into()), false),
            (Failure::TooLong(1), false),
            (Failure::NotJson, false),
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
        let busy = json!({"error": {"message": "upstream busy", "code": 502}});
        let failure = Failure::inside_success(&busy).expect("an error");
        assert_eq!(failure.to_string(), "status 502: upstream busy");
        let odd = json!({"error": {"message": "odd", "code": "x"}});
        let failure = Failure::inside_success(&odd).expect("an error");
        assert_eq!(failure.to_string(), "status 200: odd");
        assert!(Failure::inside_success(&json!({"error": null, "choices": []})).is_none());
    }

    #[test]
    fn retry_after_is_read_in_seconds() {
        let cases = [
            ("3", Some(3000)),
            ("0.5", Some(500)),
            ("-1", None),
            ("NaN", None),
            ("1e300", None),
            ("Wed, 21 Oct 2026 07:28:00 GMT", None),
        ];
        for (value, milliseconds) in cases {
            let mut headers = HeaderMap::new();
            headers.insert("retry-after", value.parse().expect("a header value"));
            let failure = Failure::of_status(StatusCode::TOO_MANY_REQUESTS, &headers, b"");
            assert_eq!(failure.retry_after(), milliseconds.map(Duration::from_millis), "{value}");
        }
    }
}
