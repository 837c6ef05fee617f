//! Workflows from the command line, with real programs.

#![cfg(feature = "full")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

#[path = "support/shell.rs"]
mod shell;

use shell::{command, journals, place, report, squall, write};

const ALLOWED: [&str; 2] = ["--allow-command", "sh"];

fn sh(name: &str, script: &str) -> Value {
    json!({ "type": "command", "name": name, "argv": ["sh", "-c", script] })
}

fn with(mut step: Value, more: &Value) -> Value {
    step.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    step
}

/// A step that tells when it runs.
fn tells(name: &str, then: &str) -> Value {
    sh(name, &format!("echo {name} >> log; {then}"))
}

fn serial(steps: &[Value], finally: &[Value]) -> Value {
    json!({ "workflow": { "type": "serial", "name": "all", "steps": steps, "finally": finally } })
}

fn run(place: &TempDir, document: &Value) -> (Value, i32) {
    let file = write(place, "w.json", document);
    report(&squall(place, &[&["run", &file, "--format", "json"], &ALLOWED[..]].concat()))
}

fn log(place: &TempDir) -> Vec<String> {
    let text = fs::read_to_string(place.path().join("log")).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

fn step<'a>(report: &'a Value, name: &str) -> &'a Value {
    report["steps"].as_array().unwrap().iter().find(|step| step["name"] == name).unwrap()
}

/// Waits until something is so; a bound against a hang.
#[expect(clippy::disallowed_methods, reason = "a test waits outside of every run and its clock")]
fn until(what: &str, mut so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !so() {
        assert!(begun.elapsed() < Duration::from_mins(2), "{what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn is_gone(pid: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
    stat.is_empty() || stat.contains(") Z ")
}

/// The seed's scenario: five steps of which the second fails.
fn five() -> Value {
    let steps = [
        tells("one", "echo url=x > $SQUALL_OUTPUT"),
        tells("two", "exit 1"),
        tells("three", ""),
        json!({ "type": "wait", "name": "four", "seconds": 1 }),
        tells("five", ""),
    ];
    let diagnose = with(tells("diagnose", "cp $SQUALL_LEDGER seen"), &json!({ "idempotent": true }));
    serial(&steps, &[diagnose])
}

#[test]
fn after_the_first_failure_nothing_starts_but_the_diagnostics_which_see_the_ledger() {
    let place = place();
    let (report, code) = run(&place, &five());
    assert_eq!((code, log(&place)), (1, ["one", "two", "diagnose"].map(str::to_owned).to_vec()));
    assert_eq!((&report["outcome"], &report["first_failure"]), (&json!("task_fail"), &json!("two")));
    for name in ["three", "four", "five"] {
        assert_eq!((&step(&report, name)["outcome"], &step(&report, name)["attempts"]), (&json!("skipped"), &json!(0)));
    }
    assert_eq!(step(&report, "one")["outputs"], json!(["url"]));
    let seen = fs::read_to_string(place.path().join("seen")).unwrap();
    assert!(seen.contains("\"step\":\"two\",\"attempt\":1,\"outcome\":\"task_fail\""), "{seen}");
    assert_eq!(journals(&place), 0);
}

#[test]
fn each_exit_is_classified_and_the_first_one_sticks() {
    let missing = json!({ "type": "command", "name": "a", "argv": ["/nowhere/at/all"] });
    let no_output = [tells("w", ""), sh("a", "echo {{steps.w.output.key}}")];
    let rows = [
        (vec![tells("a", "exit 0")], "pass", 0),
        (vec![tells("a", "exit 1")], "task_fail", 1),
        (vec![tells("a", "exit 2")], "infra_fail", 2),
        (vec![tells("a", "exit 137")], "task_fail", 1),
        (vec![tells("a", "kill -9 $$")], "task_fail", 1),
        (vec![missing], "infra_fail", 2),
        (no_output.to_vec(), "infra_fail", 2),
    ];
    for (steps, outcome, code) in rows {
        for last in ["exit 0", "exit 1", "exit 2"] {
            let place = place();
            let file = write(&place, "w.json", &serial(&steps, &[tells("last", last)]));
            let allowed = [&["run", &file, "--format", "json", "--allow-command", "*"][..]].concat();
            let (report, seen) = report(&squall(&place, &allowed));
            // A failing `finally` hides nothing, and fails what had passed.
            let expected = match (code, last) {
                (0, "exit 1") => ("task_fail", 1),
                (0, "exit 2") => ("infra_fail", 2),
                _ => (outcome, code),
            };
            assert_eq!((report["outcome"].as_str().unwrap(), seen), expected, "{steps:?} {last}: {report}");
            assert_eq!(log(&place).last().unwrap(), "last");
        }
    }
}

#[test]
fn a_deadline_kills_the_whole_tree_of_its_program() {
    let place = place();
    let script =
        "echo $$ > parent; (sh -c 'echo $$ > child.new; mv child.new child; setsid sleep 600 & sleep 600'); sleep 600";
    let steps = [with(sh("slow", script), &json!({ "deadline_seconds": 6 })), tells("next", "")];
    let (report, code) = run(&place, &serial(&steps, &[tells("last", "")]));
    assert_eq!((code, &report["outcome"]), (1, &json!("timed_out")), "{report}");
    assert_eq!(log(&place), ["last"]);
    for name in ["parent", "child"] {
        let pid = fs::read_to_string(place.path().join(name)).unwrap();
        until("the tree is killed", || is_gone(&pid));
    }
}

fn start(place: &TempDir, document: &Value) -> Child {
    let file = write(place, "w.json", document);
    let mut command = command(place, &[&["run", &file, "--format", "json"], &ALLOWED[..]].concat());
    command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap()
}

fn signal(child: &Child, signal: &str) {
    assert!(Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap().success());
}

#[test]
fn an_interrupted_workflow_runs_finally_once_and_its_programs_are_gone() {
    for name in ["-INT", "-TERM"] {
        let place = place();
        let steps = [tells("a", "echo $$ > pid.new; mv pid.new pid; sleep 600"), tells("b", "")];
        let child = start(&place, &serial(&steps, &[tells("last", "")]));
        until("the step runs", || place.path().join("pid").exists());
        signal(&child, name);
        let (report, code) = report(&child.wait_with_output().unwrap());
        assert_eq!((code, &report["why"]), (2, &json!("interrupted")), "{report}");
        assert_eq!(log(&place), ["a", "last"]);
        assert!(is_gone(&fs::read_to_string(place.path().join("pid")).unwrap()));
        assert_eq!(journals(&place), 0);
    }
}

#[test]
fn a_dry_run_names_every_step_and_what_is_forbidden_stops_all_of_it() {
    let place = place();
    let file = write(&place, "w.json", &five());
    let planned = squall(&place, &["run", &file, "--dry-run", "--allow-command", "sh"]);
    let text = String::from_utf8_lossy(&planned.stdout).into_owned();
    assert!(planned.status.success() && ["one", "four", "diagnose"].iter().all(|name| text.contains(name)), "{text}");
    let refused = squall(&place, &["run", &file, "--dry-run"]);
    assert_eq!(refused.status.code(), Some(2));
    let (report, code) = report(&squall(&place, &["run", &file, "--format", "json"]));
    assert_eq!((code, log(&place).len()), (2, 0));
    assert!(report["why"].as_str().unwrap().contains("--allow-command sh"), "{report}");
    for flag in [&["--sham"][..], &["--only", "one"], &["--repeat", "2"], &["--junit", "j.xml"], &["--format", "html"]]
    {
        let refused = squall(&place, &[&["run", &file], flag].concat());
        let told = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(refused.status.code() == Some(64) && told.contains(flag[0]), "{flag:?}: {told}");
    }
    assert!(!Path::new(&place.path().join(".squall")).exists());
}

/// A step in which the run is killed, the first time that it runs.
fn kills(name: &str, idempotent: bool) -> Value {
    let script = "[ -e died ] && exit 0; touch died; sleep 600 & echo $! > orphan; kill -9 $PPID; wait";
    with(tells(name, script), &json!({ "idempotent": idempotent }))
}

/// Runs a workflow that is killed, and gives its run.
fn killed(place: &TempDir, document: &Value) -> String {
    let status = start(place, document).wait().unwrap();
    assert!(status.code().is_none(), "{status}");
    let runs = fs::read_dir(place.path().join(".squall/runs")).unwrap();
    let runs: Vec<String> = runs.map(|run| run.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(runs.len(), 1);
    runs[0].clone()
}

fn resumed(place: &TempDir, run: &str) -> (Value, i32) {
    report(&squall(place, &[&["run", "--resume", run, "--format", "json"], &ALLOWED[..]].concat()))
}

#[test]
fn a_step_in_which_the_run_died_is_repeated_only_where_it_is_idempotent() {
    for (idempotent, log_after, expected) in
        [(false, &["a", "b", "last"][..], ("infra_fail", 2)), (true, &["a", "b", "b", "c", "last"], ("pass", 0))]
    {
        let place = place();
        let steps =
            [tells("a", "echo k=v > $SQUALL_OUTPUT"), kills("b", idempotent), tells("c", "echo {{steps.a.output.k}}")];
        let run = killed(&place, &serial(&steps, &[tells("last", "")]));
        let (report, code) = resumed(&place, &run);
        assert_eq!((report["outcome"].as_str().unwrap(), code), expected, "{report}");
        assert_eq!(log(&place), log_after);
        assert_eq!((&report["run_id"], &report["resumed"]), (&json!(run), &json!(1)));
        if !idempotent {
            assert!(step(&report, "b")["detail"].as_str().unwrap().starts_with("interrupted: "), "{report}");
        }
        let orphan = fs::read_to_string(place.path().join("orphan")).unwrap();
        until("no orphan is left", || is_gone(&orphan));
        assert_eq!(journals(&place), 0);
        // It is over now.
        let again = squall(&place, &["run", "--resume", &run]);
        let told = String::from_utf8_lossy(&again.stderr).into_owned();
        assert!(again.status.code() == Some(64) && told.contains("is finished"), "{told}");
    }
}

#[test]
fn finally_in_which_the_run_died_is_finished_and_the_first_failure_stays() {
    let place = place();
    let steps = [tells("a", "exit 1"), tells("b", "")];
    let run = killed(&place, &serial(&steps, &[kills("diagnose", true), tells("last", "")]));
    let (report, code) = resumed(&place, &run);
    assert_eq!((code, &report["first_failure"]), (1, &json!("a")), "{report}");
    assert_eq!(log(&place), ["a", "diagnose", "diagnose", "last"]);
}

#[test]
fn what_was_in_force_is_undone_before_a_workflow_goes_on_in_the_kept_folders() {
    let place = place();
    let sleeper = "echo started >> {{node.n1.dir}}/starts; echo $$ > {{node.n1.dir}}/pid; exec sleep 600";
    // Not before it has said that it started; the pid of a start before is nobody's by then.
    let sleeps = "grep -q ') S ' /proc/$(cat {{node.n1.dir}}/pid)/stat";
    let entry = json!({
        "trigger": { "type": "immediate" }, "duration_seconds": 60,
        "action": { "type": "pause_process", "target": { "node": "n1" } },
    });
    let steps = [
        json!({ "type": "fault", "name": "pause", "entry": entry }),
        sh(
            "kill",
            "until grep -q active events; do sleep 0.05; done; [ -e died ] && exit 0; touch died; kill -9 $PPID; sleep 600",
        ),
    ];
    let both = json!({ "type": "parallel", "name": "both", "success": "best_effort", "steps": steps });
    let mut document = serial(&[both], &[tells("last", "cp {{node.n1.dir}}/starts starts")]);
    document["nodes"] = json!({ "n1": {
        "type": "process", "argv": ["sh", "-c", sleeper],
        "ready": { "type": "command", "argv": ["sh", "-c", sleeps], "within_seconds": 60 },
    } });
    let file = write(&place, "w.json", &document);
    let arguments = [&["run", &file, "--events", "events"], &ALLOWED[..]].concat();
    let status = command(&place, &arguments).stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap();
    assert!(status.code().is_none(), "{status}");
    let runs = fs::read_dir(place.path().join(".squall/runs")).unwrap();
    let run = runs.map(|run| run.unwrap().file_name().into_string().unwrap()).next().unwrap();
    // Another run meanwhile collects what is dead, and leaves what can be resumed.
    assert_eq!(squall(&place, &["recover"]).status.code(), Some(0));
    let (report, code) = resumed(&place, &run);
    assert_eq!((code, &report["outcome"]), (2, &json!("infra_fail")), "{report}");
    assert_eq!(log(&place), ["last"]);
    assert_eq!(fs::read_to_string(place.path().join("starts")).unwrap(), "started\nstarted\n", "{report}");
    assert_eq!(journals(&place), 0);
}

#[test]
fn what_can_t_be_resumed_is_refused_by_name() {
    let place = place();
    let run = killed(&place, &serial(&[kills("a", false)], &[tells("last", "")]));
    let refused = |arguments: &[&str], code: i32, why: &str| {
        let output = squall(&place, arguments);
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(code) && told.contains(why), "{arguments:?}: {told}");
    };
    refused(&["run", "--resume", "1-2-3"], 64, "has no ledger");
    refused(&["run", "--resume", "../x"], 64, "is not the id of a run");
    let other = write(&place, "other.json", &serial(&[tells("b", "")], &[]));
    refused(&["run", "--resume", &run, &other], 65, "is not the document");
    refused(&["run", "--resume", &run, "--seed", "1"], 64, "--seed");
    let ledger = place.path().join(format!(".squall/runs/{run}/ledger.jsonl"));
    let text = fs::read_to_string(&ledger).unwrap();
    fs::write(&ledger, text.replace("\"attempt\":1", "\"attempt\":2")).unwrap();
    refused(&["run", "--resume", &run], 65, "is not as it was written");
    fs::write(&ledger, text.replace("\"format\":1", "\"format\":9")).unwrap();
    refused(&["run", "--resume", &run], 65, "unknown format 9");
    fs::write(&ledger, &text).unwrap();
    assert_eq!(log(&place), ["a"]);
    let (report, code) = resumed(&place, &run);
    assert_eq!((code, log(&place)), (2, vec!["a".to_owned(), "last".to_owned()]), "{report}");
}

#[test]
fn a_run_that_was_stopped_and_taken_over_runs_its_diagnostics_all_the_same() {
    let place = place();
    let steps = [tells("a", "echo $$ > pid.new; mv pid.new pid; sleep 600"), tells("b", "")];
    let child = start(&place, &serial(&steps, &[tells("last", "")]));
    let pid = place.path().join("pid");
    until("the step runs", || pid.exists());
    let pid = fs::read_to_string(pid).unwrap();
    signal(&child, "-STOP");
    // Its guardian kills what it started.
    until("the guardian takes over", || is_gone(&pid));
    signal(&child, "-CONT");
    let (report, code) = report(&child.wait_with_output().unwrap());
    assert_eq!((code, &report["outcome"]), (2, &json!("infra_fail")), "{report}");
    assert_eq!(log(&place), ["a", "last"]);
    assert_eq!(journals(&place), 0);
}

#[test]
fn the_example_passes_as_it_stands() {
    let place = place();
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/workflows/release-test.yaml");
    let arguments = [&["run", example, "--format", "json", "--allow-command", "sleep"], &ALLOWED[..]].concat();
    let (report, code) = report(&squall(&place, &arguments));
    assert_eq!((code, &report["outcome"]), (0, &json!("pass")), "{report}");
    let schema = squall(&place, &["schema", "--kind", "workflow"]);
    let schema: Value = serde_json::from_slice(&schema.stdout).unwrap();
    let problems: Vec<String> =
        jsonschema::validator_for(&schema).unwrap().iter_errors(&report).map(|error| error.to_string()).collect();
    assert!(problems.is_empty(), "{problems:?}");
}
