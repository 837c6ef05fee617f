//! Sessions of fake faults under virtual time; what proves a fault is the file that it makes.

use std::time::Duration;

use chaos_core::{ChaosSpec, EventKind, HostPattern, HostPort, Verdict, parse};
use chaos_runner::{Session, SessionPlan};
use chaos_test::Bench;
use serde_json::json;

const LONG: Duration = Duration::from_mins(10);

fn touch(bench: &Bench, name: &str) -> ChaosSpec {
    let action = json!({"type": "test_touch_file", "path": bench.path(name), "misbehave": "no"});
    parse(&json!({"trigger": {"type": "test_now"}, "action": action})).unwrap()
}

fn finite(seconds: u32) -> ChaosSpec {
    let action = json!({"type": "test_finite", "seconds": seconds, "lands": true});
    parse(&json!({"trigger": {"type": "test_now"}, "action": action})).unwrap()
}

#[test]
fn entries_run_one_after_the_other_on_one_stream_and_leave_nothing() {
    let bench = Bench::new().unwrap();
    let (first, second) = (touch(&bench, "a"), finite(3));
    let runner = bench.runner().build().unwrap();
    let work = |session: Session| async move {
        let one = session.run(first, "steps/1", LONG).await.unwrap();
        let two = session.run(second, "steps/2", LONG).await.unwrap();
        (one.verdict, two.verdict, session.cx().clock().now())
    };
    let mut run = runner.session(SessionPlan::default(), move |session| Box::pin(work(session))).unwrap();
    let mut events = run.take_events().unwrap();
    let end = run.wait_blocking().unwrap();
    let (one, two, taken) = end.output.unwrap();
    assert_eq!((one, two, end.in_force), (Verdict::Unchecked, Verdict::Unchecked, None));
    assert!(taken >= Duration::from_secs(13), "{taken:?}");
    assert!(!bench.path("a").exists() && bench.journals_left() == 0);
    let mut paths = Vec::new();
    while let Some(event) = events.try_recv() {
        if matches!(event.kind, EventKind::Ended { .. }) {
            paths.push(event.path);
        }
    }
    assert_eq!(paths, ["/steps/1", "/steps/2"]);
}

#[test]
fn an_asker_that_goes_away_does_not_skip_the_undo() {
    let bench = Bench::new().unwrap();
    let entry = touch(&bench, "a");
    let work = |session: Session| async move {
        let asked = session.run(entry, "steps/1", LONG);
        let gone = session.cx().clock().timeout(Duration::from_secs(2), asked).await;
        gone.is_none()
    };
    let run = bench.runner().build().unwrap().session(SessionPlan::default(), move |session| Box::pin(work(session)));
    let end = run.unwrap().wait_blocking().unwrap();
    assert_eq!((end.output, end.in_force), (Ok(true), None));
    assert!(!bench.path("a").exists() && bench.journals_left() == 0);
}

#[test]
fn a_panic_of_the_work_undoes_and_is_told() {
    let bench = Bench::new().unwrap();
    let entry = touch(&bench, "a");
    let work = |session: Session| async move {
        let asked = session.run(entry, "steps/1", LONG);
        let _ = session.cx().clock().timeout(Duration::from_secs(2), asked).await;
        panic!("on purpose");
    };
    let run = bench.runner().build().unwrap().session::<(), _>(SessionPlan::default(), move |s| Box::pin(work(s)));
    let end = run.unwrap().wait_blocking().unwrap();
    assert_eq!(end.output.unwrap_err().to_string(), "panicked: on purpose");
    assert!(!bench.path("a").exists() && bench.journals_left() == 0);
}

#[test]
fn after_a_limit_an_entry_ends_early_and_is_undone() {
    let bench = Bench::new().unwrap();
    let entry = touch(&bench, "a");
    let work = |session: Session| async move { session.run(entry, "steps/1", Duration::from_secs(2)).await.unwrap() };
    let run = bench.runner().build().unwrap().session(SessionPlan::default(), move |session| Box::pin(work(session)));
    let result = run.unwrap().wait_blocking().unwrap().output.unwrap();
    assert_eq!((result.verdict, result.error.as_deref()), (Verdict::Inconclusive, Some("interrupted")));
    assert!(!bench.path("a").exists());
}

#[test]
fn behind_an_undo_that_failed_nothing_more_is_begun() {
    let bench = Bench::new().unwrap();
    let action = json!({"type": "test_touch_file", "path": bench.path("a"), "misbehave": "undo_fails"});
    let first: ChaosSpec = parse(&json!({"trigger": {"type": "test_now"}, "action": action})).unwrap();
    let second = touch(&bench, "b");
    let work = |session: Session| async move {
        let one = session.run(first, "steps/1", LONG).await.unwrap();
        (one.verdict, session.run(second, "steps/2", LONG).await.unwrap().error)
    };
    let run = bench.runner().build().unwrap().session(SessionPlan::default(), move |session| Box::pin(work(session)));
    let end = run.unwrap().wait_blocking().unwrap();
    let (verdict, skipped) = end.output.unwrap();
    assert_eq!(verdict, Verdict::RevertFailed);
    assert!(skipped.unwrap().starts_with("skipped: an undo failed before"));
    assert!(end.in_force.is_some() && bench.journals_left() == 1, "the journal is kept");
}

#[test]
fn a_session_reaches_only_its_hosts_and_hides_what_it_is_told_to() {
    let bench = Bench::new().unwrap();
    let confined_to = vec!["127.0.0.1".parse::<HostPattern>().unwrap()].into();
    let plan = SessionPlan { confined_to, hidden_env: vec!["CHAOS_MODEL"], ..SessionPlan::default() };
    let env = [("CHAOS_MODEL".to_owned(), "m".to_owned()), ("KEPT".to_owned(), "k".to_owned())];
    let work = |session: Session| async move {
        let cx = session.cx();
        let refused = cx.allowed_addresses(&HostPort::new("127.0.0.2", 80)).await.is_err();
        let allowed = cx.allowed_addresses(&HostPort::new("127.0.0.1", 80)).await.is_ok();
        (refused, allowed, cx.env("CHAOS_MODEL").is_none(), cx.env("KEPT").is_some())
    };
    let runner = bench.runner().env(env.into()).build().unwrap();
    let run = runner.session(plan, move |session| Box::pin(work(session)));
    let end = run.unwrap().wait_blocking().unwrap();
    assert_eq!(end.output, Ok((true, true, true, true)));
}
