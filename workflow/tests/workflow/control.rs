//! Control steps, deadlines, `finally`, interruptions.

use chaos_core::StepOutcome;
use serde_json::{Value, json};

use crate::fixture::{Place, detail, outcomes};

fn serial(name: &str, steps: &[Value], finally: &[Value]) -> Value {
    json!({ "type": "serial", "name": name, "steps": steps, "finally": finally })
}

fn with(mut step: Value, more: &Value) -> Value {
    step.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    step
}

#[test]
fn a_serial_stops_at_the_first_failure_and_finally_runs_last() {
    let place = Place::new();
    let steps = [place.passes("a"), place.fails("b"), place.passes("c"), place.passes("d")];
    let report = place.run(&serial("all", &steps, &[place.passes("diagnose")]));
    assert_eq!(place.log(), ["a", "b", "diagnose"]);
    assert_eq!(
        (report.exit_code, report.outcome, report.first_failure.as_deref()),
        (1, StepOutcome::TaskFail, Some("b"))
    );
    let skipped = [("c", "skipped"), ("d", "skipped"), ("diagnose", "pass")];
    assert_eq!(outcomes(&report)[3..], skipped);
    assert_eq!(detail(&report, "d"), "`b` failed first");
    assert!(report.steps.iter().all(|step| step.attempts == u32::from(!["c", "d"].contains(&step.name.as_str()))));
}

#[test]
fn the_first_failure_sticks_whatever_comes_later() {
    let place = Place::new();
    let ends = |name: &str, end: &str| place.told(name, &json!({ "ends": [end] }));
    for (first, code) in [("task_fail", 1), ("infra_fail", 2), ("timed_out", 1)] {
        for later in ["pass", "task_fail", "infra_fail", "timed_out"] {
            let report = place.run(&serial("all", &[ends("a", first)], &[ends("f", later), ends("g", later)]));
            assert_eq!((report.exit_code, report.outcome.word()), (code, first), "{later}");
            assert_eq!(report.first_failure.as_deref(), Some("a"));
        }
    }
    // Alone it fails what had passed, and the others of it run all the same.
    let report = place.run(&serial("all", &[place.passes("a")], &[ends("f", "infra_fail"), ends("g", "task_fail")]));
    assert_eq!((report.exit_code, report.first_failure.as_deref()), (2, Some("f")));
    assert_eq!(place.log().last().unwrap(), "g");
}

#[test]
fn deadlines_cascade_and_every_finally_runs_beside_them() {
    let place = Place::new();
    let slow = place.told("slow", &json!({ "seconds": 1000, "deadline_seconds": 500 }));
    let inner = serial("inner", &[slow, place.passes("after")], &[place.told("inner-last", &json!({ "seconds": 50 }))]);
    let outer = serial("outer", &[inner, place.passes("next")], &[place.told("outer-last", &json!({ "seconds": 50 }))]);
    let report = place.run(&with(outer, &json!({ "deadline_seconds": 10 })));
    assert_eq!(place.log(), ["slow", "slow cancelled", "inner-last", "outer-last"]);
    assert_eq!(
        (report.exit_code, report.outcome, report.first_failure.as_deref()),
        (1, StepOutcome::TimedOut, Some("slow"))
    );
    assert_eq!(detail(&report, "slow"), "the deadline of `outer` (10 s) has passed");
    assert_eq!(detail(&report, "inner-last"), "as it was told");
    assert!(report.run.elapsed_seconds < 200.0, "{}", report.run.elapsed_seconds);
    // A step of `finally` has a deadline of its own, and a stubborn one is left behind.
    let hangs = place.told("hangs", &json!({ "seconds": 86_000, "stubborn": true, "deadline_seconds": 5 }));
    let report = place.run(&serial("all", &[place.passes("a")], &[hangs, place.passes("z")]));
    assert_eq!((report.outcome, place.log().last().unwrap().as_str()), (StepOutcome::TimedOut, "z"));
}

#[test]
fn a_deadline_between_steps_ends_the_serial_too() {
    let place = Place::new();
    let retry = json!({
        "type": "retry", "name": "again", "attempts": 1000, "delay_seconds": 7, "step": place.fails("flaky"),
    });
    let report = place.run(&with(serial("all", &[retry, place.passes("b")], &[]), &json!({ "deadline_seconds": 20 })));
    assert_eq!((report.outcome, place.log().len()), (StepOutcome::TimedOut, 3));
}

#[test]
fn a_retry_ends_with_the_first_pass_and_counts_its_attempts() {
    let place = Place::new();
    let flaky = place.told("flaky", &json!({ "ends": ["task_fail", "infra_fail", "pass"] }));
    let retry = |attempts: u32| json!({ "type": "retry", "name": "again", "attempts": attempts, "step": flaky });
    let report = place.run(&serial("all", &[retry(5), place.passes("b")], &[]));
    assert_eq!((report.exit_code, place.log()), (0, ["flaky", "flaky", "flaky", "b"].map(str::to_owned).to_vec()));
    assert_eq!(report.steps.iter().find(|step| step.name == "flaky").unwrap().attempts, 3);
    let place = Place::new();
    let flaky = place.told("flaky", &json!({ "ends": ["infra_fail", "task_fail"] }));
    let report = place.run(&json!({ "type": "retry", "name": "again", "attempts": 2, "step": flaky }));
    assert_eq!((report.exit_code, detail(&report, "again")), (1, "attempt 2 of 2: as it was told"));
}

#[test]
fn a_parallel_is_decided_by_its_policy_and_ends_what_still_runs() {
    for (success, outcome, cancelled) in [
        (json!("all"), StepOutcome::TaskFail, true),
        (json!("best_effort"), StepOutcome::Pass, false),
        (json!({ "quorum": 1 }), StepOutcome::Pass, true),
        (json!({ "quorum": 2 }), StepOutcome::Pass, false),
        (json!({ "quorum": 3 }), StepOutcome::TaskFail, true),
    ] {
        let place = Place::new();
        let steps = [
            place.told("bad", &json!({ "seconds": 5, "ends": ["task_fail"] })),
            place.told("good", &json!({ "seconds": 3 })),
            serial("slow", &[place.told("slowest", &json!({ "seconds": 50 }))], &[place.passes("its-last")]),
        ];
        let report = place.run(&json!({ "type": "parallel", "name": "p", "success": success, "steps": steps }));
        assert_eq!(report.outcome, outcome, "{success}");
        let log = place.log();
        assert_eq!(log.contains(&"slowest cancelled".to_owned()), cancelled, "{success}");
        assert_eq!(log.last().unwrap(), "its-last", "its `finally` runs, ended early or not");
        let expected = if cancelled { "skipped" } else { "pass" };
        assert!(outcomes(&report).contains(&("slowest", expected)), "{success}: {:?}", outcomes(&report));
    }
}

#[test]
fn a_branch_takes_the_arm_that_its_probe_names_and_an_unknown_answer_is_an_infra_fail() {
    for (answer, log, code) in [(Some(true), vec!["then"], 0), (Some(false), vec!["else"], 0), (None, vec![], 2)] {
        let place = Place::new();
        let when = json!({ "type": "test_answer", "answer": answer });
        let (then, otherwise) = (json!([place.passes("then")]), json!([place.passes("else")]));
        let report =
            place.run(&json!({ "type": "branch", "name": "b", "when": when, "then": then, "else": otherwise }));
        assert_eq!((place.log(), report.exit_code), (log.into_iter().map(str::to_owned).collect(), code), "{answer:?}");
    }
}

#[test]
fn an_output_reaches_later_steps_and_a_missing_one_fails_the_step_that_needs_it() {
    let place = Place::new();
    let writes = place.told("a", &json!({ "outputs": { "n": "3" } }));
    let uses = |key: &str| place.told("b", &json!({ "seconds": format!("{{{{steps.a.output.{key}}}}}") }));
    let report = place.run(&serial("all", &[writes.clone(), uses("n")], &[]));
    assert_eq!(report.exit_code, 0, "{:?}", report.why);
    assert_eq!(report.steps[1].outputs, ["n"]);
    assert!((report.steps[2].seconds - 3.0).abs() < 0.01, "{:?}", report.steps[2]);
    let report = place.run(&serial("all", &[writes, uses("m")], &[place.passes("last")]));
    assert_eq!((report.exit_code, report.first_failure.as_deref()), (2, Some("b")));
    assert_eq!(
        report.why.as_deref(),
        Some("/workflow/steps/1: no output `m` of step `a`: the step has not written it")
    );
    assert_eq!(place.log().last().unwrap(), "last");
}

#[test]
fn an_interrupted_workflow_runs_finally_once_and_a_second_interruption_ends_that() {
    let place = Place::new();
    let steps = [place.told("a", &json!({ "seconds": 100 })), place.passes("b")];
    let finally = [place.told("last", &json!({ "seconds": 1000 })), place.passes("more")];
    let workflow = serial("all", &steps, &finally);
    let after = |session: &chaos_runner::Session, times: &'static [u64]| {
        let (control, clock) = (session.control(), session.cx().shared_clock());
        tokio::spawn(async move {
            for time in times {
                clock.sleep(std::time::Duration::from_secs(*time)).await;
                control.cancel();
            }
        });
    };
    let report = place.run_with(&workflow, move |session| after(session, &[5]));
    assert_eq!(place.log(), ["a", "a cancelled", "last", "more"]);
    assert_eq!((report.exit_code, report.why.as_deref()), (2, Some("interrupted")));
    let place = Place::new();
    let finally = [place.told("last", &json!({ "seconds": 1000 })), place.passes("more")];
    let steps = [place.told("a", &json!({ "seconds": 100 }))];
    let report = place.run_with(&serial("all", &steps, &finally), move |session| after(session, &[5, 5]));
    assert_eq!(place.log(), ["a", "a cancelled", "last", "last cancelled"]);
    assert_eq!(detail(&report, "more"), "interrupted");
}

#[test]
fn a_panic_is_an_infra_fail_and_a_fault_maps_its_verdict() {
    let place = Place::new();
    let report = place.run(&serial("all", &[place.told("a", &json!({ "panics": true }))], &[place.passes("last")]));
    assert_eq!((report.exit_code, report.why.as_deref()), (2, Some("panicked: as it was told")));
    assert_eq!(place.log(), ["last"]);
    let fault = |misbehave: &str| {
        let action = json!({ "type": "test_touch_file", "path": place.bench.path("f"), "misbehave": misbehave });
        let entry = json!({ "trigger": { "type": "immediate" }, "action": action, "duration_seconds": 5 });
        json!({ "type": "fault", "name": "fault", "entry": entry })
    };
    for (misbehave, code) in [("no", 0), ("no_effect", 2), ("fail_after", 2)] {
        let report = place.run(&fault(misbehave));
        assert_eq!(report.exit_code, code, "{misbehave}: {:?}", report.why);
        assert_eq!(report.run.entries.len(), 1);
    }
    // A deadline undoes what is in force.
    let timed = with(fault("no"), &json!({ "deadline_seconds": 2 }));
    let report = place.run(&serial("all", &[timed], &[]));
    assert_eq!((report.outcome, place.bench.path("f").exists()), (StepOutcome::TimedOut, false));
}
