//! Faults on resources in whole runs: what a killed run leaves in force, and what its guardian or a recovery leaves of that.
#![expect(clippy::unwrap_used, reason = "a test that can't be set up should stop at once")]

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

#[path = "support/groups.rs"]
mod groups;

use groups::groups_of;

/// A hang is an error; nothing here takes nearly as long.
const HANG: Duration = Duration::from_mins(2);

struct Place(tempfile::TempDir);

impl Place {
    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn squall(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_squall"));
        command.args(arguments).current_dir(self.0.path()).env("SQUALL_STATE", self.path("state"));
        command.env_remove("SQUALL_POLICY").env_remove("SQUALL_CONFIG").env("XDG_CONFIG_HOME", self.path("config"));
        command
    }

    fn file(&self, action: &Value) -> String {
        // It needs descriptors, memory and the processor until it sleeps.
        let sleeps = "grep -q '(sleep) S' /proc/$(cat {{node.n1.dir}}/pid)/stat";
        let task = json!({
            "nodes": {"n1": {
                "type": "process", "argv": ["sh", "-c", "echo $$ > pid; exec sleep 600"], "group": true,
                "ready": {"type": "command", "argv": ["sh", "-c", sleeps], "within_seconds": 60},
            }},
            "chaos_spec": [{"trigger": {"type": "immediate"}, "action": action, "duration_seconds": 60.0}],
        });
        let file = self.path("task.json");
        fs::write(&file, task.to_string()).unwrap();
        file.display().to_string()
    }

    fn journals(&self) -> usize {
        fs::read_dir(self.path("state/journals")).map_or(0, Iterator::count)
    }
}

fn until(what: &str, holds: impl Fn() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < HANG, "{what}");
        std::thread::yield_now();
    }
}

/// The processes in these groups, and in those below them.
fn members(groups: &[PathBuf]) -> Vec<u32> {
    let nodes = groups.iter().flat_map(|group| fs::read_dir(group).into_iter().flatten().flatten());
    let texts = nodes.filter_map(|node| fs::read_to_string(node.path().join("cgroup.procs")).ok());
    texts.flat_map(|text| text.lines().filter_map(|line| line.parse().ok()).collect::<Vec<u32>>()).collect()
}

fn is_over(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(") ").next().is_none_or(|rest| rest.is_empty() || rest.starts_with(['Z', 'X']))
}

fn actions() -> Vec<Value> {
    let of = |keys: Value| {
        let mut action = json!({"target": {"node": "n1"}});
        action.as_object_mut().unwrap().extend(keys.as_object().unwrap().clone());
        action
    };
    vec![
        of(json!({"type": "limit_resources", "cpus": 0.2})),
        of(json!({"type": "exhaust_fds"})),
        of(json!({"type": "exhaust_pids"})),
        of(json!({"type": "stress_cpu"})),
        of(json!({"type": "stress_memory", "bytes": 8_388_608})),
        of(json!({"type": "oom"})),
        of(json!({"type": "pause_process", "method": "freezer"})),
    ]
}

/// Whether groups can be made here, as `squall` itself says it; printed if not.
fn groups_are_there(place: &Place) -> bool {
    let file = place.file(&actions()[0]);
    let output = place.squall(&["run", &file, "--dry-run", "--allow-command", "sh"]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if text.contains("in a group (cgroup ") {
        return true;
    }
    eprintln!("skipped: needs a writable cgroup ({text})");
    false
}

#[test]
fn a_killed_run_leaves_no_limit_load_or_group_to_its_guardian_or_to_recover() {
    let place = Place(tempfile::tempdir().unwrap());
    if !groups_are_there(&place) {
        return;
    }
    for (number, action) in actions().into_iter().enumerate() {
        // The guardian has every other one, so that both have limits and loads.
        for guardian in if number % 3 == 0 { &["none", "own"][..] } else { &["none"][..] } {
            let (file, events) = (place.file(&action), place.path(&format!("{number}-{guardian}.jsonl")));
            let shown = events.display().to_string();
            let arguments = ["run", &file, "--allow-command", "sh", "--events", &shown];
            let mut command = place.squall(&arguments);
            command.env("SQUALL_GUARDIAN", guardian).stdout(Stdio::null()).stderr(Stdio::null());
            let mut run = command.spawn().unwrap();
            until(&format!("{action} is not in force"), || {
                let text = fs::read_to_string(&events).unwrap_or_default();
                assert!(!text.contains("\"failed\""), "{text}");
                text.contains("\"active\"")
            });
            let groups = groups_of(run.id());
            let inside = members(&groups);
            assert!(!groups.is_empty(), "{action}");
            run.kill().unwrap();
            run.wait().unwrap();
            if *guardian == "own" {
                until(&format!("its guardian has left something of {action}"), || place.journals() == 0);
            } else {
                let recovered = place.squall(&["recover", "--format", "json"]).output().unwrap();
                let text = String::from_utf8_lossy(&recovered.stdout).into_owned();
                assert_eq!(recovered.status.code(), Some(0), "{action}: {text}");
                let again = place.squall(&["recover", "--format", "json"]).output().unwrap();
                let again: Value = serde_json::from_slice(&again.stdout).unwrap();
                assert!(again["undone"].as_array().unwrap().is_empty(), "{action}: {again}");
            }
            until(&format!("a process of {action} is left"), || inside.iter().all(|pid| is_over(*pid)));
            assert_eq!((groups_of(run.id()), place.journals()), (Vec::new(), 0), "{action}");
        }
    }
}

#[test]
fn a_dry_run_names_groups_and_what_each_fault_would_do_and_makes_nothing() {
    let place = Place(tempfile::tempdir().unwrap());
    if !groups_are_there(&place) {
        return;
    }
    let rows = [
        "limit node `n1`",
        "take descriptors from node `n1`",
        "take processes from node `n1`",
        "use 1 processors beside node `n1`",
        "hold 8388608 bytes of memory beside node `n1`",
        "have the kernel kill node `n1`",
        "stop node `n1`",
    ];
    for (action, said) in actions().iter().zip(rows) {
        let file = place.file(action);
        let dry = place.squall(&["run", &file, "--dry-run", "--allow-command", "sh"]).stdout(Stdio::piped()).spawn();
        let dry = dry.unwrap();
        let pid = dry.id();
        let text = String::from_utf8_lossy(&dry.wait_with_output().unwrap().stdout).into_owned();
        assert!(text.contains(said) && text.contains("would run"), "{said}: {text}");
        assert!(groups_of(pid).is_empty());
    }
}
