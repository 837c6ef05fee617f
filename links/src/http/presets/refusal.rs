//! A model that refuses, in the words of OpenAI's API or of Anthropic's.

use std::collections::BTreeMap;
use std::time::Duration;

use chaos_core::{DurationText, HeaderName, HttpAnswer, HttpEffect, HttpFieldText, HttpStatus};
use hyper::http::request::Parts;
use serde_json::{Value, json};

/// How long clients are told to wait.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// The rate of requests is used up.
pub(super) fn rate_limited(head: &Parts) -> HttpEffect {
    let (headers, body) = if is_anthropic(head) { anthropic_limit() } else { openai_limit() };
    refusal(429, Some(RETRY_AFTER), headers, &body)
}

/// There is no capacity.
pub(super) fn overloaded(head: &Parts) -> HttpEffect {
    if is_anthropic(head) {
        let body = anthropic_error("overloaded_error", "Overloaded");
        return refusal(529, None, &[("x-should-retry", "true")], &body);
    }
    let body = json!({"error": {
        "message": "Our servers are currently overloaded. Please try again later.",
        "type": "service_unavailable_error",
        "param": null,
        "code": "server_is_overloaded",
    }});
    refusal(503, None, &[], &body)
}

type Headers = &'static [(&'static str, &'static str)];

fn openai_limit() -> (Headers, Value) {
    let headers = &[
        ("x-ratelimit-limit-requests", "60"),
        ("x-ratelimit-limit-tokens", "150000"),
        ("x-ratelimit-remaining-requests", "0"),
        ("x-ratelimit-remaining-tokens", "149984"),
        ("x-ratelimit-reset-requests", "1s"),
        ("x-ratelimit-reset-tokens", "6ms"),
    ];
    let body = json!({"error": {
        "message": "Rate limit reached for requests per min (RPM): Limit 60, Used 60, Requested 1. Please try again in 1s.",
        "type": "requests",
        "param": null,
        "code": "rate_limit_exceeded",
    }});
    (headers, body)
}

fn anthropic_limit() -> (Headers, Value) {
    let headers = &[
        ("anthropic-ratelimit-requests-limit", "60"),
        ("anthropic-ratelimit-requests-remaining", "0"),
        ("x-should-retry", "true"),
    ];
    let says = "This request would exceed the rate limit for your organization of 60 requests per minute.";
    (headers, anthropic_error("rate_limit_error", says))
}

fn anthropic_error(kind: &str, message: &str) -> Value {
    json!({"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_000000000000000000000000"})
}

/// Whether the request is one for Anthropic's API: it names its version, or its path.
fn is_anthropic(head: &Parts) -> bool {
    head.headers.contains_key("anthropic-version") || head.uri.path().ends_with("/v1/messages")
}

fn refusal(status: u16, retry_after: Option<Duration>, headers: Headers, body: &Value) -> HttpEffect {
    let header = |(name, value): &(&str, &str)| {
        let name = HeaderName::try_from((*name).to_owned()).ok()?;
        Some((name, HttpFieldText::try_from((*value).to_owned()).ok()?))
    };
    let kind = ("content-type", "application/json");
    let headers: BTreeMap<_, _> = headers.iter().chain([&kind]).filter_map(header).collect();
    let answer = HttpAnswer {
        status: HttpStatus::try_from(status).unwrap_or_default(),
        headers,
        retry_after: retry_after.map(DurationText::from),
        body: body.to_string(),
        grpc: None,
    };
    HttpEffect { answer: Some(answer), ..HttpEffect::default() }
}

#[cfg(test)]
mod tests {
    use hyper::Request;

    use super::*;

    fn head(path: &str, header: (&str, &str)) -> Parts {
        Request::post(path).header(header.0, header.1).body(()).unwrap().into_parts().0
    }

    fn answer(effect: HttpEffect) -> (u16, BTreeMap<String, String>, Option<String>, Value) {
        assert_eq!(effect.check(), Ok(()));
        let HttpAnswer { status, headers, retry_after, body, .. } = effect.answer.unwrap();
        let headers =
            headers.into_iter().map(|(name, value)| (name.as_str().to_owned(), value.as_str().to_owned())).collect();
        (status.get(), headers, retry_after.map(|wait| wait.to_string()), serde_json::from_str(&body).unwrap())
    }

    #[test]
    fn openai_refuses_in_its_words() {
        let head = head("/v1/chat/completions", ("authorization", "Bearer x"));
        let (status, headers, retry_after, body) = answer(rate_limited(&head));
        assert_eq!((status, retry_after.as_deref()), (429, Some("1s")));
        assert_eq!(headers.len(), 7, "{headers:?}");
        assert_eq!(headers["x-ratelimit-remaining-requests"], "0");
        assert_eq!(
            (&body["error"]["type"], &body["error"]["code"]),
            (&json!("requests"), &json!("rate_limit_exceeded"))
        );
        let (status, headers, retry_after, body) = answer(overloaded(&head));
        assert_eq!((status, retry_after, headers["content-type"].as_str()), (503, None, "application/json"));
        assert_eq!(body["error"]["code"], "server_is_overloaded");
        assert!(body["error"]["param"].is_null());
    }

    #[test]
    fn anthropic_refuses_in_its_words() {
        for head in [head("/v1/messages", ("x-api-key", "x")), head("/claude", ("anthropic-version", "2023-06-01"))] {
            let (status, headers, _, body) = answer(rate_limited(&head));
            assert_eq!(
                (status, &body["type"], &body["error"]["type"]),
                (429, &json!("error"), &json!("rate_limit_error"))
            );
            assert_eq!(headers["anthropic-ratelimit-requests-remaining"], "0");
            let (status, _, _, body) = answer(overloaded(&head));
            assert_eq!((status, &body["error"]["type"]), (529, &json!("overloaded_error")));
        }
        assert!(!is_anthropic(&head("/v1/threads/a/messages", ("x", "y"))));
    }
}
