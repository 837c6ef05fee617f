//! Runs as a shell sees them, against real processes: verdicts, signals, crashes, reports.

#![cfg(feature = "full")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::JoinHandle;

use serde_json::{Value, json};
use tempfile::TempDir;

#[path = "support/ignored.rs"]
mod ignored;
#[path = "support/shell.rs"]
mod shell;
#[path = "support/sleeper.rs"]
mod sleeper;

use ignored::is_ignored;
use shell::{command, journals, place, report, squall, write};
use sleeper::Sleeper;

#[test]
fn an_invalid_file_is_65_with_its_problems_in_both_forms() {
    let place = place();
    let file = write(&place, "task.json", &json!({"chaos_spec": [{"trigger": {"type": "tme"}}]}));
    let output = squall(&place, &["run", &file, "--format", "json"]);
    let (told, code) = report(&output);
    assert_eq!((code, &told["exit_code"]), (65, &json!(65)));
    assert_eq!(told["diagnostics"].as_array().unwrap().len(), 2, "{told:#}");
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(err.contains("error[unknown-trigger]") && err.contains("error[missing-key]"), "{err}");
}

#[test]
fn inject_holds_one_fault_and_undoes_it() {
    let (place, sleeper) = (place(), Sleeper::start());
    let pid = format!("pid={}", sleeper.pid());
    let (report, code) =
        report(&squall(&place, &["inject", "pause_process", &pid, "--for", "300ms", "--format", "json"]));
    let entry = &report["entries"][0];
    assert_eq!(
        (code, &entry["verdict"], &entry["reverted"]),
        (0, &json!("unchecked"), &json!("reverted")),
        "{entry:#}"
    );
    assert!(!sleeper.is_stopped());
}

#[test]
fn inject_tells_what_is_wrong_with_its_parameters() {
    let (place, sleeper) = (place(), Sleeper::start());
    let pid = format!("pid={}", sleeper.pid());
    let rows: [(&[&str], i32, &str); 3] = [
        (&["inject", "pause_process"], 65, "pid"),
        (&["inject", "pause_process", "pid=many"], 65, "pid"),
        (&["inject", "pause_process", &pid, "colour=red"], 65, "colour"),
    ];
    for (arguments, code, want) in rows {
        let output = squall(&place, arguments);
        let err = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {err}");
        assert!(err.contains(want), "{arguments:?}: {err}");
    }
    assert!(!sleeper.is_stopped());
}

#[test]
fn a_dry_run_prints_the_plan_and_touches_nothing() {
    let (place, sleeper) = (place(), Sleeper::start());
    let pid = format!("pid={}", sleeper.pid());
    let output = squall(&place, &["inject", "pause_process", &pid, "--dry-run"]);
    let out = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{out}");
    assert!(out.contains(&sleeper.pid().to_string()) && out.contains("nothing was touched"), "{out}");
    assert!(!sleeper.is_stopped() && !place.path().join("state").exists());
    let refused = squall(&place, &["inject", "pause_process", &pid, "--dry-run", "--allow-fault", "generate_load"]);
    let out = String::from_utf8_lossy(&refused.stdout);
    assert_eq!(refused.status.code(), Some(2), "{out}");
    assert!(out.contains("--allow-fault pause_process"), "{out}");
}

#[test]
fn events_are_lines_without_a_gap_from_the_start_to_the_end() {
    let (place, sleeper) = (place(), Sleeper::start());
    let (pid, path) = (format!("pid={}", sleeper.pid()), place.path().join("events.jsonl"));
    let events = path.display().to_string();
    let output = squall(&place, &["inject", "pause_process", &pid, "--for", "200ms", "--events", &events]);
    assert_eq!(output.status.code(), Some(0));
    let lines: Vec<Value> =
        fs::read_to_string(path).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(lines.iter().enumerate().all(|(at, event)| event["seq"] == at), "{lines:#?}");
    assert_eq!((&lines[0]["event"], &lines[lines.len() - 1]["event"]), (&json!("run_started"), &json!("run_ended")));
    assert!(lines.iter().any(|event| event["event"] == "active"), "{lines:#?}");
}

#[test]
fn events_on_standard_output_have_it_for_themselves() {
    let (place, sleeper) = (place(), Sleeper::start());
    let pid = format!("pid={}", sleeper.pid());
    let output = squall(&place, &["inject", "pause_process", &pid, "--for", "100ms", "--events", "-"]);
    assert_eq!(output.status.code(), Some(0));
    let out = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines[lines.len() - 1]["event"], "run_ended");
    assert!(String::from_utf8_lossy(&output.stderr).contains("verdict:"));
    assert!(!place.path().join("-").exists());
}

#[test]
fn without_a_state_directory_nothing_is_injected() {
    let (place, sleeper) = (place(), Sleeper::start());
    let pid = format!("pid={}", sleeper.pid());
    let mut command = command(&place, &["inject", "pause_process", &pid, "--for", "60s"]);
    let output = command.env_remove("HOME").env_remove("XDG_STATE_HOME").output().unwrap();
    let err = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{err}");
    assert!(err.contains("nothing is injected without an undo journal"), "{err}");
    assert!(!sleeper.is_stopped());
}

/// A run in the background; its display is read to its end, so that it never blocks.
struct Background {
    child: Child,
    err: JoinHandle<String>,
}

impl Background {
    /// Starts a pause of a minute, and comes back when it is in force.
    fn pause(place: &TempDir, sleeper: &Sleeper) -> Self {
        let pid = format!("pid={}", sleeper.pid());
        let arguments = ["inject", "pause_process", &pid, "--for", "60s", "--format", "json"];
        let mut child = command(place, &arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap());
        let mut seen = String::new();
        while !seen.contains("holding for") {
            assert_ne!(lines.read_line(&mut seen).unwrap(), 0, "it ended early: {seen}");
        }
        let err = std::thread::spawn(move || {
            let _ = lines.read_to_string(&mut seen);
            seen
        });
        Self { child, err }
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    fn end(mut self) -> (String, String, ExitStatus) {
        let mut out = String::new();
        self.child.stdout.take().unwrap().read_to_string(&mut out).unwrap();
        (out, self.err.join().unwrap(), self.child.wait().unwrap())
    }
}

#[test]
fn signals_undo_and_report_and_a_second_one_changes_nothing() {
    for signals in [&["INT"][..], &["TERM"], &["HUP"], &["INT", "INT", "TERM"]] {
        if signals.iter().any(|name| is_ignored(name)) {
            continue;
        }
        let (place, sleeper) = (place(), Sleeper::start());
        let run = Background::pause(&place, &sleeper);
        assert!(sleeper.is_stopped());
        for signal in signals {
            run.signal(signal);
        }
        let (out, err, status) = run.end();
        assert_eq!(status.code(), Some(2), "{signals:?}: {err}");
        assert!(!sleeper.is_stopped(), "{signals:?}");
        let report: Value = serde_json::from_str(&out).unwrap();
        let entry = &report["entries"][0];
        assert_eq!((&entry["verdict"], &entry["reverted"]), (&json!("inconclusive"), &json!("reverted")), "{entry:#}");
        assert!(err.contains(&format!("SIG{}", signals[0])), "{err}");
        assert_eq!(journals(&place), 0);
    }
}

#[test]
fn junit_has_a_case_for_the_entry_and_one_for_its_undo() {
    let (place, sleeper) = (place(), Sleeper::start());
    let pid = format!("pid={}", sleeper.pid());
    let output = squall(&place, &["inject", "pause_process", &pid, "--for", "100ms", "--format", "junit"]);
    let out = String::from_utf8_lossy(&output.stdout);
    assert_eq!((output.status.code(), out.matches("<testcase").count()), (Some(0), 2), "{out}");
}
