//! What a guardian must undo: a later fault is one more line of the table.

use std::fs;
use std::path::Path;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::flaw::Flaw;
use crate::round::Round;

/// A command whose effects the oracle sees.
pub(crate) struct Guarded {
    /// What it is called in a report.
    pub(crate) name: &'static str,
    /// Prepares the round, and gives the arguments of the program; the fault holds for so long.
    pub(crate) arguments: fn(&mut Round, Duration) -> Result<Vec<String>, Flaw>,
    /// Whether its victim is a process of the campaign's own that is stopped.
    pub(crate) stops: bool,
}

/// All of them. A fault on a node needs its action alone.
pub(crate) const GUARDED: [Guarded; 7] = [
    Guarded { name: "pause_process", arguments: Round::pause, stops: true },
    Guarded { name: "pause_process on a node", arguments: |round, hold| on_nodes(round, hold, &pause()), stops: false },
    Guarded { name: "kill_process", arguments: |round, hold| on_nodes(round, hold, &kill()), stops: false },
    Guarded { name: "restart_process", arguments: |round, hold| on_nodes(round, hold, &restart()), stops: false },
    Guarded { name: "burst_kill", arguments: |round, hold| on_nodes(round, hold, &burst()), stops: false },
    Guarded { name: "disk_full", arguments: disk, stops: false },
    Guarded { name: "disk_full on a node", arguments: |round, hold| on_nodes(round, hold, &node_disk()), stops: false },
];

fn pause() -> Value {
    json!({"type": "pause_process", "target": {"node": "n1"}})
}

fn kill() -> Value {
    json!({"type": "kill_process", "target": {"node": "n1"}})
}

fn restart() -> Value {
    json!({"type": "restart_process", "target": {"node": "n1"}})
}

fn burst() -> Value {
    json!({"type": "burst_kill", "target": {"nodes": {"role": "member"}, "pick": 2}})
}

fn node_disk() -> Value {
    json!({"type": "disk_full", "target": {"node": "full"}})
}

/// The folder that a fault fills.
const FILLED: &str = "filled";
/// The file that nodes read, by whose path they are known.
const READ: &str = "read";

/// A fault on two nodes of the task's own.
fn on_nodes(round: &Round, hold: Duration, action: &Value) -> Result<Vec<String>, Flaw> {
    let read = round.place.path().join(READ);
    fs::write(&read, "")?;
    let node = json!({"type": "process", "argv": ["tail", "-f", read], "labels": {"role": "member"}});
    let mut nodes = json!({"n1": node, "n2": node});
    if action["target"]["node"] == "full" {
        nodes["full"] = json!({"type": "process", "argv": ["tail", "-f", read], "tmpfs_bytes": 1 << 20});
    }
    let mut entry = json!({"name": "one", "trigger": {"type": "immediate"}, "action": action});
    if action["type"] != "restart_process" {
        entry["duration_seconds"] = hold.as_secs_f64().into();
    }
    run(round, &json!({"nodes": nodes, "chaos_spec": [entry]}))
}

fn disk(round: &mut Round, hold: Duration) -> Result<Vec<String>, Flaw> {
    let folder = round.place.path().join(FILLED);
    fs::create_dir_all(&folder)?;
    let action = json!({"type": "disk_full", "directory": folder, "fill": {"bytes": 1 << 16}});
    let entry = json!({
        "name": "one", "trigger": {"type": "immediate"}, "action": action, "duration_seconds": hold.as_secs_f64(),
    });
    run(round, &json!({"chaos_spec": [entry]}))
}

fn run(round: &Round, task: &Value) -> Result<Vec<String>, Flaw> {
    fs::write(round.place.path().join("task.json"), task.to_string())?;
    let folder = round.place.path().join(FILLED).display().to_string();
    let words = ["run", "task.json", "--allow-command", "tail", "--permit", "root", "--allow-path", &folder];
    Ok(words.map(str::to_owned).to_vec())
}

/// Whether the world has anything of a run's effects: a victim that is stopped, a node that runs, a file that fills, or a
/// mount.
pub(crate) fn in_force(round: &Round) -> bool {
    let place = round.place.path();
    let filled = fs::read_dir(place.join(FILLED)).is_ok_and(|mut files| files.next().is_some());
    filled || round.any_stopped() || has_node(&place.join(READ)) || has_mount(place)
}

fn has_node(read: &Path) -> bool {
    read.exists() && !with_argument(read.as_os_str().as_encoded_bytes()).is_empty()
}

fn has_mount(place: &Path) -> bool {
    let table = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    place.to_str().is_some_and(|place| table.contains(&format!(" {place}/")))
}

/// The processes that have this word in their command line and have not ended.
fn with_argument(word: &[u8]) -> Vec<u32> {
    let pids = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = pids.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let has = |pid: &u32| {
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        line.split(|byte| *byte == 0).any(|own| own == word)
    };
    pids.filter(has).collect()
}

/// The guardians that a run has started.
pub(crate) fn guardians_of(run: u32) -> Vec<u32> {
    let parent = |pid: u32| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse::<u32>().ok()
    };
    with_argument(b"squall-helper:guardian").into_iter().filter(|pid| parent(*pid) == Some(run)).collect()
}

/// Kills a process of this round.
pub(crate) fn kill_pid(pid: u32) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        // It may have ended.
        let _ = kill_process(pid, Signal::KILL);
    }
}
