//! Soaks from the command line: plan, run, manifest, replay, shrink, interruption.

#![cfg(feature = "full")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStderr, Command, Stdio};

use serde_json::{Value, json};

#[path = "support/shell.rs"]
mod shell;

use shell::{command, journals, place, report, squall, write};

/// Three nodes of which one is protected, paused one after the other.
fn document(interval: f64, events: u32) -> Value {
    let node = |protected: bool| json!({ "type": "process", "argv": ["sleep", "600"], "labels": { "role": "member" }, "protected": protected });
    json!({
        "nodes": { "n1": node(false), "n2": node(false), "n3": node(true) },
        "soak": {
            "pool": [{
                "name": "pause", "action": { "type": "pause_process", "target": { "nodes": { "role": "member" } } },
                "draw": { "duration_seconds": { "min": 0.05, "max": 0.2 } },
            }],
            "interval_seconds": interval, "events": events, "overlap": 2,
            "min_healthy": [{ "labels": { "role": "member" }, "count": 1 }],
        },
    })
}

const ALLOWED: [&str; 2] = ["--allow-command", "sleep"];

#[test]
fn a_soak_is_planned_run_and_replayed() {
    let place = place();
    let file = write(&place, "soak.json", &document(0.1, 5));
    let json = ["--format", "json", "--seed", "4"];
    let plan = |seed: &str| {
        let arguments = ["soak", &file, "--dry-run", "--format", "json", "--seed", seed, ALLOWED[0], ALLOWED[1]];
        squall(&place, &arguments).stdout
    };
    assert_eq!(plan("4"), plan("4"));
    assert_ne!(plan("4"), plan("5"));
    let planned: Value = serde_json::from_slice(&plan("4")).unwrap();
    let refused = squall(&place, &[&["soak", &file], &json[..]].concat());
    assert_eq!(refused.status.code(), Some(2), "{refused:?}");

    let manifest = place.path().join("m.json").display().to_string();
    let arguments = [&["soak", &file, "--manifest", &manifest], &json[..], &ALLOWED[..]].concat();
    let (ran, code) = report(&squall(&place, &arguments));
    assert_eq!((code, ran["verdict"].as_str(), ran["n"].as_u64()), (0, Some("held"), Some(5)), "{ran}");
    let kept: Value = serde_json::from_slice(&fs::read(&manifest).unwrap()).unwrap();
    assert_eq!(kept["manifest"]["plan"], planned);

    let arguments = [&["replay", &manifest, "--format", "json"], &ALLOWED[..]].concat();
    let (again, code) = report(&squall(&place, &arguments));
    let drawn = |report: &Value| -> Vec<(Value, Value)> {
        let mut events: Vec<Value> = report["events"].as_array().unwrap().clone();
        events.sort_by_key(|event| event["number"].as_u64());
        events.iter().map(|event| (event["number"].clone(), event["node"].clone())).collect()
    };
    assert_eq!((code, drawn(&again)), (0, drawn(&ran)));
    let shrunk = squall(&place, &[&["shrink", &manifest], &ALLOWED[..]].concat());
    assert_eq!(shrunk.status.code(), Some(2), "nothing has failed: {shrunk:?}");

    fs::write(&manifest, fs::read_to_string(&manifest).unwrap().replace("n1", "n2")).unwrap();
    let tampered = squall(&place, &["replay", &manifest]);
    assert_eq!(tampered.status.code(), Some(65));
    assert!(String::from_utf8_lossy(&tampered.stderr).contains("tampered"), "{tampered:?}");
    let lost = squall(&place, &["replay", "gone.json"]);
    assert_eq!((lost.status.code(), journals(&place)), (Some(64), 0));
    // Entries and soaks have commands of their own.
    assert_eq!(squall(&place, &["run", &file]).status.code(), Some(64));
}

#[test]
fn an_interrupted_soak_undoes_what_is_in_force() {
    let place = place();
    let mut document = document(0.2, 1000);
    document["soak"]["pool"][0]["draw"] = json!({ "duration_seconds": { "min": 30, "max": 60 } });
    let file = write(&place, "soak.json", &document);
    let (child, mut lines) =
        started(&place, &[&["soak", &file, "--format", "json", "--seed", "4"], &ALLOWED[..]].concat());
    let mut seen = String::new();
    while !seen.contains("active") {
        assert_ne!(lines.read_line(&mut seen).unwrap(), 0, "it ended early: {seen}");
    }
    let killed = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(killed.success());
    let (report, code) = ended(child, lines);
    assert_eq!((code, report["interrupted"].as_bool()), (2, Some(true)), "{report}");
    assert_eq!(journals(&place), 0);
}

/// A soak that is under way, and what it tells on standard error.
fn started(place: &tempfile::TempDir, arguments: &[&str]) -> (Child, BufReader<ChildStderr>) {
    let mut child = command(place, arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(child.stderr.take().unwrap());
    (child, lines)
}

fn ended(child: Child, lines: BufReader<ChildStderr>) -> (Value, i32) {
    let rest = std::thread::spawn(move || std::io::read_to_string(lines));
    let output = child.wait_with_output().unwrap();
    let rest = rest.join().unwrap().unwrap();
    (
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {rest}")),
        output.status.code().unwrap(),
    )
}

#[test]
fn a_node_that_ends_by_itself_fails_the_soak_at_once_and_what_is_in_force_is_undone() {
    let place = place();
    let mut document = document(0.1, 3);
    // Far longer than this test may take.
    document["soak"]["pool"][0]["draw"] = json!({ "duration_seconds": { "choice": [600] } });
    let script = "while [ ! -e ../end ]; do sleep 0.02; done; exit 7";
    let end = place.path().join("end");
    let script = script.replace("../end", &end.display().to_string());
    document["nodes"]["n3"]["argv"] = json!(["sh", "-c", script]);
    let file = write(&place, "soak.json", &document);
    let arguments =
        [&["soak", &file, "--format", "json", "--seed", "4", "--allow-command", "sh"], &ALLOWED[..]].concat();
    let (child, mut lines) = started(&place, &arguments);
    let mut seen = String::new();
    while !seen.contains("active") {
        assert_ne!(lines.read_line(&mut seen).unwrap(), 0, "it ended early: {seen}");
    }
    fs::write(&end, "").unwrap();
    let (report, code) = ended(child, lines);
    assert_eq!((code, &report["verdict"]), (1, &json!("deviated")), "{report:#}");
    assert_eq!(report["failure"]["rule"], "node `n3` ended by itself: exit code 7", "{report:#}");
    let event = report["failure"]["event"].as_u64().unwrap();
    let last = report["events"].as_array().unwrap().iter().find(|one| one["number"] == event).unwrap();
    assert_eq!(last["outcome"], "crashed", "{report:#}");
    assert!(report["edges"].as_array().unwrap().last().unwrap()["in_force"] == 0, "{report:#}");
    assert_eq!(journals(&place), 0);
    let kept: Value =
        serde_json::from_slice(&fs::read(place.path().join(report["manifest"].as_str().unwrap())).unwrap()).unwrap();
    assert_eq!(kept["manifest"]["failure"], report["failure"], "a replay knows it too");
}

#[test]
fn a_node_that_a_fault_kills_as_planned_is_no_failure() {
    let place = place();
    let mut document = document(0.1, 4);
    document["soak"]["pool"] = json!([{
        "name": "kill", "action": { "type": "kill_process", "target": { "nodes": { "role": "member" } } },
        "duration_seconds": 0.1,
    }]);
    let file = write(&place, "soak.json", &document);
    let (report, code) =
        report(&squall(&place, &[&["soak", &file, "--format", "json", "--seed", "4"], &ALLOWED[..]].concat()));
    assert_eq!((code, &report["n"], &report["passed"]), (0, &json!(4), &json!(4)), "{report:#}");
}

/// A soak as a step, and a program behind it that is given what the soak put out.
fn workflow(place: &tempfile::TempDir, soak: &Value) -> String {
    let mut document = document(0.1, 3);
    document.as_object_mut().unwrap().remove("soak");
    let told = place.path().join("told").display().to_string();
    let values = "{{steps.shake.output.events}} {{steps.shake.output.failed_events}} {{steps.shake.output.manifest}}";
    document["workflow"] = json!({
        "type": "serial", "name": "all", "deadline_seconds": 300,
        "steps": [
            { "type": "soak", "name": "shake", "seed": 4, "soak": soak },
            { "type": "command", "name": "after", "argv": ["sh", "-c", "touch \"$0\"", place.path().join("after")] },
        ],
        "finally": [{ "type": "command", "name": "tell", "argv": ["sh", "-c", "echo \"$1\" > \"$0\"", told, values] }],
    });
    write(place, "workflow.json", &document)
}

/// The exit code, what the soak put out, and whether the step behind it ran.
fn ran(place: &tempfile::TempDir, file: &str) -> (i32, Vec<String>, bool) {
    let allowed = [&ALLOWED[..], &["--allow-command", "sh"]].concat();
    let output = squall(place, &[&["run", file, "--format", "json"], &allowed[..]].concat());
    let told = fs::read_to_string(place.path().join("told")).unwrap_or_else(|error| panic!("{error}: {output:?}"));
    let told = told.split_whitespace().map(str::to_owned).collect();
    (output.status.code().unwrap(), told, place.path().join("after").exists())
}

#[test]
fn a_soak_as_a_step_passes_or_stops_its_workflow_and_its_manifest_is_replayed() {
    let first = place();
    let soak = &document(0.1, 3)["soak"];
    let file = workflow(&first, soak);
    let (code, told, after) = ran(&first, &file);
    assert_eq!((code, &told[0], &told[1], after), (0, &"3".to_owned(), &"0".to_owned(), true));
    let (again, code) = report(&squall(
        &first,
        &[&["replay", &told[2], "--format", "json"], &ALLOWED[..], &["--allow-command", "sh"]].concat(),
    ));
    assert_eq!((code, &again["n"], &again["seed"]), (0, &json!(3), &json!(4)), "{again:#}");
    // Nobody notices them.
    let second = place();
    let mut soak = soak.clone();
    soak["pool"][0]["detect"] = json!({ "type": "command", "argv": ["false"], "within_seconds": 0.05 });
    let file = workflow(&second, &soak);
    let allowed = [&ALLOWED[..], &["--allow-command", "sh"]].concat();
    let refused = squall(&second, &[&["run", &file], &allowed[..]].concat());
    assert_eq!(refused.status.code(), Some(2), "a probe of the pool is not allowed: {refused:?}");
    let file = workflow(&second, &soak).clone();
    let output = squall(&second, &[&["run", &file], &allowed[..], &["--allow-command", "false"]].concat());
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(!second.path().join("after").exists() && journals(&second) == 0, "{said}");
    let told = fs::read_to_string(second.path().join("told")).unwrap();
    let told: Vec<&str> = told.split_whitespace().collect();
    assert_eq!(&told[..2], ["3", "3"], "{said}");
    let kept: Value = serde_json::from_slice(&fs::read(told[2]).unwrap()).unwrap();
    assert_eq!(kept["manifest"]["failure"], json!({ "rule": "flake budget" }));
}
