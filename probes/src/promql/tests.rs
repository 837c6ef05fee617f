use serde_json::json;

use super::*;

fn probe(keys: &Value) -> Promql {
    let mut all = json!({"url": "http://127.0.0.1:9090/prom/", "query": "up{a=\"b c\"}[5m]"});
    all.as_object_mut().unwrap().extend(keys.as_object().unwrap().clone());
    serde_json::from_value(all).unwrap()
}

#[test]
fn an_answer_is_judged_and_no_data_decides_nothing() {
    let vector = |values: &[&str]| {
        let elements: Vec<_> = values.iter().map(|value| json!({"metric": {}, "value": [1.5, value]})).collect();
        json!({"status": "success", "data": {"resultType": "vector", "result": elements}})
    };
    let scalar = json!({"status": "success", "data": {"resultType": "scalar", "result": [1.5, "3"]}});
    let matrix = json!({"status": "success", "data": {"resultType": "matrix", "result": []}});
    let bad = json!({"status": "error", "errorType": "bad_data", "error": "parse error: unexpected end"});
    let rows = [
        (json!({"above": 2}), &scalar, Answer::Yes, "the value is 3"),
        (json!({"above": 2}), &vector(&["3", "1"]), Answer::No, "the value is 3, the first of 2"),
        (json!({"above": 2}), &vector(&["3", "NaN"]), Answer::Unknown, "the value is 3, the first of 2"),
        (json!({"above": 2}), &vector(&["+Inf"]), Answer::Yes, "the value is inf"),
        (json!({"above": 2}), &vector(&[]), Answer::Unknown, "no data: that is neither yes nor no"),
        (json!({"expect": "any"}), &vector(&[]), Answer::No, "the result has 0 elements"),
        (json!({"expect": "none"}), &vector(&[]), Answer::Yes, "the result has 0 elements"),
        (json!({"expect": "any"}), &vector(&["0"]), Answer::Yes, "the result has 1 elements"),
        (
            json!({"above": 2}),
            &bad,
            Answer::Unknown,
            "`http://127.0.0.1:9090/prom/` refused the query: parse error: unexpected end",
        ),
    ];
    for (keys, reply, answer, detail) in rows {
        let seen = probe(&keys).judge(200, reply.to_string().as_bytes());
        assert_eq!((seen.answer, seen.detail.as_str()), (answer, detail), "{keys} {reply}");
    }
    assert_eq!(probe(&json!({"above": 2})).judge(200, matrix.to_string().as_bytes()).answer, Answer::Unknown);
    assert_eq!(probe(&json!({"above": 2})).judge(404, b"<html>").answer, Answer::Unknown);
}

#[test]
fn a_query_is_escaped_and_needs_one_kind_of_expectation() {
    let url = probe(&json!({"above": 1})).question().unwrap();
    assert_eq!(url.as_str(), "http://127.0.0.1:9090/prom/api/v1/query?query=up%7Ba%3D%22b+c%22%7D%5B5m%5D");
    for keys in [json!({}), json!({"above": 1, "expect": "any"}), json!({"above": 1, "query": " "})] {
        assert!(probe(&keys).reach().is_err(), "{keys}");
    }
}

#[tokio::test]
async fn a_server_that_is_down_is_unknown() {
    // The kernel gives no such port to anybody.
    let seen = probe(&json!({"url": "http://127.0.0.1:1", "above": 1})).observe(&crate::test_context::plain()).await;
    assert_eq!(seen.answer, Answer::Unknown, "{}", seen.detail);
}
