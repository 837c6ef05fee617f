//! Kills the real program with SIGKILL while a check's program runs, and looks for what that one started.
#![cfg(feature = "full")]
#![expect(clippy::unwrap_used, reason = "a test that can't be set up should stop at once")]

use std::fs;
use std::path::Path;
use std::process::Child;

use chaos_campaign::{Place, Sleeper, kill, wait_until};
use serde_json::json;

fn place() -> Place {
    Place::new(Path::new(env!("CARGO_BIN_EXE_squall"))).unwrap()
}

/// A run whose check never ends, and the pids of what that has started.
fn run(place: &Place, victim: &Sleeper) -> (Child, Vec<u32>) {
    let file = place.path().join("pids");
    let script = format!("sleep 1000 & a=$!; setsid sleep 1000 & echo $$ $a $! . > {}; wait", file.display());
    let check = json!({"type": "command", "argv": ["/bin/sh", "-c", script], "timeout_seconds": 120});
    let entry = json!({"trigger": {"type": "immediate"}, "action": {"type": "pause_process", "pid": victim.pid()}});
    let task = json!({"name": "check", "steady_state": [check], "chaos_spec": [entry]});
    fs::write(place.path().join("task.json"), task.to_string()).unwrap();
    let run = place.squall(&["run", "task.json", "--allow-command", "/bin/sh"]).spawn().unwrap();
    wait_until("the check's programs run", || fs::read_to_string(&file).is_ok_and(|text| text.ends_with(".\n")))
        .unwrap();
    let text = fs::read_to_string(&file).unwrap();
    (run, text.split_whitespace().filter_map(|word| word.parse().ok()).collect())
}

/// Whether a process runs; one that was killed may stay as a zombie for as long as nobody collects it.
fn runs(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}

#[test]
fn what_the_programs_of_checks_started_is_gone_after_a_kill_and_a_recovery() {
    let (place, victim) = (place(), Sleeper::start().unwrap());
    let (mut child, pids) = run(&place, &victim);
    assert_eq!(pids.len(), 3);
    assert!(place.is_armed(), "no step was armed before the program");
    kill(&mut child);
    assert!(pids.iter().all(|pid| runs(*pid)), "nobody has stopped them yet");
    let (code, told) = place.recover().unwrap();
    assert_eq!((code, &told["undone"][0]["undone"]["outcome"]), (0, &json!("reverted")), "{told}");
    assert!(!pids.iter().any(|pid| runs(*pid)) && place.journals().is_empty());
    assert!(!victim.is_stopped(), "the run never got that far");
    let (code, told) = place.recover().unwrap();
    assert_eq!((code, told["undone"].as_array().unwrap().len()), (0, 0), "{told}");
}

#[test]
fn nothing_is_left_after_a_signal_either() {
    let (place, victim) = (place(), Sleeper::start().unwrap());
    let (child, pids) = run(&place, &victim);
    let id = child.id().to_string();
    assert!(std::process::Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    child.wait_with_output().unwrap();
    wait_until("the check's programs are gone", || !pids.iter().any(|pid| runs(*pid))).unwrap();
    assert!(place.journals().is_empty());
}
