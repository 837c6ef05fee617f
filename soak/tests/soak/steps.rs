//! A soak as a step of a workflow, under virtual time.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use chaos_core::{BoxFuture, StepContext, StepEnd, StepNode, StepOutcome, Task, Verdict, parse};
use chaos_runner::{Driven, Session};
use chaos_schema::{Code, KindHint, LoadOptions, check_value};
use chaos_soak::SoakManifest;
use chaos_test::Bench;
use serde_json::{Value, json};

/// Runs a soak as a step, told to end after that time if one is given; what is in the folder of the bench stays there.
fn step(bench: &Bench, soak: &Value, end_after: Option<Duration>) -> (StepEnd, Verdict) {
    let node: StepNode = parse(&json!({ "type": "soak", "soak": soak, "seed": 7 })).unwrap();
    let done: Arc<Mutex<Option<StepEnd>>> = Arc::default();
    let (slot, folder) = (Arc::clone(&done), bench.path("workflow"));
    let work = move |session: Session| {
        let work = async move {
            let run = session.cx().child("workflow/steps/0", None);
            let token = run.cancel_token().clone();
            let cx = StepContext::new(run, folder, "shake");
            let limit = async {
                match end_after {
                    Some(time) => {
                        session.cx().clock().sleep(time).await;
                        token.cancel();
                    }
                    None => std::future::pending().await,
                }
            };
            let mut limit = std::pin::pin!(limit);
            let mut soaked = std::pin::pin!(node.run(&cx));
            let end = tokio::select! {
                end = &mut soaked => end,
                () = &mut limit => soaked.await,
            };
            *slot.lock().unwrap() = Some(end);
            Driven::default()
        };
        Box::pin(work) as BoxFuture<'static, Driven>
    };
    let run = bench.runner().build().unwrap().drive(Task::default(), work).unwrap().wait_blocking().unwrap();
    (done.lock().unwrap().take().unwrap(), run.verdict)
}

fn soak(bench: &Bench, more: &Value, events: u32) -> Value {
    let mut fault = json!({
        "name": "touch", "action": { "type": "test_touch_file", "path": bench.path("f") }, "duration_seconds": 5,
    });
    fault.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({ "pool": [fault], "interval_seconds": 20, "events": events })
}

fn outputs(end: &StepEnd) -> (&str, &str) {
    (&end.outputs["events"], &end.outputs["failed_events"])
}

#[test]
fn the_outcome_of_the_step_is_that_of_its_soak_and_its_manifest_tells_the_failure() {
    let missed = json!({ "detect": { "type": "test_answer", "answer": false, "within_seconds": 2 } });
    let broken = json!({ "during": [{ "type": "test_answer", "answer": false }] });
    let rows = [
        (json!({}), StepOutcome::Pass, ("4", "0"), None),
        (missed, StepOutcome::TaskFail, ("4", "4"), Some("flake budget")),
        (broken, StepOutcome::TaskFail, ("1", "1"), Some("`test_answer` of `touch`")),
    ];
    for (more, outcome, counts, rule) in rows {
        let bench = Bench::new().unwrap();
        let (end, _) = step(&bench, &soak(&bench, &more, 4), None);
        assert_eq!((end.outcome, outputs(&end)), (outcome, counts), "{end:?}");
        assert!(!bench.path("f").exists() && bench.journals_left() == 0 && end.in_force.is_none());
        let manifest = SoakManifest::read(end.outputs["manifest"].as_ref()).unwrap();
        assert_eq!(manifest.failure.as_ref().map(|failure| failure.rule.as_str()), rule, "{end:?}");
        assert_eq!((manifest.plan.seed, manifest.plan.events.len()), (7, 4));
        let report: Value = serde_json::from_slice(&std::fs::read(&end.outputs["report"]).unwrap()).unwrap();
        assert_eq!(report["n"].to_string(), counts.0, "{report}");
    }
}

#[test]
fn a_soak_that_shows_nothing_or_may_not_run_is_no_failure_of_what_is_tested() {
    let bench = Bench::new().unwrap();
    let never = json!({ "action": { "type": "test_touch_file", "path": bench.path("f"), "misbehave": "no_effect" } });
    let (end, _) = step(&bench, &soak(&bench, &never, 2), None);
    assert_eq!((end.outcome, outputs(&end)), (StepOutcome::InfraFail, ("0", "0")), "{end:?}");
    // Longer than the policy allows: refused before the first event.
    let (end, _) = step(&bench, &soak(&bench, &json!({ "duration_seconds": 5_000 }), 2), None);
    assert_eq!((end.outcome, end.outputs.len()), (StepOutcome::InfraFail, 0), "{end:?}");
    assert!(end.detail.starts_with("`touch #1` may not run: ") && end.detail.contains("ceiling"), "{end:?}");
}

#[test]
fn a_step_that_is_told_to_end_undoes_what_is_in_force() {
    let bench = Bench::new().unwrap();
    let (end, _) = step(&bench, &soak(&bench, &json!({}), 50), Some(Duration::from_secs(62)));
    // Two have passed; the third is undone early, and counts nowhere.
    assert_eq!((end.outcome, outputs(&end)), (StepOutcome::InfraFail, ("2", "0")), "{end:?}");
    assert!(end.detail.contains("interrupted") && !bench.path("f").exists(), "{end:?}");
    assert_eq!(bench.journals_left(), 0);
}

#[test]
fn a_failed_undo_in_the_step_is_told_to_the_run_and_its_journal_is_kept() {
    let bench = Bench::new().unwrap();
    let fails = json!({ "action": { "type": "test_touch_file", "path": bench.path("f"), "misbehave": "undo_fails" } });
    let (end, verdict) = step(&bench, &soak(&bench, &fails, 5), None);
    assert_eq!((end.outcome, verdict), (StepOutcome::InfraFail, Verdict::RevertFailed), "{end:?}");
    assert!(end.in_force.is_some() && bench.path("f").exists() && bench.journals_left() == 1, "{end:?}");
}

#[test]
fn a_soak_that_can_not_be_planned_is_refused_when_it_is_read() {
    let bench = Bench::new().unwrap();
    let mut soak = soak(&bench, &json!({}), 5);
    soak["duration_seconds"] = json!(60);
    let error = parse::<StepNode>(&json!({ "type": "soak", "soak": soak })).unwrap_err();
    assert!(error.message.contains("duration_seconds"), "{error:?}");
    soak.as_object_mut().unwrap().remove("events");
    let read: StepNode = parse(&json!({ "type": "soak", "soak": soak })).unwrap();
    assert_eq!(read.at_least(), Duration::from_mins(1));
}

#[test]
fn the_linter_knows_how_long_a_soak_takes_and_which_checks_it_names() {
    let fault = json!({ "action": { "type": "test_append", "log": "l", "value": 1 }, "verify": "nothing" });
    let soak = json!({ "pool": [fault], "interval_seconds": 10, "events": 30 });
    let step = json!({ "type": "soak", "name": "shake", "soak": soak, "deadline_seconds": 200 });
    let document = json!({ "workflow": { "type": "serial", "name": "all", "steps": [step] } });
    let loaded = check_value(&document, "w.yaml", &LoadOptions::of(KindHint::Task));
    let found: Vec<(Code, &str)> = loaded.diagnostics.iter().map(|one| (one.code, one.pointer.as_str())).collect();
    let want = [
        (Code::DeadlinesDoNotFit, "/workflow/steps/0/deadline_seconds"),
        (Code::UnknownVerify, "/workflow/steps/0/soak/pool/0/verify"),
    ];
    assert_eq!(found, want, "{:?}", loaded.diagnostics);
}
