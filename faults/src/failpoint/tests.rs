//! Tests of `failpoint` on the real control server, in this process.

use std::sync::Arc;

use chaos_core::{
    ContextParts, Events, FAULTS, Hosts, Journal, Policy, Presence, RealClock, SystemResolver, UNDO_STEPS, UndoLog,
    parse,
};
use chaos_failpoints::{ControlServer, arm, fail_check};
use chaos_test::broken_by;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::*;

fn context(run: &str) -> RunContext {
    let clock: Arc<dyn Clock> = Arc::new(RealClock::new());
    let parts = ContextParts {
        run_id: run.into(),
        seed: 1,
        events: Events::new(Arc::clone(&clock)),
        clock,
        policy: Arc::new(Policy::default()),
        hosts: Hosts::new(Arc::new(SystemResolver)),
        env: Arc::default(),
        workspace: std::env::temp_dir(),
        engine: None,
    };
    RunContext::new(parts, CancellationToken::new())
}

fn undo_context() -> UndoContext {
    UndoContext::new(Arc::new(RealClock::new()), Duration::from_secs(10))
}

fn server() -> ControlServer {
    ControlServer::tcp("127.0.0.1:0".parse().unwrap()).unwrap()
}

fn fault(server: &ControlServer, site: &str, more: Value) -> Failpoint {
    let mut value = json!({"url": format!("http://{}/", server.address().unwrap()), "site": site});
    if let (Value::Object(all), Value::Object(more)) = (&mut value, more) {
        all.extend(more);
    }
    parse(&value).unwrap()
}

/// Injects, and hands over the steps.
async fn inject(fault: &Failpoint, cx: &RunContext) -> Result<(Injection, Vec<chaos_core::ArmedStep>), PluginError> {
    let log = UndoLog::new(Arc::new(Journal::in_memory()), cx.clone(), None);
    let injection = fault.inject(cx, &log.handle()).await?;
    Ok((injection, log.newest_first()))
}

#[test]
fn the_contract_is_kept() {
    assert_eq!(broken_by(FAULTS.get("failpoint").unwrap()), []);
    assert!(UNDO_STEPS.get("disarm_failpoint").is_ok());
}

fn counted() -> Option<String> {
    fail_check!("faults.counted").map(|fired| fired.message())
}

#[tokio::test]
async fn it_arms_shows_the_hits_and_disarms() {
    let (server, cx) = (server(), context("run-1"));
    let fault = fault(&server, "faults.counted", json!({"error": "no & more", "max_failures": 2, "skip_first": 1}));
    assert_eq!(fault.witness(&cx).await.presence, Presence::Absent);
    let (injection, steps) = inject(&fault, &cx).await.unwrap();
    let seen: Vec<_> = (0..4).map(|_| counted()).collect();
    assert_eq!(seen, [None, Some("no & more".into()), Some("no & more".into()), None]);
    let sighting = fault.witness(&cx).await;
    assert_eq!(sighting.presence, Presence::Present);
    assert_eq!(
        sighting.evidence.summary,
        "fail point `faults.counted` is armed by squall/run-1 with `skip 1 2*return(no & more)`: 4 hits, 2 fires"
    );
    assert_eq!(sighting.evidence.data["hits"], 4);
    drop(injection);
    let undone = steps[0].step.undo(&undo_context()).await.unwrap();
    assert!(matches!(&undone, Undone::Reverted(detail) if detail.contains("4 hits, 2 fires")), "{undone:?}");
    assert_eq!(fault.witness(&cx).await.presence, Presence::Absent);
    let again = steps[0].step.undo(&undo_context()).await.unwrap();
    assert!(matches!(again, Undone::NothingToDo(_)), "{again:?}");
    assert_eq!(counted(), None);
}

fn foreign() -> bool {
    fail_check!("faults.foreign").is_some()
}

#[tokio::test]
async fn what_somebody_else_has_armed_is_left_alone() {
    let (server, cx) = (server(), context("run-2"));
    let fault = fault(&server, "faults.foreign", json!({}));
    let guard = arm("faults.foreign", "off").unwrap();
    let refused = inject(&fault, &cx).await.unwrap_err().to_string();
    assert!(refused.contains("status 409") && refused.contains("is armed by"), "{refused}");
    let step = DisarmFailpoint {
        url: fault.url.clone(),
        addresses: vec![server.address().unwrap()],
        site: "faults.foreign".into(),
        owner: "squall/run-2".into(),
    };
    let undone = step.undo(&undo_context()).await.unwrap();
    assert!(matches!(&undone, Undone::NothingToDo(why) if why.contains("not by us")), "{undone:?}");
    assert!(guard.is_in_force() && !foreign());
}

fn leased() -> bool {
    fail_check!("faults.leased").is_some()
}

#[tokio::test]
async fn the_guard_renews_the_lease_and_without_it_the_site_lapses() {
    let (server, cx) = (server(), context("run-3"));
    let fault = fault(&server, "faults.leased", json!({"lease_seconds": 1}));
    let (injection, _) = inject(&fault, &cx).await.unwrap();
    // Real time: the lease is one of real seconds.
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert!(leased(), "renewed");
    drop(injection);
    while fault.witness(&cx).await.presence == Presence::Present {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(!leased(), "lapsed");
}

#[tokio::test]
async fn a_process_that_is_gone_needs_no_undo_and_takes_no_arming() {
    let (server, cx) = (server(), context("run-4"));
    let fault = fault(&server, "faults.gone", json!({}));
    let _ = fail_check!("faults.gone");
    let (injection, steps) = inject(&fault, &cx).await.unwrap();
    drop((injection, server));
    let undone = steps[0].step.undo(&undo_context()).await.unwrap();
    assert!(matches!(&undone, Undone::NothingToDo(why) if why.contains("the process is gone")), "{undone:?}");
    let sighting = fault.witness(&cx).await;
    assert_eq!(sighting.presence, Presence::Absent, "{sighting:?}");
    let refused = inject(&fault, &cx).await.unwrap_err().to_string();
    assert!(refused.contains("nothing listens at"), "{refused}");
}

#[tokio::test]
async fn a_mistyped_site_is_told_with_the_processs_suggestion() {
    let (server, cx) = (server(), context("run-5"));
    let _ = fail_check!("faults.spelt_right");
    let refused = inject(&fault(&server, "faults.spelt_wright", json!({})), &cx).await.unwrap_err().to_string();
    assert!(refused.contains("did you mean `faults.spelt_right`?"), "{refused}");
    let unknown = fault(&server, "faults.spelt_wright", json!({})).witness(&cx).await;
    assert_eq!(unknown.presence, Presence::Unknown);
}

#[test]
fn parameters_out_of_bounds_are_refused_where_they_stand() {
    for (key, value, part) in [
        ("failure_rate", json!(1.5), "a number from 0 to 1"),
        ("max_failures", json!(0), "nonzero"),
        ("every_nth", json!(0), "nonzero"),
        ("delay_seconds", json!(0), "0.001 to 86400"),
        ("lease_seconds", json!(0), "1 to 3600"),
        ("lease_seconds", json!(3601), "1 to 3600"),
        ("site", json!("a b"), "letters, digits"),
        ("site", json!(""), "letters, digits"),
        ("sight", json!("x"), "unknown field"),
    ] {
        let mut document = json!({"url": "http://127.0.0.1:1", "site": "a"});
        document[key] = value;
        let error = parse::<Failpoint>(&document).unwrap_err();
        assert!(error.message.contains(part), "{key}: {}", error.message);
    }
}

#[tokio::test]
async fn a_plan_says_what_and_where_and_asks_nobody() {
    let fault: Failpoint = parse(&json!({
        "url": "http://127.0.0.1:1/base", "site": "a.b", "failure_rate": 0.25, "delay_seconds": 2, "error": "e",
    }))
    .unwrap();
    let plan = fault.plan(&context("run-6")).await.unwrap();
    assert_eq!(plan.summary, "arm fail point `a.b` at 127.0.0.1:1: delay by 2 s and fail with `e` on 25 % of hits");
    assert_eq!(plan.touches[0].to_string(), "failpoint:127.0.0.1:1/a.b");
    let tls: Failpoint = parse(&json!({"url": "https://127.0.0.1:1", "site": "a"})).unwrap();
    assert!(tls.plan(&context("run-6")).await.unwrap_err().to_string().contains("plain http"));
}
