//! Nodes from documents: folders and ports, faults on them, exits, and what a killed run leaves behind.
#![expect(clippy::unwrap_used, reason = "a test that can't be set up should stop at once")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

#[path = "support/sleeper.rs"]
mod sleeper;

use sleeper::Sleeper;

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

    fn run(&self, task: &Value, more: &[&str]) -> Output {
        let file = self.file(task);
        let arguments = ["run", &file, "--allow-command", "sh", "--format", "json"];
        self.squall(&[&arguments[..], more].concat()).output().unwrap()
    }

    fn file(&self, task: &Value) -> String {
        let file = self.path("task.json");
        fs::write(&file, task.to_string()).unwrap();
        file.display().to_string()
    }

    fn journals(&self) -> usize {
        fs::read_dir(self.path("state/journals")).map_or(0, Iterator::count)
    }
}

fn report(output: &Output) -> Value {
    let said = String::from_utf8_lossy(&output.stderr);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {said}"))
}

fn node(script: &str) -> Value {
    json!({"type": "process", "argv": ["sh", "-c", script]})
}

fn task(script: &str, action: &Value, seconds: f64) -> Value {
    json!({
        "nodes": {"n1": node(script)},
        "chaos_spec": [{"trigger": {"type": "immediate"}, "action": action, "duration_seconds": seconds}],
    })
}

fn until(what: &str, holds: impl Fn() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < HANG, "{what}");
        std::thread::yield_now();
    }
}

fn is_over(pid: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(") ").next().is_none_or(|rest| rest.is_empty() || rest.starts_with(['Z', 'X']))
}

fn lines(file: &Path) -> Vec<String> {
    fs::read_to_string(file).unwrap_or_default().lines().map(str::to_owned).collect()
}

#[test]
fn a_node_gets_a_folder_and_a_port_and_is_paused_killed_and_stopped() {
    let place = Place::new();
    let told = place.path("told");
    let script =
        format!("echo {{{{node.n1.port.client}}}} {{{{node.n1.dir}}}} $PWD $$ >> {}; exec sleep 600", told.display());
    for action in ["pause_process", "kill_process"] {
        let _ = fs::remove_file(&told);
        let mut task = task(&script, &json!({"type": action, "target": {"node": "n1"}}), 0.1);
        task["nodes"]["n1"]["ports"] = json!(["client"]);
        task["nodes"]["n1"]["ready"] =
            json!({"type": "command", "argv": ["sh", "-c", format!("test -s {}", told.display())]});
        let output = place.run(&task, &[]);
        let report = report(&output);
        assert_eq!((output.status.code(), &report["verdict"]), (Some(0), &json!("unchecked")), "{report}");
        assert_eq!(report["entries"][0]["reverted"], "reverted");
        let lines = lines(&told);
        assert_eq!(lines.len(), if action == "kill_process" { 2 } else { 1 }, "{lines:?}");
        let words: Vec<Vec<&str>> = lines.iter().map(|line| line.split(' ').collect()).collect();
        let port: u16 = words[0][0].parse().unwrap();
        assert!(port >= 10_000 && words[0][1] == words[0][2], "{lines:?}");
        assert!(words.iter().all(|one| one[..3] == words[0][..3] && is_over(one[3])), "{lines:?}");
        assert_eq!(place.journals(), 0);
        let kept = fs::read_dir(place.path("state/nodes")).map_or(0, Iterator::count);
        assert_eq!(kept, 0, "folders of a run that went well");
    }
}

#[test]
fn an_exit_after_the_undo_is_held_against_the_fault_that_was_there() {
    let place = Place::new();
    let [gate, asked, pid] = ["gate", "asked", "pid"].map(|name| place.path(name).display().to_string());
    let script = format!("echo $$ > {pid}; until test -e {gate}; do sleep 0.01; done; exit 3");
    let mut after = task(&script, &json!({"type": "pause_process", "target": {"node": "n2"}}), 0.05);
    after["nodes"]["n2"] = node("exec sleep 600");
    // The steady state opens the gate when it is asked the second time, after the undo.
    let open = format!(
        "test -e {asked} || {{ touch {asked}; exit 0; }}; touch {gate}; while kill -0 $(cat {pid}); do sleep 0.01; done; true"
    );
    after["steady_state"] = json!([{"type": "command", "argv": ["sh", "-c", open]}]);
    let output = place.run(&after, &[]);
    let found = report(&output);
    let exit = &found["node_exits"][0];
    let want = (Some(1), &json!("n1"), &json!("deviated"));
    assert_eq!((output.status.code(), &exit["node"], &exit["verdict"]), want, "{found}");
    assert!(exit["detail"].as_str().unwrap().contains("was gone"), "{exit}");
}

#[test]
fn a_port_that_somebody_has_is_refused_before_anything_is_started() {
    let place = Place::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let mut task = task("exec sleep 600", &json!({"type": "pause_process", "target": {"node": "n1"}}), 0.1);
    task["nodes"]["n1"]["ports"] = json!({"client": port});
    let found = report(&place.run(&task, &[]));
    let error = found["entries"][0]["error"].as_str().unwrap();
    assert!(error.contains(&format!("port `client` ({port}) is taken by another process")), "{error}");
    assert!(!place.path("state/nodes").exists() || fs::read_dir(place.path("state/nodes")).unwrap().count() == 0);
}

#[test]
fn a_node_that_ends_by_itself_makes_the_run_deviate_and_before_any_fault_inconclusive() {
    let place = Place::new();
    let gate = place.path("gate");
    let script = format!("until test -e {}; do sleep 0.01; done; exit 3", gate.display());
    // It ends once a fault is in force: the other node is paused by then.
    let mut after = task(&script, &json!({"type": "pause_process", "target": {"node": "n2"}}), 2.0);
    after["nodes"]["n2"] = node("exec sleep 600");
    let open = json!({"type": "command", "argv": ["sh", "-c", format!("touch {}", gate.display())]});
    after["chaos_spec"][0]["during"] = json!([open]);
    let output = place.run(&after, &[]);
    let found = report(&output);
    let exit = &found["node_exits"][0];
    assert_eq!(
        (output.status.code(), &exit["node"], &exit["exit"]),
        (Some(1), &json!("n1"), &json!("exit code 3")),
        "{found}"
    );
    assert_eq!(exit["verdict"], "deviated");
    let pid = place.path("pid").display().to_string();
    let script = format!("echo $$ > {pid}.new; mv {pid}.new {pid}; exit 4");
    let mut before = task(&script, &json!({"type": "pause_process", "target": {"node": "n2"}}), 0.1);
    before["nodes"]["n2"] = node("exec sleep 600");
    // Its end has been heard of once nobody has that pid.
    let gone =
        format!("until test -e {pid}; do sleep 0.01; done; while kill -0 $(cat {pid}); do sleep 0.01; done; true");
    let gone = json!({"type": "command", "argv": ["sh", "-c", gone], "timeout_seconds": 120});
    before["steady_state"] = json!([gone]);
    let found = report(&place.run(&before, &[]));
    let inconclusive = found["verdict"] == "inconclusive";
    assert!(inconclusive, "{found}");
    before["nodes"]["n1"]["expect_exit"] = json!(true);
    let found = report(&place.run(&before, &[]));
    assert!(found["node_exits"].is_null(), "{found}");
}

#[test]
fn a_killed_run_leaves_its_nodes_to_its_guardian_or_to_recover_and_a_second_recovery_does_nothing() {
    let place = Place::new();
    let rows = ["pause_process", "kill_process"].into_iter().flat_map(|action| [(action, "none"), (action, "own")]);
    for (action, guardian) in rows {
        let told = place.path(&format!("{action}-{guardian}"));
        let script = format!("sleep 600 & echo $$ $! >> {}; wait", told.display());
        let mut task = task(&script, &json!({"type": action, "target": {"node": "n1"}}), 60.0);
        let has_told = format!("until [ -s {} ]; do sleep 0.01; done", told.display());
        task["steady_state"] = json!([{"type": "command", "argv": ["sh", "-c", has_told]}]);
        let events = place.path(&format!("{action}-{guardian}.jsonl"));
        let file = place.file(&task);
        let events_path = events.display().to_string();
        let arguments = ["run", &file, "--allow-command", "sh", "--events", &events_path];
        let mut command = place.squall(&arguments);
        let mut run = command.env("SQUALL_GUARDIAN", guardian).stdout(std::process::Stdio::null()).spawn().unwrap();
        until("the fault is not in force", || {
            fs::read_to_string(&events).is_ok_and(|text| text.contains("\"active\""))
        });
        until("it has told nothing", || !lines(&told).is_empty());
        run.kill().unwrap();
        run.wait().unwrap();
        let pids: Vec<String> = lines(&told)[0].split(' ').map(str::to_owned).collect();
        if guardian == "own" {
            until("its guardian has left an orphan", || pids.iter().all(|pid| is_over(pid)) && place.journals() == 0);
            assert_eq!(lines(&told).len(), 1, "nothing is started for a dead run");
            continue;
        }
        // A group that is stopped when its last parent ends gets SIGHUP from the kernel.
        assert!(action == "pause_process" || !is_over(&pids[1]), "what it started went with the run");
        let recovered = place.squall(&["recover", "--format", "json"]).output().unwrap();
        assert_eq!(recovered.status.code(), Some(0), "{}", String::from_utf8_lossy(&recovered.stdout));
        until("an orphan is left", || pids.iter().all(|pid| is_over(pid)));
        assert_eq!((lines(&told).len(), place.journals()), (1, 0), "nothing is started for a dead run");
        let again = place.squall(&["recover", "--format", "json"]).output().unwrap();
        let again: Value = serde_json::from_slice(&again.stdout).unwrap();
        assert!(again["undone"].as_array().unwrap().is_empty(), "{again}");
        for folder in ["state/nodes", "state/runs"] {
            let left = fs::read_dir(place.path(folder)).map_or(0, Iterator::count);
            assert_eq!(left, 0, "the dead run's folders in {folder} are collected");
        }
    }
}

#[test]
fn a_dry_run_names_nodes_and_targets_and_makes_nothing() {
    let place = Place::new();
    let task = task("exec sleep 600", &json!({"type": "kill_process", "target": {"node": "n1"}}), 1.0);
    let file = place.file(&task);
    let output = place.squall(&["run", &file, "--dry-run", "--allow-command", "sh"]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    for part in [
        "node n1",
        "plan: start node `n1` (`sh`)",
        "commands: sh",
        "would start",
        "plan: kill node `n1`",
        "would run",
        "reversible: yes",
        "expires: 1 s after it is armed",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!place.path("state/nodes").exists());
    let refused = place.squall(&["run", &file, "--dry-run"]).output().unwrap();
    let text = String::from_utf8_lossy(&refused.stdout).into_owned();
    assert!(
        refused.status.code() == Some(2) && text.contains("would not start:") && text.contains("--allow-command"),
        "{text}"
    );
}

#[test]
fn mistakes_in_nodes_are_told_at_their_place() {
    let place = Place::new();
    let action = json!({"type": "kill_process", "target": {"node": "n1"}});
    let rows = [
        ("/nodes/n1/type", json!("proces"), "unknown node type `proces`"),
        ("/nodes/n1/argv", json!([]), "must have at least 1 item"),
        ("/nodes/n1/labels", json!(7), "`labels` must be a mapping"),
        (
            "/chaos_spec/0/action/target",
            json!({}),
            "exactly one of `node`, `nodes`, `pid`, `pid_file`, `port`, `command`",
        ),
        ("/chaos_spec/0/action/target", json!({"node": "n1", "pid": 7}), "`node` and `pid` exclude each other"),
        ("/chaos_spec/0/name", json!("{{node.n2.dir}}"), "refers to a node that this document does not declare"),
    ];
    for (at, value, why) in rows {
        let mut task = task("exec sleep 600", &action, 1.0);
        if let Some(there) = task.pointer_mut(at) {
            *there = value;
        } else {
            let (parent, key) = at.rsplit_once('/').unwrap();
            task.pointer_mut(parent).unwrap()[key] = value;
        }
        let output = place.squall(&["validate", &place.file(&task)]).output().unwrap();
        let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.code() == Some(65) && said.contains(why), "{at}: {said}");
    }
}

#[test]
fn a_protected_node_is_spared_under_every_name() {
    let place = Place::new();
    // Command lines that no other test has.
    let [asleep, aside] = [602, 604].map(|seconds| format!("{seconds}.{}", std::process::id()));
    let own = format!("echo $$ > pid; setsid sh -c 'echo $$ > worker; exec sleep 601' & exec sleep {asleep}");
    let is_sleep = "grep -aq ^sleep /proc/$(cat $0/pid)/cmdline";
    let running = Sleeper::start();
    let dir = place.path("own");
    fs::create_dir(&dir).unwrap();
    let nodes = json!({
        "own": {"type": "process", "argv": ["sh", "-c", own], "dir": dir, "protected": true,
            "ready": {"type": "command", "argv": ["sh", "-c", format!("test -s $0/worker && {is_sleep}"), dir]}},
        "db": {"type": "running", "pid": running.pid(), "protected": true},
        "other": {"type": "process", "argv": ["sh", "-c", format!("echo $$ > pid; exec sleep {aside}")],
                  "ready": {"type": "command", "argv": ["sh", "-c", is_sleep, "{{node.other.dir}}"]}},
    });
    let targets = [
        (json!({"type": "pause_process", "target": {"node": "db"}}), "db"),
        (json!({"type": "pause_process", "pid": running.pid()}), "db"),
        (json!({"type": "kill_process", "target": {"pid": running.pid()}}), "db"),
        (json!({"type": "exhaust_fds", "target": {"pid": running.pid()}}), "db"),
        (json!({"type": "stress_cpu", "target": {"pid": running.pid()}}), "db"),
        (json!({"type": "pause_process", "target": {"command": ["sleep", asleep]}}), "own"),
        (json!({"type": "pause_process", "target": {"pid_file": dir.join("pid")}}), "own"),
        // In a session of its own, and none of the nodes' first processes.
        (json!({"type": "pause_process", "target": {"pid_file": dir.join("worker")}}), "own"),
        (json!({"type": "disk_full", "directory": dir, "fill": {"bytes": 1024}}), "own"),
    ];
    for (action, of) in targets {
        // Those of the run before are of processes that have ended.
        for file in ["pid", "worker"] {
            let _ = fs::remove_file(dir.join(file));
        }
        let task = json!({"nodes": nodes, "chaos_spec": [
            {"trigger": {"type": "immediate"}, "action": action, "duration_seconds": 0.05},
        ]});
        let output =
            place.run(&task, &["--permit", "root", "--permit", "irreversible", "--allow-path", dir.to_str().unwrap()]);
        let report = report(&output);
        let why = report["entries"][0]["error"].as_str().unwrap_or_default();
        assert!(why.contains(&format!("node `{of}`")) && why.contains("protected"), "{action}: {report:#}");
        assert_eq!(report["verdict"], "inconclusive", "{action}");
    }
    let other = json!({"nodes": nodes, "chaos_spec": [
        {"trigger": {"type": "immediate"}, "action": {"type": "pause_process", "target": {"command": ["sleep", aside]}},
            "duration_seconds": 0.05},
    ]});
    assert_eq!(report(&place.run(&other, &[]))["verdict"], "unchecked");
    assert!(!running.is_stopped());
}
