//! A run that dies at any line of its ledger, and what a resume makes of it.

use std::fs;
use std::path::{Path, PathBuf};

use chaos_core::StepOutcome;
use chaos_workflow::{WorkflowReport, ledger_path};
use serde_json::{Value, json};

use crate::fixture::{Place, outcomes, whole};

/// Every control step, with outputs and a `finally` at two depths.
fn document(place: &Place, ends: &str, idempotent: bool) -> Value {
    let told = |name: &str, more: Value| {
        let mut step = place.told(name, &more);
        step["idempotent"] = idempotent.into();
        step
    };
    let flaky = json!({
        "type": "serial", "name": "tries", "steps": [
            told("pre", json!({})), told("flaky", json!({ "ends": ["task_fail", "pass"] })),
        ],
    });
    json!({
        "type": "serial", "name": "all",
        "steps": [
            told("a", json!({ "outputs": { "n": "2" } })),
            { "type": "retry", "name": "again", "attempts": 4, "delay_seconds": 1, "step": flaky },
            { "type": "branch", "name": "b", "when": { "type": "test_answer", "answer": true },
              "then": [told("yes", json!({ "seconds": "{{steps.a.output.n}}" }))], "else": [told("no", json!({}))] },
            { "type": "parallel", "name": "p", "steps": [
                told("p1", json!({})),
                { "type": "serial", "name": "inner", "steps": [told("p2", json!({ "ends": [ends] }))],
                  "finally": [told("p-last", json!({}))] },
            ] },
            told("z", json!({})),
        ],
        "finally": [told("last", json!({})), told("very-last", json!({}))],
    })
}

fn ledger(place: &Place, report: &WorkflowReport) -> (PathBuf, String) {
    let path = ledger_path(place.bench.folder(), report.run_id.as_deref().unwrap());
    let text = fs::read_to_string(&path).unwrap();
    (path, text)
}

/// The names in lines of this kind.
fn names(lines: &[&str], kind: &str) -> Vec<String> {
    let values = lines.iter().map(|line| serde_json::from_str::<Value>(line).unwrap());
    values.filter(|line| line["record"] == kind).map(|line| line["step"].as_str().unwrap().to_owned()).collect()
}

fn left_by_a_dead_run(path: &Path, lines: &[&str], torn: &str) {
    fs::write(path, whole(lines) + torn).unwrap();
}

#[test]
fn wherever_the_run_died_no_step_runs_twice_and_finally_runs_once() {
    for ends in ["pass", "task_fail"] {
        let place = Place::new();
        let workflow = document(&place, ends, false);
        let first = place.run(&workflow);
        assert_eq!(first.exit_code, u8::from(ends != "pass"), "{:?}", first.why);
        let (path, text) = ledger(&place, &first);
        let lines: Vec<&str> = text.lines().collect();
        let log = place.bench.path("log");
        // The last line says that it is finished.
        for cut in 1..lines.len() {
            let (kept, torn) = (&lines[..cut], &lines[cut][..lines[cut].len() / 2]);
            left_by_a_dead_run(&path, kept, torn);
            let (started, ended) = (names(kept, "started"), names(kept, "ended"));
            // What stood in the log when the run died.
            fs::write(&log, whole(&started)).unwrap();
            let report = place.resume(&workflow, first.run_id.as_deref().unwrap());
            let all = place.log();
            let count = |name: &str| all.iter().filter(|one| *one == name).count();
            let in_it = started.iter().find(|name| {
                count(name) > 0
                    && started.iter().filter(|one| one == name).count() > ended.iter().filter(|one| one == name).count()
            });
            for name in ["a", "yes", "no", "p1", "p2", "p-last", "z", "last", "very-last"] {
                assert!(count(name) <= 1, "cut at {cut}: {all:?}");
            }
            assert!(count("pre") <= 2 && count("flaky") <= 2, "cut at {cut}: {all:?}");
            for name in ["last", "very-last"] {
                assert_eq!(count(name), 1, "cut at {cut}: {all:?}");
            }
            assert_eq!(all.last().unwrap(), "very-last", "cut at {cut}: {all:?}");
            match in_it {
                None => {
                    assert_eq!((report.outcome, report.exit_code), (first.outcome, first.exit_code), "cut at {cut}");
                }
                Some(name) if started.contains(&"last".to_owned()) => {
                    // Its failure hides nothing.
                    let outcome = if ends == "pass" { StepOutcome::InfraFail } else { StepOutcome::TaskFail };
                    assert_eq!(report.outcome, outcome, "cut at {cut} in {name}");
                }
                Some(name) => {
                    assert!(report.outcome.is_failure(), "cut at {cut} in {name}");
                    let row = report.steps.iter().find(|step| step.name == *name).unwrap();
                    assert!(row.detail.starts_with("interrupted: "), "cut at {cut} in {name}: {row:?}");
                }
            }
            assert_eq!(report.resumed, 1);
            assert!(fs::read_to_string(&path).unwrap().lines().last().unwrap().contains("\"finished\""));
        }
    }
}

#[test]
fn an_idempotent_workflow_ends_as_if_nothing_had_happened() {
    let place = Place::new();
    let workflow = document(&place, "pass", true);
    let first = place.run(&workflow);
    let (path, text) = ledger(&place, &first);
    let lines: Vec<&str> = text.lines().collect();
    for cut in 1..lines.len() {
        left_by_a_dead_run(&path, &lines[..cut], "");
        // Each attempt of `flaky` ends by how often it stands there.
        let ended = names(&lines[..cut], "ended");
        fs::write(place.bench.path("log"), whole(&ended)).unwrap();
        let report = place.resume(&workflow, first.run_id.as_deref().unwrap());
        assert_eq!(outcomes(&report), outcomes(&first), "cut at {cut}");
        assert_eq!(report.exit_code, 0);
    }
}

#[test]
fn a_run_that_dies_in_a_resume_is_resumed_again() {
    let place = Place::new();
    let workflow = document(&place, "task_fail", false);
    let first = place.run(&workflow);
    let run_id = first.run_id.clone().unwrap();
    let (path, text) = ledger(&place, &first);
    let lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let middle: Vec<&str> = lines[..lines.len() / 2].iter().map(String::as_str).collect();
    left_by_a_dead_run(&path, &middle, "");
    place.resume(&workflow, &run_id);
    let resumed = fs::read_to_string(&path).unwrap();
    let resumed: Vec<&str> = resumed.lines().collect();
    for cut in middle.len()..resumed.len() {
        left_by_a_dead_run(&path, &resumed[..cut], "");
        fs::remove_file(place.bench.path("log")).ok();
        let started = names(&resumed[..cut], "started");
        fs::write(place.bench.path("log"), whole(&started)).unwrap();
        let report = place.resume(&workflow, &run_id);
        let all = place.log();
        assert_eq!(all.iter().filter(|one| *one == "last").count(), 1, "cut at {cut}: {all:?}");
        assert_eq!(all.last().unwrap(), "very-last");
        assert!(report.outcome.is_failure());
        assert_eq!(report.resumed, if cut > middle.len() { 2 } else { 1 });
    }
}
