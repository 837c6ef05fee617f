//! Signals are obeyed at every moment, whatever becomes of the terminal: full pipes, and waits before anything is in force.

#![cfg(feature = "full")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{PipeReader, PipeWriter, Read, Write, pipe};
use std::net::TcpListener;
use std::process::{Child, Stdio};

use chaos_core::{Journal, JournalRecord, StateDir};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde_json::{Value, json};
use tempfile::TempDir;

#[path = "support/shell.rs"]
mod shell;
#[path = "support/signalled.rs"]
mod signalled;
#[path = "support/sleeper.rs"]
mod sleeper;

use shell::{command, journals, place, report, squall, write};
use signalled::{code, signal, until};
use sleeper::Sleeper;

/// A pipe that takes nothing more, and that nobody reads.
fn full_pipe() -> (PipeReader, PipeWriter) {
    let (reader, mut writer) = pipe().unwrap();
    loop {
        let mut ready = [PollFd::new(&writer, PollFlags::OUT)];
        poll(&mut ready, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })).unwrap();
        if ready[0].revents().is_empty() {
            return (reader, writer);
        }
        // Writable means that this many bytes don't block, see pipe(7).
        writer.write_all(&[b'.'; 4096]).unwrap();
    }
}

/// Sends SIGTERM; the run ends with its whole report, and nothing is left.
fn sigterm_undoes(child: &mut Child, place: &TempDir, victim: &Sleeper) {
    signal(child.id(), "TERM");
    assert_eq!(code(child), Some(2));
    let mut out = String::new();
    child.stdout.take().unwrap().read_to_string(&mut out).unwrap();
    let report: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(report["entries"][0]["reverted"], json!("reverted"), "{report:#}");
    assert!(!victim.is_stopped() && journals(place) == 0);
}

#[test]
fn with_standard_error_stalled_a_signal_undoes_and_the_process_ends_with_its_report() {
    let (place, victim) = (place(), Sleeper::start());
    let pid = format!("pid={}", victim.pid());
    let (_unread, stalled) = full_pipe();
    let mut squall = command(&place, &["inject", "pause_process", &pid, "--for=60s", "--format=json"]);
    let mut child = squall.stdout(Stdio::piped()).stderr(stalled).spawn().unwrap();
    until("the fault", || victim.is_stopped());
    sigterm_undoes(&mut child, &place, &victim);
}

#[test]
fn with_standard_error_stalled_a_run_ends_at_its_time_with_its_exit_code() {
    let (place, victim) = (place(), Sleeper::start());
    let pid = format!("pid={}", victim.pid());
    let (_unread, stalled) = full_pipe();
    let mut squall = command(&place, &["inject", "pause_process", &pid, "--for=300ms"]);
    let mut child = squall.stdout(Stdio::null()).stderr(stalled).spawn().unwrap();
    assert_eq!(code(&mut child), Some(0));
    assert!(!victim.is_stopped() && journals(&place) == 0);
}

#[test]
fn with_standard_output_stalled_a_signal_undoes_and_the_process_ends() {
    for arguments in [&["--format=json"][..], &["--format=text"], &["--events=-"]] {
        let (place, victim) = (place(), Sleeper::start());
        let pid = format!("pid={}", victim.pid());
        let (_unread, stalled) = full_pipe();
        let mut squall = command(&place, &[&["inject", "pause_process", &pid, "--for=60s"], arguments].concat());
        let mut child = squall.stdout(stalled).stderr(Stdio::null()).spawn().unwrap();
        until("the fault", || victim.is_stopped());
        signal(child.id(), "TERM");
        assert_eq!(code(&mut child), Some(2), "{arguments:?}");
        assert!(!victim.is_stopped() && journals(&place) == 0, "{arguments:?}");
    }
}

#[test]
fn events_on_a_full_disk_are_told_and_change_nothing() {
    let (place, victim) = (place(), Sleeper::start());
    let pid = format!("pid={}", victim.pid());
    let events = ["--for=300ms", "--events=/dev/full", "--format=json"];
    let output = squall(&place, &[&["inject", "pause_process", &pid], &events[..]].concat());
    let (told, code) = report(&output);
    let err = String::from_utf8_lossy(&output.stderr);
    assert_eq!((code, &told["verdict"]), (0, &json!("unchecked")), "{err}");
    assert!(err.contains("events are no longer written"), "{err}");
    assert!(!victim.is_stopped());
}

#[test]
fn a_signal_while_the_steady_state_is_waited_for_injects_nothing() {
    let (place, victim) = (place(), Sleeper::start());
    // Never there, and so never yes.
    let probe = json!({"type": "http", "url": "http://127.0.0.1:9/", "within_seconds": 600});
    let task = json!({
        "steady_state": [probe],
        "chaos_spec": [{
            "name": "pause", "trigger": {"type": "immediate"}, "duration_seconds": 60,
            "action": {"type": "pause_process", "pid": victim.pid()},
        }],
    });
    let file = write(&place, "task.json", &task);
    let mut squall = command(&place, &["run", &file, "--format=json", "--verbose"]);
    let mut child = squall.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    until("the run", || journals(&place) == 1);
    signal(child.id(), "TERM");
    assert_eq!(code(&mut child), Some(2));
    let mut out = String::new();
    child.stdout.take().unwrap().read_to_string(&mut out).unwrap();
    let report: Value = serde_json::from_str(&out).unwrap();
    assert!(!out.contains("injecting"), "{report:#}");
    assert!(!victim.is_stopped() && journals(&place) == 0);
}

/// A run that died with a step in its journal which hangs: its fail point's process takes connections and never answers.
fn hanging_recovery(place: &TempDir, silent: &TcpListener) {
    let state = StateDir::at(place.path().join("state/squall"));
    state.prepare().unwrap();
    let journal = Journal::create(&state, "dead", "squall", place.path()).unwrap();
    let address = silent.local_addr().unwrap();
    let step = json!({
        "type": "disarm_failpoint", "url": format!("http://{address}"), "addresses": [address], "site": "a.site",
        "owner": "squall/dead",
    });
    let record = JournalRecord {
        seq: 0,
        entry: "/chaos_spec/0".into(),
        expires_at_boot_ms: None,
        survives_reboot: false,
        owner: None,
        describe: "disarm a fail point".into(),
        step,
    };
    journal.append(record).unwrap();
}

#[test]
fn a_signal_during_recovery_ends_it_and_nothing_is_injected_afterwards() {
    let victim = Sleeper::start();
    let pid = format!("pid={}", victim.pid());
    let rows: [(&[&str], i32); 2] = [(&["inject", "pause_process", &pid, "--for=60s"], 2), (&["recover"], 3)];
    for (arguments, want) in rows {
        let (place, silent) = (place(), TcpListener::bind("127.0.0.1:0").unwrap());
        hanging_recovery(&place, &silent);
        let mut squall = command(&place, arguments);
        let mut child = squall.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        // Recovery has begun: its step has connected, and waits.
        let step = silent.accept().unwrap();
        signal(child.id(), "TERM");
        let mut err = String::new();
        child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
        assert_eq!(code(&mut child), Some(want), "{err}");
        assert!(!err.contains("injecting") && !victim.is_stopped(), "{err}");
        // What the dead run left is kept.
        assert_eq!(journals(&place), 1, "{err}");
        drop(step);
        // It ended in the first attempt of the step.
        silent.set_nonblocking(true).unwrap();
        assert!(silent.accept().is_err(), "{err}");
    }
}

#[test]
fn a_signal_while_a_command_probe_hangs_undoes() {
    let (place, victim) = (place(), Sleeper::start());
    let begun = place.path().join("begun");
    let script = format!("touch {}; exec sleep 600", begun.display());
    let task = json!({
        "trigger": {"type": "immediate"}, "duration_seconds": 60,
        "action": {"type": "pause_process", "pid": victim.pid()},
        "during": [{"type": "command", "argv": ["sh", "-c", script]}],
    });
    let file = write(&place, "task.json", &task);
    let mut squall = command(&place, &["run", &file, "--format=json", "--allow-command=sh"]);
    let mut child = squall.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    until("the probe", || begun.exists());
    sigterm_undoes(&mut child, &place, &victim);
}
