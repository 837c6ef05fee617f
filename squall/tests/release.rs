//! A hold that ends on request (by SIGUSR1, by standard input, from another terminal), and runs that a signal ends.

#![cfg(feature = "full")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;

use nix::sys::signal::SigSet;
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

/// A run in the background that holds a fault; its display is read to its end, so that it never blocks.
struct Held {
    child: Child,
    seen: String,
    rest: JoinHandle<String>,
}

impl Held {
    /// Starts it, and comes back when the fault is in force.
    fn start(place: &TempDir, arguments: &[&str]) -> Self {
        Self::of(command(place, arguments))
    }

    /// The same of a command that is already made.
    fn of(mut command: Command) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap());
        let mut seen = String::new();
        while !seen.contains("holding for") || !seen.ends_with('\n') {
            assert_ne!(lines.read_line(&mut seen).unwrap(), 0, "it ended early: {seen}");
        }
        let rest = std::thread::spawn(move || {
            let mut rest = String::new();
            let _ = lines.read_to_string(&mut rest);
            rest
        });
        Self { child, seen, rest }
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// The id that it says at its start.
    fn run_id(&self) -> &str {
        let after = self.seen.split_once("run ").unwrap().1;
        after.split_once(',').unwrap().0
    }

    /// Its report's first entry, its display's end, its exit code.
    fn end(mut self) -> (Value, String, Option<i32>) {
        let mut out = String::new();
        self.child.stdout.take().unwrap().read_to_string(&mut out).unwrap();
        let rest = self.rest.join().unwrap();
        let report: Value = serde_json::from_str(&out).unwrap();
        (report["entries"][0].clone(), rest, self.child.wait().unwrap().code())
    }
}

/// The fault landed, was released, undone and judged.
fn was_released(held: Held, place: &TempDir, sleeper: &Sleeper) {
    let (entry, err, code) = held.end();
    assert_eq!((code, &entry["verdict"], &entry["success"]), (Some(0), &json!("unchecked"), &json!(true)), "{entry:#}");
    assert_eq!((&entry["reverted"], &entry["error"]), (&json!("reverted"), &Value::Null), "{err}");
    let timeline = entry["timeline"].as_array().unwrap();
    assert!(timeline.iter().any(|point| point["event"] == "released"), "{entry:#}");
    assert!(!sleeper.is_stopped());
    assert_eq!(journals(place), 0);
}

#[test]
fn sigusr1_ends_the_hold_and_the_exit_code_is_0() {
    let (place, sleeper) = (place(), Sleeper::start());
    let pid = format!("pid={}", sleeper.pid());
    let held = Held::start(&place, &["inject", "pause_process", &pid, "--for", "60s", "--format", "json"]);
    assert!(sleeper.is_stopped());
    held.signal("USR1");
    was_released(held, &place, &sleeper);
}

#[test]
fn a_hold_until_standard_input_closes_lasts_as_long_as_the_policy_allows() {
    let (place, sleeper) = (place(), Sleeper::start());
    let pid = format!("pid={}", sleeper.pid());
    let file = write(
        &place,
        "task.json",
        &json!({"trigger": {"type": "immediate"}, "action": {"type": "pause_process", "pid": sleeper.pid()}}),
    );
    let rows: [&[&str]; 2] = [&["inject", "pause_process", &pid], &["run", &file]];
    for arguments in rows {
        let more = ["--until-stdin-closes", "--max-duration", "50s", "--format", "json"];
        let mut held = Held::start(&place, &[arguments, &more].concat());
        assert!(held.seen.contains("holding for 50 s") && sleeper.is_stopped(), "{}", held.seen);
        let mut stdin = held.child.stdin.take().unwrap();
        stdin.write_all(b"what is written means nothing\n").unwrap();
        assert!(sleeper.is_stopped());
        drop(stdin);
        was_released(held, &place, &sleeper);
    }
}

#[test]
fn a_standard_input_that_is_at_its_end_from_the_start_is_wrong_usage() {
    let (place, sleeper) = (place(), Sleeper::start());
    let pid = format!("pid={}", sleeper.pid());
    for arguments in
        [&["inject", "pause_process", &pid, "--until-stdin-closes"][..], &["run", "-", "--until-stdin-closes"]]
    {
        let (told, code) = report(&squall(&place, &[arguments, &["--format", "json"]].concat()));
        assert_eq!(code, 64, "{told}");
        assert!(told["error"].as_str().unwrap().contains("`--until-stdin-closes`"), "{told}");
    }
    assert!(!sleeper.is_stopped());
}

#[test]
fn release_from_another_terminal_names_the_run_and_what_is_not_there_is_wrong_usage() {
    let (place, sleeper) = (place(), Sleeper::start());
    let pid = format!("pid={}", sleeper.pid());
    let held = Held::start(&place, &["inject", "pause_process", &pid, "--for", "60s", "--format", "json"]);
    let run = held.run_id().to_owned();
    for (arguments, why) in [
        (&["release", "no-such-run"][..], format!("no live run `no-such-run`; live: {run}")),
        (&["release", &run, "nothing"], "no entry `nothing` is under way".to_owned()),
    ] {
        let output = squall(&place, arguments);
        let err = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(64), "{err}");
        assert!(err.contains(&why) && sleeper.is_stopped(), "{err}");
    }
    let output = squall(&place, &["release", &run, "inject pause_process"]);
    let out = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(out, "inject pause_process (/chaos_spec/0): released\n");
    was_released(held, &place, &sleeper);
}

#[test]
fn a_release_beside_sigterm_is_one_or_the_other_and_always_undone() {
    for signals in [["USR1", "TERM"], ["TERM", "USR1"]] {
        for _ in 0..3 {
            let (place, sleeper) = (place(), Sleeper::start());
            let pid = format!("pid={}", sleeper.pid());
            let held = Held::start(&place, &["inject", "pause_process", &pid, "--for", "60s", "--format", "json"]);
            for signal in signals {
                held.signal(signal);
            }
            let (entry, err, code) = held.end();
            let aborted = entry["timeline"].as_array().unwrap().iter().any(|point| point["event"] == "aborted");
            let (verdict, want) = if aborted { ("inconclusive", 2) } else { ("unchecked", 0) };
            assert_eq!((&entry["verdict"], code), (&json!(verdict), Some(want)), "{err}");
            assert_eq!(entry["reverted"], json!("reverted"), "{err}");
            assert!(!sleeper.is_stopped() && journals(&place) == 0);
        }
    }
}

/// What holds a fault on `victim`, whatever the run is told.
const PAUSED: [&str; 5] = ["inject", "pause_process", "--for", "60s", "--format=json"];

#[test]
fn what_was_ignored_when_it_started_stays_ignored() {
    let (place, victim) = (place(), Sleeper::start());
    let pid = format!("pid={}", victim.pid());
    let started = command(&place, &[&PAUSED[..], &[&pid]].concat());
    let mut command = Command::new("sh");
    command.args(["-c", "trap '' HUP INT QUIT TSTP; exec \"$@\"", "sh"]).arg(started.get_program());
    command.args(started.get_args()).current_dir(place.path()).env("XDG_STATE_HOME", place.path().join("state"));
    let held = Held::of(command);
    for name in ["HUP", "INT", "QUIT", "TSTP"] {
        held.signal(name);
    }
    assert!(victim.is_stopped());
    // Delivered after the others, so it would find the run ended.
    held.signal("USR1");
    let (entry, rest, code) = held.end();
    assert_eq!((code, &entry["verdict"]), (Some(0), &json!("unchecked")), "{rest}");
    assert!(!rest.contains("SIGHUP") && !rest.contains("SIGINT") && !rest.contains("SIGQUIT"), "{rest}");
}

#[test]
fn what_was_blocked_when_it_started_is_heard() {
    for name in ["TERM", "TSTP", "USR1"] {
        let (place, victim) = (place(), Sleeper::start());
        let pid = format!("pid={}", victim.pid());
        let before = SigSet::thread_get_mask().unwrap();
        SigSet::all().thread_block().unwrap();
        let held = Held::start(&place, &[&PAUSED[..], &[&pid]].concat());
        before.thread_set_mask().unwrap();
        held.signal(name);
        let (entry, _, code) = held.end();
        let (wanted, released) = if name == "USR1" { (0, true) } else { (2, false) };
        assert_eq!((code, &entry["reverted"]), (Some(wanted), &json!("reverted")), "{name}");
        let timeline = entry["timeline"].as_array().unwrap();
        assert_eq!(timeline.iter().any(|point| point["event"] == "released"), released, "{name}: {entry:#}");
        assert!(!victim.is_stopped(), "{name}");
    }
}

#[test]
fn ctrl_z_undoes_before_it_stops() {
    if is_ignored("TSTP") {
        return;
    }
    let (place, victim) = (place(), Sleeper::start());
    let pid = format!("pid={}", victim.pid());
    let mut command = command(&place, &[&PAUSED[..], &[&pid]].concat());
    // A group of its own in our session, as a shell with job control starts one.
    command.process_group(0);
    let held = Held::of(command);
    held.signal("TSTP");
    let state = format!("/proc/{}/stat", held.child.id());
    loop {
        let line = std::fs::read_to_string(&state).unwrap();
        let letter = &line.rsplit_once(") ").unwrap().1[..1];
        assert_ne!(letter, "Z", "it ended instead of stopping");
        if letter == "T" {
            break;
        }
        std::thread::yield_now();
    }
    assert!(!victim.is_stopped() && journals(&place) == 0);
    held.signal("CONT");
    let (entry, rest, code) = held.end();
    assert_eq!((code, &entry["verdict"]), (Some(2), &json!("inconclusive")), "{rest}");
    assert!(rest.contains("SIGTSTP: undoing what is in force, then stopping"), "{rest}");
}

#[test]
fn ctrl_z_with_nobody_to_continue_us_ends_with_the_report() {
    if is_ignored("TSTP") {
        return;
    }
    let (place, victim) = (place(), Sleeper::start());
    let pid = format!("pid={}", victim.pid());
    // In the group of this test, whose leader started it.
    let held = Held::start(&place, &[&PAUSED[..], &[&pid]].concat());
    held.signal("TSTP");
    let (entry, _, code) = held.end();
    assert_eq!((code, &entry["reverted"]), (Some(2), &json!("reverted")));
    assert!(!victim.is_stopped());
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a test of real time: the hold must end while nobody runs")]
fn a_hold_that_lasted_longer_than_asked_says_so() {
    let (place, victim) = (place(), Sleeper::start());
    let pid = format!("pid={}", victim.pid());
    let held = Held::start(&place, &["inject", "pause_process", &pid, "--for", "5s", "--format", "json"]);
    // Stopped from outside, which nothing can see coming; continued well after the hold should have ended.
    held.signal("STOP");
    std::thread::sleep(std::time::Duration::from_secs(8));
    held.signal("CONT");
    let (entry, rest, _) = held.end();
    let timeline = entry["timeline"].as_array().unwrap();
    let told = |point: &Value| point.to_string().contains("longer than the 5.0 s asked for");
    assert!(timeline.iter().any(told), "{entry:#}");
    assert!(rest.contains("longer than the 5.0 s asked for"), "{rest}");
    assert!(!victim.is_stopped());
    assert_eq!(journals(&place), 0);
}
