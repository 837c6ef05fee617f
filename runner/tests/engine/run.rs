//! Whole runs of fake faults under virtual time; what proves a fault is the file that it makes.

use std::sync::Arc;

use chaos_core::{BoxFuture, Observation, Reverted, RunContext, Task, Verdict, parse};
use chaos_runner::{Report, Verifier};
use chaos_test::Bench;
use serde_json::{Value, json};

fn bench() -> Bench {
    Bench::new().unwrap()
}

/// An entry that makes the file `f` of the bench, merged with what the test adds.
fn touch(bench: &Bench, misbehave: &str, more: &Value) -> Value {
    let mut entry = json!({
        "trigger": {"type": "test_now"},
        "action": {"type": "test_touch_file", "path": bench.path("f"), "misbehave": misbehave}
    });
    entry.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap_or_default());
    entry
}

fn only(report: &Report) -> &chaos_core::ChaosResult {
    assert_eq!(report.entries.len(), 1);
    &report.entries[0]
}

#[test]
fn a_fault_lands_is_held_and_is_undone() {
    let bench = bench();
    let report = bench.run(&touch(&bench, "no", &json!({}))).unwrap();
    let entry = only(&report);
    assert_eq!((report.verdict, entry.success, entry.reverted), (Verdict::Unchecked, true, Reverted::Reverted));
    assert_eq!(entry.error, None);
    assert!((10.0..11.0).contains(&entry.elapsed_time), "{}", entry.elapsed_time);
    assert!(!bench.path("f").exists());
    assert_eq!(bench.journals_left(), 0);
    let steps: Vec<&str> = entry.timeline.iter().map(|point| point.event.as_str()).collect();
    let want = [
        "waiting",
        "fired",
        "planned",
        "looked",
        "injecting",
        "armed",
        "looked",
        "active",
        "holding",
        "looked",
        "undoing",
        "undid",
        "looked",
    ];
    assert_eq!(steps, want);
}

#[test]
fn whatever_the_fault_does_the_file_is_gone_and_the_verdict_is_no_pass() {
    let rows = [
        ("no_effect", Verdict::Inconclusive, "did not demonstrably land"),
        ("fail_after", Verdict::Inconclusive, "failed after the effect"),
        ("panic_after", Verdict::Inconclusive, "panicked after the effect"),
        ("hang_after", Verdict::Inconclusive, "did not stop within 5 s"),
        ("vanish", Verdict::Inconclusive, "gone before its time"),
        ("witness_panics", Verdict::Inconclusive, "did not demonstrably land: panicked: the check panicked"),
    ];
    for (misbehave, verdict, why) in rows {
        let bench = bench();
        let report = bench.run(&touch(&bench, misbehave, &json!({}))).unwrap();
        let entry = only(&report);
        let error = entry.error.clone().unwrap_or_default();
        assert_eq!((entry.verdict, entry.success), (verdict, false), "{misbehave}: {error}");
        assert!(error.contains(why) || misbehave == "hang_after", "{misbehave}: {error}");
        assert!(!bench.path("f").exists(), "{misbehave}");
        assert_eq!(bench.journals_left(), 0, "{misbehave}");
    }
}

#[test]
fn an_undo_that_fails_panics_or_lies_is_revert_failed_and_the_journal_stays() {
    for (misbehave, why) in
        [("undo_fails", "the undo failed"), ("undo_panics", "the undo panicked"), ("undo_lies", "exists: true")]
    {
        let bench = bench();
        let report = bench.run(&touch(&bench, misbehave, &json!({}))).unwrap();
        let entry = only(&report);
        assert_eq!((entry.verdict, report.exit_code()), (Verdict::RevertFailed, 3), "{misbehave}");
        assert!(entry.error.as_ref().unwrap().contains(why), "{misbehave}: {:?}", entry.error);
        assert_eq!(bench.journals_left(), 1, "{misbehave}");
    }
}

#[test]
fn a_late_effect_is_waited_for_before_the_undo() {
    let bench = bench();
    let mut handle = bench.runner().build().unwrap().start(task(&touch(&bench, "late_effect", &json!({})))).unwrap();
    let mut events = handle.take_events().unwrap();
    while let Some(event) = events.blocking_recv() {
        if matches!(event.kind, chaos_core::EventKind::Armed { .. }) {
            // The effect is being made in its thread right now.
            handle.cancel();
        }
    }
    let report = handle.wait_blocking().unwrap();
    assert_ne!(report.verdict, Verdict::RevertFailed);
    assert!(!bench.path("f").exists());
}

fn task(entry: &Value) -> Task {
    Task::of(parse(entry).unwrap())
}

#[test]
fn probes_decide_the_verdict() {
    let yes = json!({"type": "test_answer", "answer": true});
    let no = json!({"type": "test_answer", "answer": false});
    let unknown = json!({"type": "test_answer"});
    let rows = [
        (json!({"during": [yes]}), Verdict::Held),
        (json!({"during": [yes, no]}), Verdict::Deviated),
        (json!({"during": [unknown]}), Verdict::Inconclusive),
        (json!({"abort_if": no}), Verdict::Unchecked),
    ];
    for (more, verdict) in &rows {
        let bench = bench();
        let report = bench.run(&touch(&bench, "no", more)).unwrap();
        assert_eq!(report.verdict, *verdict, "{more}");
        assert!(only(&report).success, "{more}");
    }
}

#[test]
fn a_probe_that_is_true_too_early_refuses_the_injection() {
    let rows = [
        (json!({"abort_if": {"type": "test_answer", "answer": true}}), "refused: abort_if"),
        (json!({"abort_if": {"type": "test_answer"}}), "refused: abort_if"),
        (json!({"detect": {"type": "test_answer", "answer": true}}), "said yes before the fault"),
    ];
    for (more, why) in &rows {
        let bench = bench();
        let report = bench.run(&touch(&bench, "no", more)).unwrap();
        let entry = only(&report);
        assert_eq!((entry.verdict, entry.reverted), (Verdict::Inconclusive, Reverted::NothingToRevert), "{more}");
        assert!(entry.error.as_ref().unwrap().contains(why), "{more}: {:?}", entry.error);
        assert!(entry.timeline.iter().all(|point| point.event != "injecting"), "{more}");
    }
}

#[test]
fn the_brake_undoes_at_once_and_detection_is_timed() {
    let bench = bench();
    let there = json!({"type": "test_file_exists", "path": bench.path("f")});
    let report = bench.run(&touch(&bench, "no", &json!({"abort_if": there, "duration_seconds": 500}))).unwrap();
    let entry = only(&report);
    assert_eq!((entry.verdict, entry.success), (Verdict::Deviated, false));
    assert!(entry.elapsed_time < 5.0, "{}", entry.elapsed_time);
    assert!(!bench.path("f").exists());

    let report = bench.run(&touch(&bench, "no", &json!({"detect": there}))).unwrap();
    assert_eq!(report.verdict, Verdict::Held, "{:?}", only(&report).probes);
    let gone = json!({"type": "test_answer", "answer": false, "within_seconds": 3});
    let report = bench.run(&touch(&bench, "no", &json!({"detect": gone}))).unwrap();
    assert_eq!(report.verdict, Verdict::Deviated);
    assert!(only(&report).probes[0].detail.contains("not noticed within 3 s"));
}

#[test]
fn what_is_there_already_is_refused_and_left_alone() {
    let bench = bench();
    std::fs::write(bench.path("f"), "mine").unwrap();
    let report = bench.run(&touch(&bench, "no", &json!({}))).unwrap();
    assert!(only(&report).error.as_ref().unwrap().contains("already there"), "{:?}", only(&report).error);
    assert_eq!(std::fs::read_to_string(bench.path("f")).unwrap(), "mine");
}

#[test]
fn a_finite_fault_is_judged_by_its_own_evidence() {
    for (lands, verdict) in [(true, Verdict::Unchecked), (false, Verdict::Inconclusive)] {
        let bench = bench();
        let action = json!({"type": "test_finite", "seconds": 30, "lands": lands});
        let report = bench.run(&json!({"trigger": {"type": "test_now"}, "action": action})).unwrap();
        assert_eq!((report.verdict, only(&report).success), (verdict, lands));
    }
    let bench = bench();
    let action = json!({"type": "test_finite", "seconds": 30, "lands": true});
    let entry = json!({"trigger": {"type": "test_now"}, "action": action, "duration_seconds": 5});
    let error = only(&bench.run(&entry).unwrap()).error.clone().unwrap();
    assert!(error.contains("`duration_seconds` does not fit `test_finite`"), "{error}");
}

#[test]
fn a_sham_run_never_passes() {
    for action in [
        json!({"type": "test_finite", "seconds": 1, "lands": true}),
        json!({"type": "test_touch_file", "path": "/nonexistent/f"}),
    ] {
        let bench = bench();
        let runner = bench.runner().sham(true).build().unwrap();
        let report = runner.run(task(&json!({"trigger": {"type": "test_now"}, "action": action}))).unwrap();
        assert_eq!((report.verdict, only(&report).success), (Verdict::Inconclusive, false), "{action}");
    }
}

#[test]
fn a_trigger_that_never_fires_ends_in_its_own_verdict() {
    let bench = bench();
    let mut entry = touch(&bench, "no", &json!({}));
    entry["trigger"] = json!({"type": "test_never"});
    let report = bench.run(&entry).unwrap();
    assert_eq!(report.verdict, Verdict::Inconclusive);
    assert_eq!(only(&report).error.as_deref(), Some("trigger `test_never` did not fire in time"));
}

#[test]
fn two_entries_on_one_resource_are_a_refusal_and_after_a_failed_undo_the_rest_is_skipped() {
    let bench = bench();
    let both = vec![touch(&bench, "no", &json!({})), touch(&bench, "no", &json!({}))];
    let report = bench.runner().build().unwrap().run(task_of(&both)).unwrap();
    let errors: Vec<_> = report.entries.iter().filter_map(|entry| entry.error.clone()).collect();
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert!(errors[0].contains("already held by another fault of this run"), "{errors:?}");

    let mut late = touch(&bench, "no", &json!({}));
    late["trigger"] = json!({"type": "test_never", "after_seconds": 600});
    late["action"]["path"] = json!(bench.path("g"));
    let report =
        bench.runner().build().unwrap().run(task_of(&[touch(&bench, "undo_fails", &json!({})), late])).unwrap();
    assert_eq!(report.exit_code(), 3);
    assert!(report.entries[1].error.as_ref().unwrap().starts_with("skipped: an undo failed before"));
}

fn task_of(entries: &[Value]) -> Task {
    Task { entries: entries.iter().map(|entry| parse(entry).unwrap()).collect(), ..Task::default() }
}

#[test]
fn without_its_steady_state_nothing_is_injected() {
    for (answer, verdict, injected) in [(true, Verdict::Held, true), (false, Verdict::Inconclusive, false)] {
        let bench = bench();
        let mut task = task(&touch(&bench, "no", &json!({})));
        task.steady_state = vec![parse(&json!({"type": "test_answer", "answer": answer})).unwrap()];
        let report = bench.runner().build().unwrap().run(task).unwrap();
        assert_eq!(report.verdict, verdict);
        assert_eq!(only(&report).timeline.iter().any(|point| point.event == "injecting"), injected);
        assert_eq!(report.steady_state_after.len(), usize::from(injected));
    }
}

#[derive(Debug)]
struct Mine;

impl Verifier for Mine {
    fn verify<'a>(
        &'a self,
        name: &'a str,
        _opaque: Option<&'a Value>,
        _cx: &'a RunContext,
    ) -> BoxFuture<'a, Option<Observation>> {
        Box::pin(async move { (name == "mine").then(|| Observation::yes("the harness says so")) })
    }
}

#[test]
fn verify_asks_the_embedder_first_and_an_unknown_name_is_a_failed_verification() {
    for (name, verdict, success) in [("mine", Verdict::Held, true), ("srves", Verdict::Inconclusive, false)] {
        let bench = bench();
        let mut task = task(&touch(&bench, "no", &json!({"verify": name})));
        let check = json!({"type": "test_answer", "answer": true});
        let body = chaos_core::CheckBody::Probe(parse(&check).unwrap());
        let mode = chaos_core::CheckMode::Assert;
        task.checks.insert("serves".into(), chaos_core::Check { body, mode, timeout_seconds: None });
        let report = bench.runner().verifier(Arc::new(Mine)).build().unwrap().run(task).unwrap();
        let verification = only(&report).verification.clone().unwrap();
        assert_eq!((report.verdict, verification.success), (verdict, success));
        if !success {
            assert_eq!(verification.detail, "no check is named `srves`; did you mean `serves`?; known: serves");
        }
    }
}

#[tokio::test]
async fn a_harness_awaits_active_and_dropping_the_handle_undoes() {
    let bench = bench();
    let entry = touch(&bench, "no", &json!({"duration_seconds": 500}));
    let runner = bench.runner().time(chaos_runner::TimeSource::default()).build().unwrap();
    let mut handle = runner.start(task(&entry)).unwrap();
    let mut events = handle.take_events().unwrap();
    let mut active = handle.entry(0).unwrap();
    let evidence = active.active().await.unwrap();
    assert!(evidence.summary.contains("exists: true"), "{evidence:?}");
    assert!(bench.path("f").exists());
    drop(handle);
    active.ended().await;
    while let Some(event) = events.recv().await {
        if let chaos_core::EventKind::RunEnded { verdict } = event.kind {
            assert_eq!(verdict, Verdict::Inconclusive);
        }
    }
    assert!(!bench.path("f").exists());
}

#[test]
fn an_unwritable_state_directory_refuses_to_inject() {
    let bench = bench();
    std::fs::write(bench.path("state"), "a file").unwrap();
    let error = bench.run(&touch(&bench, "no", &json!({}))).unwrap_err();
    assert_eq!(error.to_string(), "nothing is injected without an undo journal");
    assert!(!bench.path("f").exists());
}
