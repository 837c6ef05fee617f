use std::collections::BTreeMap;

use chaos_core::HttpPreset;
use serde_json::{Value, json};

use super::*;

fn rule(effect: &Value) -> HttpRule {
    serde_json::from_value(json!({ "effect": effect })).unwrap()
}

/// A request that nothing has harmed.
fn unharmed() -> HttpTrial {
    HttpTrial {
        served: 1,
        status: Some(200),
        headers: BTreeMap::from([
            ("content-type".to_owned(), "text/plain".to_owned()),
            ("etag".to_owned(), "1".to_owned()),
        ]),
        body: "x".repeat(1000),
        body_bytes: 1000,
        body_events: 0,
        server_bytes: 1000,
        is_unchanged: true,
        is_complete: true,
        first_byte_us: 900,
        last_byte_us: 950,
        total_us: 1000,
        ..HttpTrial::default()
    }
}

fn closed(trial: HttpTrial) -> HttpTrial {
    HttpTrial { is_complete: false, error: Some("the connection was closed inside the body".to_owned()), ..trial }
}

fn silent(trial: HttpTrial, rule: &HttpRule) -> HttpTrial {
    let total_us = u64::try_from(wait(rule).as_micros()).unwrap();
    HttpTrial { total_us, error: Some("nothing more came".to_owned()), is_complete: false, ..trial }
}

fn no_answer() -> HttpTrial {
    HttpTrial {
        total_us: 1000,
        error: Some("the connection was closed without an answer".to_owned()),
        ..HttpTrial::default()
    }
}

fn told(rule: &HttpRule, trial: &HttpTrial) -> Result<String, String> {
    shown(rule, trial, wait(rule)).map_err(|why| why.to_string())
}

/// Each effect, with what a client sees of it, and what is said.
fn rows() -> Vec<(Value, HttpTrial, &'static str)> {
    let headers = |name: &str, value: &str| BTreeMap::from([(name.to_owned(), value.to_owned())]);
    let ours = |status| HttpTrial { served: 0, status: Some(status), body: String::new(), body_bytes: 0, ..unharmed() };
    let stall = json!({"stall": {"after_bytes": 100}});
    let (stalled, late) = (rule(&stall), rule(&json!({"delay": "1h"})));
    let refused = |why: &str| HttpTrial { error: Some(why.to_owned()), ..HttpTrial::default() };
    vec![
        (json!({"delay": "50ms"}), HttpTrial { first_byte_us: 51_000, ..unharmed() }, "it was answered after 0.051 s"),
        (json!({"delay": "1h"}), silent(HttpTrial::default(), &late), "nothing came within 7.000 s"),
        (json!({"duplicate": true}), HttpTrial { served: 2, ..unharmed() }, "the server got it 2 times"),
        (json!({"answer": {}}), ours(503), "the server did not get it, it was answered 503"),
        (
            json!({"answer": {"status": 429, "retry_after": "1500ms"}, "after_server": true}),
            HttpTrial { served: 1, headers: headers("retry-after", "2"), ..ours(429) },
            "the server got it once, it was answered 429",
        ),
        (
            json!({"answer": {"status": 200, "headers": {"X-A": "b"}, "body": "no"}}),
            HttpTrial { headers: headers("x-a", "b"), body: "no".to_owned(), body_bytes: 2, ..ours(200) },
            "it was answered 200",
        ),
        (
            json!({"answer": {"grpc": {"code": 14}}}),
            HttpTrial { grpc_status: Some(14), ..ours(200) },
            "`grpc-status` 14",
        ),
        (json!({"close": true}), no_answer(), "the server did not get it, it got no answer"),
        (
            json!({"close": true, "after_server": true}),
            HttpTrial { served: 1, ..no_answer() },
            "the server got it once",
        ),
        (json!({"change": {"status": 404}}), HttpTrial { status: Some(404), ..unharmed() }, "status 404"),
        (
            json!({"change": {"set_headers": {"Etag": "2"}}}),
            HttpTrial { headers: headers("etag", "2"), ..unharmed() },
            "changed",
        ),
        (
            json!({"change": {"remove_headers": ["ETag"]}}),
            HttpTrial { headers: BTreeMap::new(), ..unharmed() },
            "changed",
        ),
        (json!({"change": {"body": "a"}}), HttpTrial { body: "a".to_owned(), body_bytes: 1, ..unharmed() }, "1 bytes"),
        (json!({"corrupt": 0.1}), HttpTrial { is_unchanged: false, ..unharmed() }, "some were changed"),
        (json!({"cut": {"after_bytes": 100}}), closed(HttpTrial { body_bytes: 100, ..unharmed() }), "behind 100 bytes"),
        (json!({"cut": {"after_events": 2}}), closed(HttpTrial { body_events: 2, ..unharmed() }), "behind 2 events"),
        (stall, silent(HttpTrial { body_bytes: 100, ..unharmed() }, &stalled), "nothing came behind 100 bytes"),
        (
            json!({"stall": {"after_events": 1, "lasts": "50ms"}, "delay": "10ms"}),
            HttpTrial { first_byte_us: 11_000, last_byte_us: 61_000, ..unharmed() },
            "the last byte came after 0.061 s",
        ),
        (json!({"certificate": "expired"}), refused("the server's certificate has expired"), "has expired"),
        (
            json!({"certificate": "wrong_name"}),
            refused("the server's certificate is for `a`, not for `b`"),
            "not for `b`",
        ),
        (json!({"certificate": "untrusted"}), refused("comes from an authority that is not trusted"), "not trusted"),
    ]
}

#[test]
fn each_effect_is_told_by_what_a_client_sees() {
    for (effect, trial, words) in rows() {
        let text = told(&rule(&effect), &trial).unwrap_or_else(|why| panic!("{effect}: {why}"));
        assert!(text.contains(words), "{effect}: {text}");
    }
}

#[test]
fn a_request_that_nothing_has_harmed_shows_none_of_them() {
    for (effect, ..) in rows() {
        let why = told(&rule(&effect), &unharmed()).expect_err(&effect.to_string());
        assert!(!why.is_empty(), "{effect}");
    }
    for preset in HttpPreset::ALL {
        let rule = HttpRule { preset: Some(preset), ..HttpRule::default() };
        assert!(told(&rule, &unharmed()).is_err(), "{preset:?}");
    }
}

#[test]
fn a_part_of_an_effect_is_not_the_whole() {
    let (server, body) =
        (|served| HttpTrial { served, ..no_answer() }, |bytes| HttpTrial { body_bytes: bytes, ..unharmed() });
    let late = rule(&json!({"delay": "1h", "answer": {}}));
    let corrupt = rule(&json!({"answer": {"body": "abc"}, "corrupt": 0.5}));
    let given = HttpTrial { served: 0, status: Some(503), body: "abc".to_owned(), is_unchanged: false, ..body(3) };
    for (rule, trial, words) in [
        (rule(&json!({"close": true})), server(1), "the server got it once"),
        (rule(&json!({"close": true, "after_server": true})), server(0), "the server did not get it"),
        (rule(&json!({"cut": {"after_bytes": 100}})), closed(body(99)), "99 bytes"),
        (rule(&json!({"stall": {"after_bytes": 100}})), closed(body(100)), "100 bytes of the body came"),
        (late.clone(), silent(HttpTrial::default(), &late), "and so the rest"),
        (corrupt, given, "none was changed"),
        (rule(&json!({"certificate": "expired"})), no_answer(), "the handshake: the connection was closed"),
    ] {
        let why = told(&rule, &trial).unwrap_err();
        assert!(why.contains(words), "{why}");
    }
}

#[test]
fn each_preset_is_told_by_what_a_client_sees() {
    let json_body = |body: Value| HttpTrial { body: body.to_string(), ..unharmed() };
    let call = |arguments: &str| json!({"choices": [{"message": {"tool_calls": [{"function": {"name": "weather", "arguments": arguments}}]}}]});
    let limited = BTreeMap::from([("retry-after".to_owned(), "1".to_owned())]);
    let slow = HttpRule { preset: Some(HttpPreset::LlmSlowFirstToken), ..HttpRule::default() };
    let never = HttpRule { preset: Some(HttpPreset::ToolTimeout), ..HttpRule::default() };
    for (preset, trial) in [
        (HttpPreset::LlmRateLimited, HttpTrial { status: Some(429), headers: limited, ..unharmed() }),
        (HttpPreset::LlmOverloaded, HttpTrial { status: Some(503), ..unharmed() }),
        (HttpPreset::LlmCutStream, closed(unharmed())),
        (HttpPreset::LlmMalformedToolCall, json_body(call("{\"city\": \"Bo"))),
        (HttpPreset::LlmEmptyChoices, json_body(json!({"choices": []}))),
        (HttpPreset::LlmSlowFirstToken, silent(HttpTrial { body: String::new(), body_bytes: 0, ..unharmed() }, &slow)),
        (HttpPreset::ToolError, json_body(json!({"result": {"isError": true}}))),
        (HttpPreset::ToolWrongResult, json_body(json!({"result": {"structuredContent": {"celsius": 22}}}))),
        (HttpPreset::ToolTimeout, silent(HttpTrial { served: 1, ..HttpTrial::default() }, &never)),
    ] {
        let rule = HttpRule { preset: Some(preset), ..HttpRule::default() };
        told(&rule, &trial).unwrap_or_else(|why| panic!("{preset:?}: {why}"));
    }
    for (preset, body) in [
        (HttpPreset::LlmMalformedToolCall, call("{\"city\": \"Bonn\"}")),
        (HttpPreset::LlmEmptyChoices, call("{}")),
        (HttpPreset::ToolError, json!({"result": {"isError": false}})),
        (HttpPreset::ToolWrongResult, json!({"result": {"structuredContent": {"celsius": 21}}})),
    ] {
        let rule = HttpRule { preset: Some(preset), ..HttpRule::default() };
        assert!(told(&rule, &json_body(body)).is_err(), "{preset:?}");
    }
}
