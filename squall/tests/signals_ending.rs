//! Every signal that would end or stop a process, while a fault is in force: it is undone first.

#![cfg(feature = "full")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::Read;
use std::process::{Child, Stdio};
use std::sync::Mutex;
use std::thread;

use serde_json::{Value, json};
use tempfile::TempDir;

#[path = "support/ignored.rs"]
mod ignored;
#[expect(dead_code, reason = "others need more of it")]
#[path = "support/shell.rs"]
mod shell;
#[path = "support/signalled.rs"]
mod signalled;
#[path = "support/sleeper.rs"]
mod sleeper;

use ignored::is_ignored;
use shell::{command, journals, place, squall};
use signalled::{code, signal, until};
use sleeper::Sleeper;

/// How many runs go on at the same time.
const LANES: usize = 6;

/// The signals that end a process by default, and those that stop it. Not SIGKILL and SIGSTOP, which no process can
/// catch, nor those of a defect in the very instruction.
const NAMED: [&str; 19] = [
    "INT", "TERM", "HUP", "QUIT", "USR2", "ALRM", "VTALRM", "PROF", "XCPU", "XFSZ", "IO", "PWR", "STKFLT", "TRAP",
    "ABRT", "SYS", "TSTP", "TTIN", "TTOU",
];

/// A run that holds a fault on the victim.
fn held(place: &TempDir, victim: &Sleeper) -> Child {
    let pid = format!("pid={}", victim.pid());
    let arguments = ["inject", "pause_process", &pid, "--for=300s", "--format=json", "--events=events.jsonl"];
    let mut squall = command(place, &arguments);
    let child = squall.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    until("the fault", || victim.is_stopped());
    child
}

fn undone_at(name: &str) {
    let (place, victim) = (place(), Sleeper::start());
    let mut child = held(&place, &victim);
    signal(child.id(), name);
    let code = code(&mut child);
    let mut out = String::new();
    child.stdout.take().unwrap().read_to_string(&mut out).unwrap();
    let report: Value = serde_json::from_str(&out).unwrap_or_else(|error| panic!("{name}: {error}: {out}"));
    let entry = &report["entries"][0];
    assert_eq!(
        (code, &entry["verdict"], &entry["reverted"]),
        (Some(2), &json!("inconclusive"), &json!("reverted")),
        "{name}: {report:#}"
    );
    assert!(!victim.is_stopped() && journals(&place) == 0, "{name}");
}

#[test]
fn a_signal_that_would_end_or_stop_us_undoes_first_and_the_exit_code_is_2() {
    // What the C library keeps for itself comes before.
    let real_time = (35..=64).map(|number| format!("RT{number}"));
    let names: Vec<String> = NAMED.iter().map(|name| (*name).to_owned()).chain(real_time).collect();
    let left = Mutex::new(names.iter().filter(|name| !is_ignored(name)));
    thread::scope(|scope| {
        for _ in 0..LANES {
            scope.spawn(|| {
                loop {
                    let next = left.lock().unwrap().next();
                    let Some(name) = next else { return };
                    undone_at(name);
                }
            });
        }
    });
}

#[test]
fn a_signal_that_means_nothing_by_default_changes_nothing() {
    let (place, victim) = (place(), Sleeper::start());
    let mut child = held(&place, &victim);
    // A release before that cancels.
    let events = place.path().join("events.jsonl");
    until("the hold", || std::fs::read_to_string(&events).is_ok_and(|text| text.contains("\"holding\"")));
    for name in ["CHLD", "URG", "WINCH", "CONT"] {
        signal(child.id(), name);
    }
    assert!(victim.is_stopped());
    // Delivered after the others.
    signal(child.id(), "USR1");
    assert_eq!(code(&mut child), Some(0));
    assert!(!victim.is_stopped());
}

#[test]
fn a_signal_of_a_defect_kills_and_the_guardian_undoes() {
    for name in ["ILL", "FPE"] {
        let (place, victim) = (place(), Sleeper::start());
        let mut child = held(&place, &victim);
        signal(child.id(), name);
        assert_eq!(code(&mut child), None, "{name}");
        until("the undo", || !victim.is_stopped() && journals(&place) == 0);
        assert_eq!(squall(&place, &["recover"]).status.code(), Some(0), "{name}");
    }
}
