//! A test command under a soak: baseline, attribution, exit codes, what is spared, and how it ends.

#![cfg(feature = "full")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

#[path = "support/shell.rs"]
mod shell;

use shell::{command, journals, place, report, squall, write};

/// A node that says its pid in its folder.
const NODE: &str = "echo $$ > pid.new; mv pid.new pid; exec sleep 600";

/// Waits until the node is paused.
const UNTIL_PAUSED: &str = "n=0; until grep -q ') T' /proc/$(cat $SQUALL_NODE_N1_DIR/pid)/stat; do
    n=$((n+1)); [ $n -gt 3000 ] && exit 99; sleep 0.01; done; ";

/// Goes no further without faults.
const BASELINE: &str = "[ $SQUALL_TORTURE_ATTEMPT = 0 ] && exit 0; ";

fn document() -> Value {
    json!({
        "nodes": { "n1": { "type": "process", "argv": ["sh", "-c", NODE], "labels": { "role": "member" } } },
        "steady_state": [{
            "name": "n1 is there", "type": "command", "argv": ["test", "-e", "{{node.n1.dir}}/pid"], "within_seconds": 60,
        }],
        "soak": {
            "pool": [{
                "name": "pause", "action": { "type": "pause_process", "target": { "nodes": { "role": "member" } } },
                "duration_seconds": 100,
            }],
            "interval_seconds": 0.1, "events": 1,
        },
    })
}

/// Runs a script under the soak of a document; gives the output and the report.
fn torture(place: &TempDir, document: &Value, flags: &[&str], script: &str) -> (Output, Value) {
    let file = write(place, "soak.json", document);
    let report = place.path().join("report.json").display().to_string();
    let fixed = ["torture", "--soak", &file, "--json", &report, "--allow-command", "sh", "--allow-command", "test"];
    let output = squall(place, &[&fixed[..], flags, &["--", "sh", "-c", script]].concat());
    let report = fs::read(&report).unwrap_or_default();
    (output, serde_json::from_slice(&report).unwrap_or_default())
}

fn told(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_failure_under_faults_is_attributed_and_its_exit_code_passed_through() {
    let place = place();
    let script = format!(
        "printf '\\033[1m1..2\\033[0m\\nok 1 - before\\n'; echo words >&2; {BASELINE}{UNTIL_PAUSED}echo 'not ok 2 - during'; exit 7"
    );
    let (output, report) = torture(&place, &document(), &["--seed", "5"], &script);
    assert_eq!((output.status.code(), report["verdict"].as_str()), (Some(7), Some("deviated")), "{}", told(&output));
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    let each = "\u{1b}[1m1..2\u{1b}[0m\nok 1 - before\n";
    assert_eq!(stdout, format!("{each}{each}not ok 2 - during\n"), "unchanged, and nothing of ours");
    assert!(told(&output).contains("words\n"), "{}", told(&output));
    let attempt = &report["attempts"][0];
    assert_eq!((&attempt["seed"], &attempt["command"]["end"]), (&json!(5), &json!({ "how": "exited", "code": 7 })));
    let failures = attempt["failures"].as_array().unwrap();
    let active = json!([{ "event": 1, "fault": "pause", "node": "n1", "phase": "in_force" }]);
    assert_eq!((failures.len(), &failures[0]["part"], &failures[0]["faults"]), (1, &json!("during"), &active));
    let fault = &attempt["faults"][0];
    assert_eq!(fault["parts"], json!(["during"]));
    // Undone with the end of the command, not after its hundred seconds.
    assert!(fault["to_seconds"].as_f64().unwrap() < fault["from_seconds"].as_f64().unwrap() + 90.0, "{fault}");
    assert_eq!(report["end_state"][0]["success"], true, "{report}");
    assert!(told(&output).contains("failed: `during`"), "{}", told(&output));
    assert_eq!(journals(&place), 0);
}

#[test]
fn a_command_that_fails_without_faults_shows_nothing() {
    let place = place();
    let (output, report) = torture(&place, &document(), &[], "exit 5");
    assert_eq!(
        (output.status.code(), report["verdict"].as_str()),
        (Some(2), Some("inconclusive")),
        "{}",
        told(&output)
    );
    assert_eq!(report["baseline"]["end"]["code"], 5);
    assert_eq!(report["attempts"], json!([]));
    let why = report["why"].as_str().unwrap();
    assert!(why.contains("without faults the command failed with exit code 5"), "{why}");
    let missing = ["torture", "--soak", "soak.json", "--allow-command", "*", "--", "/nowhere/at/all"];
    let output = squall(&place, &missing);
    assert_eq!(output.status.code(), Some(2));
    assert!(told(&output).contains("`/nowhere/at/all` can't be started"), "{}", told(&output));
}

#[test]
fn a_command_that_passes_under_faults_passes_and_knows_the_nodes() {
    let place = place();
    let mut document = document();
    document["nodes"]["n1"]["ports"] = json!(["http"]);
    let file = write(&place, "soak.json", &document);
    let script = format!("echo $1 = $SQUALL_NODE_N1_PORT_HTTP; {BASELINE}{UNTIL_PAUSED}echo seed $SQUALL_TORTURE_SEED");
    let flags =
        ["torture", "--soak", &file, "--seed", "3", "--attempts", "2", "--format", "json", "--allow-command", "*"];
    let output = squall(&place, &[&flags[..], &["--", "sh", "-c", &script, "sh", "{{node.n1.port.http}}"]].concat());
    let (report, code) = report(&output);
    assert_eq!((code, report["verdict"].as_str()), (0, Some("held")), "{report}");
    let seeds: Vec<u64> = (0..2).map(|at| report["attempts"][at]["seed"].as_u64().unwrap()).collect();
    assert_eq!(seeds[0], 3);
    assert_ne!(seeds[1], 3);
    // The report has standard output for itself.
    let told = told(&output);
    for seed in seeds {
        assert!(told.contains(&format!("seed {seed}\n")), "{told}");
    }
    let ports = told.lines().find_map(|line| line.split_once(" = ")).unwrap();
    assert_eq!(ports.0, ports.1, "{told}");
    assert!(ports.0.parse::<u16>().unwrap() > 0);
}

#[test]
fn attempts_stop_at_the_first_failure() {
    let place = place();
    let script = format!("{BASELINE}{UNTIL_PAUSED}[ $SQUALL_TORTURE_ATTEMPT = 2 ] && exit 4; exit 0");
    let (output, report) = torture(&place, &document(), &["--attempts", "3"], &script);
    assert_eq!(output.status.code(), Some(4), "{}", told(&output));
    assert_eq!(report["attempts"].as_array().unwrap().len(), 2);
    assert_eq!(report["attempts_planned"], 3);
}

#[test]
fn a_failure_while_no_fault_is_active_is_not_attributed() {
    let place = place();
    let mut document = document();
    document["soak"]["interval_seconds"] = json!(100);
    let (output, report) = torture(&place, &document, &[], &format!("{BASELINE}exit 6"));
    assert_eq!(output.status.code(), Some(6), "{}", told(&output));
    let failure = &report["attempts"][0]["failures"][0];
    assert_eq!((failure.get("part"), &failure["faults"]), (None, &json!([])), "{report}");
    assert!(report["why"].as_str().unwrap().contains("no fault was active"), "{report}");
    // And one that passes has shown nothing.
    let (output, report) = torture(&place, &document, &[], "exit 0");
    assert_eq!(output.status.code(), Some(2), "{report}");
    assert!(report["why"].as_str().unwrap().contains("no fault landed"), "{report}");
}

#[test]
fn a_soak_that_fails_by_itself_is_1() {
    let place = place();
    let mut document = document();
    document["soak"]["pool"][0]["duration_seconds"] = json!(0.1);
    let asked = place.path().join("asked");
    let asks = format!("echo > {}; exit 1", asked.display());
    document["soak"]["invariants"] = json!([{ "name": "never", "type": "command", "argv": ["sh", "-c", asks] }]);
    let script = format!("{BASELINE}until [ -e {} ]; do sleep 0.01; done", asked.display());
    let (output, report) = torture(&place, &document, &["--deadline", "300s"], &script);
    assert_eq!((output.status.code(), report["verdict"].as_str()), (Some(1), Some("deviated")), "{}", told(&output));
    assert!(report["why"].as_str().unwrap().contains("invariant `never`"), "{report}");
}

/// Four events, each ended before the command is.
fn until_ended(place: &TempDir, events: u32) -> String {
    let file = place.path().join("events.jsonl");
    format!("until [ $(grep -c '\"event\":\"ended\"' {}) -ge {events} ]; do sleep 0.02; done", file.display())
}

#[test]
fn no_fault_acts_on_the_command_by_any_name() {
    let place = place();
    let pids = place.path().join("inner.pid").display().to_string();
    // In a session of its own, with a command line that no other test has.
    let seconds = format!("4321.{}", std::process::id());
    let start = format!("setsid sleep {seconds} & echo $! > {pids}.new; mv {pids}.new {pids}; ");
    let mut document = document();
    // Time for the command to tell its pids, which the first fault needs.
    document["soak"]["interval_seconds"] = json!(2);
    document["soak"]["pool"] = json!([
        { "name": "by pid file", "action": { "type": "pause_process", "target": { "pid_file": pids } }, "duration_seconds": 0.1 },
        { "name": "by command", "action": { "type": "kill_process", "target": { "command": ["sleep", seconds] } }, "duration_seconds": 0.1 },
    ]);
    document["soak"]["events"] = json!(6);
    let script = format!("{start}{BASELINE}{}; kill -0 $(cat {pids}) || exit 9", until_ended(&place, 6));
    let flags = ["--seed", "2", "--events", "events.jsonl", "--deadline", "300s", "--permit", "irreversible"];
    let (output, report) = torture(&place, &document, &flags, &script);
    assert_eq!(output.status.code(), Some(2), "{}", told(&output));
    let events = report["attempts"][0]["soak"]["events"].as_array().unwrap();
    let names: std::collections::BTreeSet<&str> = events.iter().map(|event| event["fault"].as_str().unwrap()).collect();
    assert_eq!((events.len(), names.len()), (6, 2), "{report:#}");
    for event in events {
        assert_eq!(event["outcome"], "skipped", "{event}");
        let why = event["why"].as_str().unwrap();
        assert!(why.contains("that is of node `the command`, which is protected"), "{why}");
    }
    assert_eq!(report["attempts"][0]["command"]["end"]["code"], 0);
}

#[test]
fn what_runs_inside_the_command_is_a_target_where_it_is_named() {
    let place = place();
    let pids = place.path().join("inner.pid").display().to_string();
    let start = format!("sleep 600 & echo $! > {pids}.new; mv {pids}.new {pids}; ");
    let mut document = document();
    document["nodes"]["inner"] = json!({ "type": "running", "pid_file": pids });
    document["soak"]["pool"][0]["action"] = json!({ "type": "pause_process", "target": { "node": "inner" } });
    document["soak"]["pool"][0]["duration_seconds"] = json!(0.1);
    document["soak"]["interval_seconds"] = json!(3);
    for (flags, landed) in [(&[][..], 0), (&["--target-inside", "inner"][..], 1)] {
        let _ = fs::remove_file(&pids);
        let script = format!("{start}{BASELINE}{}", until_ended(&place, 1));
        let fixed = ["--events", "events.jsonl", "--deadline", "300s"];
        let (output, report) = torture(&place, &document, &[&fixed[..], flags].concat(), &script);
        assert_eq!(report["attempts"][0]["soak"]["n"], landed, "{flags:?} {report:#} {}", told(&output));
        assert_eq!(output.status.code(), Some(if landed == 1 { 0 } else { 2 }), "{}", told(&output));
    }
}

#[test]
fn a_command_that_hangs_is_ended_with_all_that_it_started() {
    let place = place();
    let pids = place.path().join("pids");
    let script =
        format!("{BASELINE}setsid sleep 600 & echo $! $$ > {}; trap '' TERM; sleep 600; sleep 600", pids.display());
    let (output, report) = torture(&place, &document(), &["--deadline", "4s"], &script);
    assert_eq!(
        (output.status.code(), &report["attempts"][0]["command"]["end"]["how"]),
        (Some(124), &json!("timed_out"))
    );
    all_gone(&fs::read_to_string(pids).unwrap());
}

fn all_gone(pids: &str) {
    for pid in pids.split_whitespace() {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        assert!(stat.is_empty() || stat.contains(") Z "), "{stat}");
    }
}

/// Starts a command that never ends under a fault, and waits until it is in force; gives the pids that the command told.
fn started(place: &TempDir) -> (std::process::Child, BufReader<std::process::ChildStdout>, String) {
    let file = write(place, "soak.json", &document());
    let script = format!("{BASELINE}setsid sleep 600 & inner=$!; {UNTIL_PAUSED}echo $inner $$; sleep 600");
    let flags = ["torture", "--soak", &file, "--parts", "none", "--json", "report.json", "--allow-command", "*"];
    let mut command = command(place, &[&flags[..], &["--", "sh", "-c", &script]].concat());
    // What a killed one leaves is for `recover` here.
    command.env("SQUALL_GUARDIAN", "none");
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    let mut pids = String::new();
    lines.read_line(&mut pids).unwrap();
    (child, lines, pids)
}

fn signal(name: &str, pid: u32) {
    assert!(Command::new("kill").args([name, &pid.to_string()]).status().unwrap().success());
}

#[test]
fn an_interrupt_ends_the_command_and_undoes_what_is_in_force() {
    let place = place();
    let (child, _lines, pids) = started(&place);
    assert_eq!(pids.split_whitespace().count(), 2, "{pids}");
    signal("-INT", child.id());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", told(&output));
    let report: Value = serde_json::from_slice(&fs::read(place.path().join("report.json")).unwrap()).unwrap();
    assert_eq!(
        (&report["interrupted"], &report["attempts"][0]["command"]["end"]["how"]),
        (&json!(true), &json!("interrupted"))
    );
    all_gone(&pids);
    assert_eq!(journals(&place), 0);
}

#[test]
fn what_a_killed_torture_leaves_is_recovered() {
    let place = place();
    let (mut child, mut lines, pids) = started(&place);
    child.kill().unwrap();
    child.wait().unwrap();
    let recovered = squall(&place, &["recover"]);
    assert!(recovered.status.success(), "{recovered:?}");
    // Whoever held our streams is gone.
    let mut rest = Vec::new();
    lines.read_to_end(&mut rest).unwrap();
    all_gone(&pids);
    assert_eq!(journals(&place), 0);
}

#[test]
fn what_can_not_be_run_is_told_before_anything_is() {
    let place = place();
    let file = write(&place, "soak.json", &document());
    let without = write(&place, "task.json", &json!({ "nodes": document()["nodes"], "chaos_spec": [] }));
    let rows: [(&[&str], i32, &str); 5] = [
        (&["--soak", &without, "--", "true"], 65, ""),
        (&["--soak", &file, "--", "echo", "{{node.n2.dir}}"], 64, "unknown placeholder `{{node.n2.dir}}`"),
        (&["--soak", &file, "--target-inside", "n2", "--", "true"], 64, "no such node"),
        (&["--soak", &file], 64, "CMD"),
        (&["--soak", &file, "--", "true"], 2, "--allow-command"),
    ];
    for (arguments, code, why) in rows {
        let output = squall(&place, &[&["torture"], arguments].concat());
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", told(&output));
        assert!(told(&output).contains(why), "{arguments:?}: {}", told(&output));
    }
    let plan = squall(
        &place,
        &["torture", "--soak", &file, "--attempts", "2", "--dry-run", "--allow-command", "*", "--", "true"],
    );
    let text = String::from_utf8_lossy(&plan.stdout).into_owned();
    assert_eq!(plan.status.code(), Some(0), "{}", told(&plan));
    assert!(text.contains("attempt 2, seed") && text.contains("nothing was touched"), "{text}");
}
