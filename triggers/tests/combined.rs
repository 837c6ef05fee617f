//! Triggers of several triggers, under virtual time.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::time::Duration;

use chaos_core::{PluginError, RunContext, ToldEvents, TriggerNode, parse};
use chaos_test::run_context;
// Registers them.
use chaos_triggers as _;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

fn trigger(node: &Value) -> TriggerNode {
    parse(node).unwrap()
}

fn time(seconds: u32) -> Value {
    json!({"type": "time", "delay_seconds": seconds})
}

fn told(name: &str) -> Value {
    json!({"type": "event", "told": name})
}

/// One that can't fire.
fn never() -> Value {
    json!({"type": "event", "active": "nobody"})
}

async fn fired_at(cx: &RunContext, node: &Value) -> (String, u64) {
    let fired = trigger(node).wait(cx).await;
    (fired.map_or_else(|error| format!("error: {error}"), |fired| fired.0), cx.clock().now().as_secs())
}

#[tokio::test(start_paused = true)]
async fn all_wait_for_the_last_any_for_the_first_after_for_the_sum() {
    let list = json!([time(3), time(1), time(2)]);
    for (kind, at, said) in [
        ("all", 3, "3 s have passed; 1 s have passed; 2 s have passed"),
        ("any", 1, "1 s have passed"),
        ("after", 6, "3 s have passed, then 1 s have passed, then 2 s have passed"),
    ] {
        let node = json!({"type": kind, "triggers": list});
        assert_eq!(trigger(&node).at_least(), Duration::from_secs(at), "{kind}");
        let cx = run_context().virtual_time().build();
        assert_eq!(fired_at(&cx, &node).await, (said.to_owned(), at), "{kind}");
    }
}

#[tokio::test(start_paused = true)]
async fn one_that_can_not_fire_ends_all_and_after_at_once_and_any_with_the_last() {
    let reason = "no other entry is called `nobody`";
    for kind in ["all", "after"] {
        let cx = run_context().virtual_time().build();
        let node = json!({"type": kind, "triggers": [never(), time(5)]});
        assert_eq!(fired_at(&cx, &node).await, (format!("error: {reason}"), 0), "{kind}");
    }
    let cx = run_context().virtual_time().build();
    assert_eq!(fired_at(&cx, &json!({"type": "any", "triggers": [never(), time(5)]})).await.1, 5);
    let none = fired_at(&cx, &json!({"type": "any", "triggers": [never(), never()]})).await.0;
    assert_eq!(none, format!("error: none of its triggers can fire: {reason}; {reason}"));
}

#[tokio::test(start_paused = true)]
async fn a_debounce_waits_until_it_was_quiet() {
    let cx = run_context().virtual_time().build();
    let events = cx.services().get::<ToldEvents>();
    let bursts = async |events: Arc<ToldEvents>, cx: &RunContext| {
        for pause in [0, 1, 1, 1] {
            cx.clock().sleep(Duration::from_secs(pause)).await;
            events.tell("acted");
        }
    };
    let node = json!({"type": "debounce", "trigger": told("acted"), "quiet_seconds": 2});
    let (fired, ()) = tokio::join!(fired_at(&cx, &node), bursts(Arc::clone(&events), &cx));
    assert_eq!(fired, ("`acted` was told; fired 4 times, then quiet for 2 s".to_owned(), 5));
}

#[tokio::test(start_paused = true)]
async fn all_of_them_stop_when_cancelled() {
    for kind in ["all", "any", "after"] {
        let cancel = CancellationToken::new();
        let cx = run_context().virtual_time().cancel(cancel.clone()).build();
        cancel.cancel();
        let node = json!({"type": kind, "triggers": [time(60), told("x")]});
        let error = trigger(&node).wait(&cx).await.unwrap_err();
        assert!(matches!(error, PluginError::Cancelled), "{kind}: {error}");
    }
}

#[test]
fn an_empty_list_is_refused_with_its_place() {
    for kind in ["all", "any", "after"] {
        let error = parse::<TriggerNode>(&json!({"type": kind, "triggers": []})).unwrap_err();
        assert!(error.to_string().contains("no trigger: expected at least one"), "{error}");
        let nested = json!({"type": kind, "triggers": [{"type": "any", "triggers": [{"type": "time", "delay": 1}]}]});
        let error = parse::<TriggerNode>(&nested).unwrap_err();
        assert_eq!(error.pointer, "/triggers/0/triggers/0", "{error}");
    }
}
