//! Clocks and file systems of nodes through the command line: the node's own report, a killed run, and what is left.
#![expect(clippy::unwrap_used, reason = "a test that can't be set up should stop at once")]

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

/// A hang is an error; nothing here takes nearly as long.
const HANG: Duration = Duration::from_mins(2);

/// A place of its own for one run.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn squall(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_squall"));
        command.args(arguments).current_dir(self.0.path()).env("SQUALL_STATE", self.path("state"));
        command.env_remove("SQUALL_POLICY").env_remove("SQUALL_CONFIG").env("XDG_CONFIG_HOME", self.path("config"));
        command
    }

    /// The command that runs a task.
    fn run(&self, task: &Value, more: &[&str]) -> Command {
        let file = self.path("task.json");
        fs::write(&file, task.to_string()).unwrap();
        let arguments = ["run", "task.json", "--allow-command", "bash", "--allow-command", "sh", "--format", "json"];
        self.squall(&[&arguments[..], more].concat())
    }

    /// Runs a task until its fault is in force, and kills the run.
    fn kill_in_force(&self, task: &Value) {
        let events = self.path("events.jsonl");
        let mut run = self.run(task, &["--events", "events.jsonl"]);
        // What it leaves is for `recover` here.
        let mut run = run.env("SQUALL_GUARDIAN", "none").stdout(Stdio::null()).spawn().unwrap();
        until("the fault is not in force", || {
            fs::read_to_string(&events).is_ok_and(|text| text.contains("\"active\""))
        });
        run.kill().unwrap();
        run.wait().unwrap();
    }

    /// Recovers twice; gives what the first time undid. The second must find nothing.
    fn recover(&self) -> Vec<String> {
        let undone = |output: Output| {
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            assert_eq!(output.status.code(), Some(0), "{text}");
            let report: Value = serde_json::from_str(&text).unwrap();
            report["undone"].as_array().unwrap().iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        let first = undone(self.squall(&["recover", "--format", "json"]).output().unwrap());
        let second = undone(self.squall(&["recover", "--format", "json"]).output().unwrap());
        assert!(second.is_empty(), "{second:?}");
        first
    }
}

fn until(what: &str, holds: impl Fn() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < HANG, "{what}");
        std::thread::park_timeout(Duration::from_millis(5));
    }
}

fn report(output: &Output) -> Value {
    let said = String::from_utf8_lossy(&output.stderr);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {said}"))
}

fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64()
}

/// A node that says its time through one pipe when it is asked through another.
fn clock_task(place: &Place, action: &Value, seconds: f64) -> Value {
    for pipe in ["ask", "time"] {
        Command::new("mkfifo").arg("-m").arg("600").arg(place.path(pipe)).status().unwrap();
    }
    let (ask, time) = (place.path("ask"), place.path("time"));
    let script = format!("while read -r _ < {}; do echo $EPOCHREALTIME > {}; done", ask.display(), time.display());
    json!({
        "nodes": {"n1": {
            "type": "process", "argv": ["bash", "-c", script], "clock": true,
            "ready": {"type": "command", "argv": ["sh", "-c", question(place)]},
        }},
        "chaos_spec": [{"trigger": {"type": "immediate"}, "action": action, "duration_seconds": seconds}],
    })
}

/// What asks the node for its time.
fn question(place: &Place) -> String {
    format!("echo > {}; cat {}", place.path("ask").display(), place.path("time").display())
}

#[test]
fn the_node_itself_is_asked_for_its_time() {
    let place = Place::new();
    let ask = json!({"type": "command", "argv": ["sh", "-c", question(&place)]});
    let mut action = json!({"type": "clock_skew", "target": {"node": "n1"}, "offset": "-60s", "node_time": ask});
    let output = place.run(&clock_task(&place, &action, 0.2), &[]).output().unwrap();
    let found = report(&output);
    assert_eq!((output.status.code(), &found["entries"][0]["reverted"]), (Some(0), &json!("reverted")), "{found}");
    let seen = found["entries"][0]["witness"]["evidence"]["summary"].as_str().unwrap();
    assert!(seen.contains("its own report"), "{seen}");
    assert_eq!(found["entries"][0]["witness"]["evidence"]["data"].as_array().unwrap().len(), 2, "{found}");
    // A node that says another time than it was given does not pass.
    action["node_time"] = json!({"type": "command", "argv": ["sh", "-c", "date +%s.%N"]});
    let output = place.run(&clock_task(&place, &action, 0.2), &[]).output().unwrap();
    let found = report(&output);
    assert!(output.status.code() != Some(0) && found["success"] == false, "{found}");
}

#[test]
fn a_killed_run_leaves_a_shifted_clock_to_recover_with_its_node_and_its_library() {
    let place = Place::new();
    let action = json!({"type": "clock_skew", "target": {"node": "n1"}, "offset": "1h"});
    place.kill_in_force(&clock_task(&place, &action, 60.0));
    let asked = Command::new("timeout").args(["30", "sh", "-c", &question(&place)]).output().unwrap();
    let said: f64 = String::from_utf8_lossy(&asked.stdout).trim().parse().unwrap();
    assert!(said - now() > 3000.0, "it is not shifted: {said}");
    let undone = place.recover();
    for part in ["the clock of node `n1` is the machine's again", "removed the clock library"] {
        assert!(undone.iter().any(|step| step.contains(part)), "{part}: {undone:?}");
    }
    let left = Command::new("find").arg(place.path("state")).args(["-path", "*/clock/*"]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&left.stdout), "");
}

/// Whether we may mount; says so where not.
fn may_mount() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let bits = status.lines().find_map(|line| line.strip_prefix("CapEff:")).unwrap();
    let may = u64::from_str_radix(bits.trim(), 16).unwrap() >> 21 & 1 == 1;
    if !may {
        eprintln!("skipped: needs the right to mount (CAP_SYS_ADMIN)");
    }
    may
}

/// Two nodes that write more and more and say how it went, one of them on a file system of its own.
fn disk_task(place: &Place, seconds: f64) -> Value {
    let node = |name: &str| {
        let told = place.path(name);
        let script = format!(
            "while :; do if printf %4096s x 2>/dev/null >> block; then echo ok; else echo failed; fi >> {}; \
             sleep 0.02; done",
            told.display()
        );
        let written = json!({"type": "command", "argv": ["sh", "-c", format!("test -s {}", told.display())]});
        json!({"type": "process", "argv": ["sh", "-c", script], "ready": written})
    };
    let mut task = json!({
        "nodes": {"full": node("full"), "neighbour": node("neighbour")},
        "chaos_spec": [{
            "trigger": {"type": "immediate"}, "action": {"type": "disk_full", "target": {"node": "full"}},
            "duration_seconds": seconds,
        }],
    });
    task["nodes"]["full"]["tmpfs_bytes"] = json!(8_388_608);
    task
}

fn mounts(place: &Place) -> usize {
    let table = fs::read_to_string("/proc/self/mountinfo").unwrap();
    let beneath = format!(" {}/", place.0.path().canonicalize().unwrap().display());
    table.lines().filter(|line| line.contains(&beneath)).count()
}

#[test]
fn only_the_full_node_meets_enospc_and_a_killed_run_leaves_its_mount_to_recover() {
    if !may_mount() {
        return;
    }
    let place = Place::new();
    let output = place.run(&disk_task(&place, 3.0), &[]).output().unwrap();
    let found = report(&output);
    assert_eq!((output.status.code(), &found["entries"][0]["reverted"]), (Some(0), &json!("reverted")), "{found}");
    let said = |name: &str| fs::read_to_string(place.path(name)).unwrap();
    assert!(said("full").contains("failed") && !said("neighbour").contains("failed"), "{}", said("full"));
    assert_eq!(mounts(&place), 0);
    fs::remove_file(place.path("full")).unwrap();
    place.kill_in_force(&disk_task(&place, 60.0));
    until("the node never met ENOSPC", || said("full").contains("failed"));
    assert_eq!(mounts(&place), 1);
    let undone = place.recover();
    for part in ["freed the file system of node `full`", "unmounted `"] {
        assert!(undone.iter().any(|step| step.contains(part)), "{part}: {undone:?}");
    }
    assert_eq!(mounts(&place), 0);
    assert!(!said("neighbour").contains("failed"));
}

#[test]
fn without_the_right_to_mount_the_node_is_refused_by_name_and_nothing_is_made() {
    let place = Place::new();
    let run = place.run(&disk_task(&place, 1.0), &[]);
    // Root without the one capability: it is the capability that counts.
    let mut without = Command::new("setpriv");
    without.args(["--bounding-set=-sys_admin", "--inh-caps=-sys_admin"]).arg(run.get_program()).args(run.get_args());
    without.current_dir(place.0.path()).env("SQUALL_STATE", place.path("state"));
    let Ok(output) = without.output() else {
        eprintln!("skipped: needs setpriv");
        return;
    };
    let said = String::from_utf8_lossy(&output.stdout);
    if output.stdout.is_empty() {
        eprintln!("skipped: needs the right to give up a capability: {}", String::from_utf8_lossy(&output.stderr));
        return;
    }
    assert!(output.status.code() == Some(2) && said.contains("needs the right to mount (CAP_SYS_ADMIN)"), "{said}");
    assert!(!place.path("state/nodes").exists() && !place.path("full").exists(), "{said}");
}

#[test]
fn a_dry_run_names_clock_and_file_system_and_touches_nothing() {
    let place = Place::new();
    let clock = json!({"type": "clock_skew", "target": {"node": "n1"}, "offset": "30s", "rate_percent": -10});
    let output = place.run(&clock_task(&place, &clock, 1.0), &["--dry-run"]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("shift the clock of node `n1` by 30s and at -10 %"), "{text}");
    if may_mount() {
        let output = place.run(&disk_task(&place, 1.0), &["--dry-run"]).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        for part in ["on a tmpfs of 8388608 bytes", "fill the tmpfs of node `full`", "8388608 bytes"] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }
    assert!(!place.path("state/nodes").exists() && mounts(&place) == 0);
}
