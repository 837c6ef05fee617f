//! Each clause of `release()`.

use std::time::Duration;

use chaos_core::{Answer, ChaosResult, ChaosSpec, Reverted, Verdict, parse};
use chaos_runner::{EntryStage, ReleaseEffect, Session, SessionPlan};
use chaos_test::Bench;
use serde_json::{Value, json};

/// A file that is held for 500 s, merged with what the test adds.
fn held(bench: &Bench, more: &Value) -> ChaosSpec {
    let action = json!({"type": "test_touch_file", "path": bench.path("f")});
    let mut entry = json!({"trigger": {"type": "test_now"}, "action": action, "duration_seconds": 500});
    entry.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    parse(&entry).unwrap()
}

fn counting(starts_in: u32, seconds: u32) -> ChaosSpec {
    let action = json!({"type": "engine_counts_up", "starts_in": starts_in, "seconds": seconds});
    parse(&json!({"trigger": {"type": "test_now"}, "action": action})).unwrap()
}

/// Runs one entry, and releases it `after` it was started.
fn released(bench: &Bench, entry: ChaosSpec, after: Duration) -> (ReleaseEffect, ChaosResult) {
    let work = move |session: Session| async move {
        let handle = session.start(entry);
        session.cx().clock().sleep(after).await;
        let effect = handle.release();
        (effect, handle.done().await.unwrap())
    };
    let runner = bench.runner().build().unwrap();
    let run = runner.session(SessionPlan::default(), move |session| Box::pin(work(session))).unwrap();
    run.wait_blocking().unwrap().output.unwrap()
}

fn events(result: &ChaosResult) -> Vec<&str> {
    result.timeline.iter().map(|point| point.event.as_str()).collect()
}

const SOON: Duration = Duration::from_millis(2600);

#[test]
fn the_hold_ends_now_and_undo_check_and_verdict_follow_as_usual() {
    let yes = json!({"type": "test_answer", "answer": true});
    for (more, verdict) in [(json!({}), Verdict::Unchecked), (json!({"during": [yes]}), Verdict::Held)] {
        let bench = Bench::new().unwrap();
        let (effect, result) = released(&bench, held(&bench, &more), SOON);
        assert_eq!((effect, result.verdict), (ReleaseEffect::Released, verdict), "{result:?}");
        assert_eq!((result.success, result.reverted, result.error.clone()), (true, Reverted::Reverted, None));
        assert!((2.5..3.0).contains(&result.elapsed_time), "{}", result.elapsed_time);
        let tail = ["holding", "released", "looked", "undoing", "undid", "looked"];
        let seen: Vec<&str> = events(&result).into_iter().filter(|event| *event != "probed").collect();
        assert!(seen.ends_with(&tail), "{seen:?}");
        assert!(!bench.path("f").exists() && bench.journals_left() == 0);
    }
}

#[test]
fn a_whole_run_is_released_by_its_handle_and_exits_with_0() {
    let bench = Bench::new().unwrap();
    let runner = bench.runner().time(chaos_runner::TimeSource::default()).build().unwrap();
    let handle = runner.start(chaos_core::Task::of(held(&bench, &json!({})))).unwrap();
    let mut entry = handle.entry(0).unwrap();
    let waiting = tokio::runtime::Builder::new_current_thread().build().unwrap();
    waiting.block_on(entry.active()).unwrap();
    handle.release();
    let report = handle.wait_blocking().unwrap();
    assert_eq!((report.exit_code(), report.success), (0, true));
    assert_eq!((entry.state().stage, entry.release()), (EntryStage::Ended, ReleaseEffect::TooLate));
}

#[test]
fn before_it_is_active_a_release_is_a_cancel() {
    let bench = Bench::new().unwrap();
    let waits = json!({"trigger": {"type": "test_never", "after_seconds": 100}});
    let rows = [(held(&bench, &waits), "interrupted before the trigger fired"), (counting(30, 30), "interrupted")];
    for (entry, why) in rows {
        let (effect, result) = released(&bench, entry, SOON);
        assert_eq!((effect, result.verdict), (ReleaseEffect::Cancelled, Verdict::Inconclusive));
        assert_eq!((result.error.as_deref(), result.success), (Some(why), false));
        assert!(!events(&result).contains(&"released"), "{result:?}");
    }
}

#[test]
fn a_pending_detect_is_unknown_unless_its_window_has_passed() {
    let detect = |answer: bool, within: u32| json!({"detect": {"type": "test_answer", "answer": answer, "within_seconds": within}});
    let bench = Bench::new().unwrap();
    let there = json!({"detect": {"type": "test_file_exists", "path": bench.path("f"), "within_seconds": 60}});
    let rows = [
        (detect(false, 60), Answer::Unknown, Verdict::Inconclusive, "released after 2.6 s, before its 60 s had passed"),
        (detect(false, 1), Answer::No, Verdict::Deviated, "not noticed within 1 s"),
        (there, Answer::Yes, Verdict::Held, "noticed after 0.0 s"),
    ];
    for (more, answer, verdict, why) in rows {
        let (_, result) = released(&bench, held(&bench, &more), SOON);
        assert_eq!((result.probes[0].answer, result.verdict, result.success), (answer, verdict, true), "{result:?}");
        assert!(result.probes[0].detail.contains(why), "{:?}", result.probes);
    }
}

#[test]
fn every_during_probe_needs_one_complete_answer() {
    let slow = |seconds: u32| json!({"type": "engine_slow", "seconds": seconds});
    let yes = json!({"type": "test_answer", "answer": true});
    let rows = [
        (json!({"during": [slow(2)]}), Verdict::Held, [Answer::Yes].as_slice()),
        (json!({"during": [slow(9)]}), Verdict::Inconclusive, &[Answer::Unknown]),
        (json!({"during": [yes, slow(9)]}), Verdict::Inconclusive, &[Answer::Yes, Answer::Unknown]),
    ];
    for (more, verdict, answers) in rows {
        let bench = Bench::new().unwrap();
        let (_, result) = released(&bench, held(&bench, &more), SOON);
        assert_eq!(result.verdict, verdict, "{result:?}");
        assert_eq!(result.probes.iter().map(|probe| probe.answer).collect::<Vec<_>>(), answers);
    }
}

#[test]
fn a_finite_fault_ends_early_and_what_it_did_is_judged() {
    let bench = Bench::new().unwrap();
    let rows = [
        (SOON, Verdict::Unchecked, "2", None),
        (Duration::from_millis(300), Verdict::Inconclusive, "0", Some("it counted nothing")),
    ];
    for (after, verdict, counted, error) in rows {
        let (effect, result) = released(&bench, counting(0, 100), after);
        assert_eq!((effect, result.verdict), (ReleaseEffect::Released, verdict), "{result:?}");
        assert_eq!((result.output.as_str(), result.error.as_deref()), (counted, error));
        assert!(result.elapsed_time < 3.0 && events(&result).contains(&"released"), "{result:?}");
    }
}

#[test]
fn a_release_after_the_end_is_too_late_and_changes_nothing() {
    let bench = Bench::new().unwrap();
    let (effect, result) = released(&bench, held(&bench, &json!({"duration_seconds": 1})), SOON);
    assert_eq!((effect, result.verdict), (ReleaseEffect::TooLate, Verdict::Unchecked));
    assert!(!events(&result).contains(&"released"), "{result:?}");
}

#[test]
fn what_vanished_before_the_release_did_not_land() {
    let bench = Bench::new().unwrap();
    let action = json!({"type": "test_touch_file", "path": bench.path("f"), "misbehave": "vanish"});
    let (_, result) = released(&bench, held(&bench, &json!({"action": action})), Duration::from_secs(8));
    assert_eq!((result.verdict, result.success), (Verdict::Inconclusive, false));
    assert!(result.error.as_ref().unwrap().contains("gone before its time"), "{result:?}");
}
