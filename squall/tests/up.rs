//! Nodes that are held for ad-hoc work: `up`, `ps`, `inject --in` and `down`, each from a process of its own.

#![cfg(feature = "full")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStderr, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

#[path = "support/shell.rs"]
mod shell;

use shell::{command, journals, place, report, squall, write};

/// A hang is an error; nothing here takes nearly as long.
const HANG: Duration = Duration::from_mins(2);

/// A `squall up` in the background.
struct Up {
    child: Child,
    lines: BufReader<ChildStderr>,
    seen: String,
}

impl Up {
    /// Starts it, and comes back when the nodes are up.
    fn start(place: &TempDir, task: &Value, more: &[&str]) -> Self {
        let file = write(place, "nodes.json", task);
        let arguments = ["up", &file, "--allow-command", "sleep", "--format", "json"];
        let mut command = command(place, &[&arguments[..], more].concat());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap());
        let mut up = Self { child, lines, seen: String::new() };
        up.until("held until");
        up
    }

    /// Reads its display until it says that.
    fn until(&mut self, word: &str) {
        while !self.seen.contains(word) {
            assert_ne!(self.lines.read_line(&mut self.seen).unwrap(), 0, "it ended early: {}", self.seen);
        }
    }

    fn run_id(&self) -> String {
        let after = self.seen.split_once("run ").unwrap().1;
        after.split_once(',').unwrap().0.to_owned()
    }

    fn signal(&self, name: &str) {
        signal(&self.child, name);
    }

    /// Its report, its display and its exit code.
    fn end(mut self) -> (Value, String, Option<i32>) {
        let mut rest = String::new();
        self.lines.read_to_string(&mut rest).unwrap();
        let mut out = String::new();
        self.child.stdout.take().unwrap().read_to_string(&mut out).unwrap();
        let seen = self.seen + &rest;
        let report = serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {seen}"));
        (report, seen, self.child.wait().unwrap().code())
    }
}

fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill").args([&format!("-{name}"), &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
}

fn nodes() -> Value {
    let sleeper = |seconds: &str| json!({"type": "process", "argv": ["sleep", seconds], "ports": ["client"]});
    let mut db = sleeper("602");
    db["protected"] = json!(true);
    json!({"nodes": {"n1": sleeper("600"), "n2": sleeper("601"), "db": db}})
}

/// The only run with nodes, and its nodes by name.
fn ps(place: &TempDir) -> (Value, impl Fn(&str) -> Value) {
    let (runs, code) = report(&squall(place, &["ps", "--format", "json"]));
    assert_eq!((code, runs.as_array().unwrap().len()), (0, 1), "{runs}");
    let run = runs[0].clone();
    let nodes = run["nodes"].as_array().unwrap().clone();
    (run, move |name: &str| nodes.iter().find(|node| node["name"] == name).unwrap().clone())
}

fn state_of(pid: u64) -> char {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").map_or('X', |(_, rest)| rest.chars().next().unwrap())
}

fn is_over(pid: u64) -> bool {
    matches!(state_of(pid), 'Z' | 'X')
}

fn until(what: &str, holds: impl Fn() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < HANG, "{what}");
        std::thread::yield_now();
    }
}

fn complaint(output: &Output) -> (Option<i32>, String) {
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn faults_come_from_another_terminal_and_down_stops_the_nodes() {
    let place = place();
    let up = Up::start(&place, &nodes(), &[]);
    let run_id = up.run_id();
    let (run, node) = ps(&place);
    assert_eq!((&run["run_id"], &run["held"]), (&json!(run_id), &json!(true)));
    let pids = ["n1", "n2", "db"].map(|name| node(name)["pid"].as_u64().unwrap());
    for name in ["n1", "n2", "db"] {
        let one = node(name);
        assert_eq!((&one["state"], &one["ready"]), (&json!("running"), &json!(true)), "{one}");
        assert!(one["ports"]["client"].as_u64().unwrap() >= 10_000 && one["since_unix_seconds"].is_f64(), "{one}");
    }
    assert_eq!(node("db")["protected"], true);
    let shown = squall(&place, &["ps"]);
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(shown.contains(&format!("run {run_id} (held until")) && shown.contains("client="), "{shown}");

    let inject = |fault: &str, target: &str, more: &[&str]| {
        let arguments = ["inject", "--in", &run_id, fault, target, "--format", "json"];
        squall(&place, &[&arguments[..], more].concat())
    };
    // Killed and started again, by the run that holds it: as the same node, in another process.
    let (killed, code) = report(&inject("kill_process", "node=n1", &["--for", "0.1s"]));
    let entry = &killed["entries"][0];
    assert_eq!((code, &entry["verdict"], &entry["reverted"]), (0, &json!("unchecked"), &json!("reverted")), "{killed}");
    assert_eq!((&killed["run_id"], killed["entries"].as_array().unwrap().len()), (&json!(run_id), 1));
    assert!(is_over(pids[0]));
    let (_, now) = ps(&place);
    let again = now("n1")["pid"].as_u64().unwrap();
    assert!(again != pids[0] && !is_over(again) && now("n2")["pid"] == pids[1]);

    // Refusals name what is wrong, and nothing is touched.
    let rows = [("target.node=n3", "unknown node `n3`"), ("target.node=db", "node `db` is protected")];
    for (target, want) in rows {
        let (refused, code) = report(&inject("pause_process", target, &[]));
        let error = refused["entries"][0]["error"].as_str().unwrap();
        assert!(code == 2 && error.contains(want), "{code} {error}");
    }
    let (code, error) = complaint(&squall(&place, &["inject", "--in", "1-2-3", "pause_process", "target.node=n1"]));
    assert!(code == Some(64) && error.contains("no live run `1-2-3`; live: ") && error.contains(&run_id), "{error}");
    let (code, error) = complaint(&inject("pause_process", "target.node=n1", &["--seed", "3"]));
    assert!(code == Some(64) && error.contains("'--in <RUN>' cannot be used with '--seed <N>'"), "{error}");
    assert!(!is_over(pids[2]) && state_of(pids[2]) != 'T');

    let (down, code) = report(&squall(&place, &["down", "--format", "json"]));
    // Both refused entries are the run's own too, so that it showed less than it was asked.
    assert_eq!((code, &down), (0, &json!({"run_id": run_id, "verdict": "inconclusive"})));
    let (report, seen, code) = up.end();
    assert_eq!((code, report["entries"].as_array().unwrap().len()), (Some(2), 3), "{seen}");
    assert!([again, pids[1], pids[2]].into_iter().all(is_over), "{seen}");
    assert_eq!(journals(&place), 0);
    let (code, error) = complaint(&squall(&place, &["down"]));
    assert!(code == Some(64) && error.contains("no run holds nodes"), "{error}");
    assert_eq!(complaint(&squall(&place, &["down", &run_id])).0, Some(64));
    assert_eq!(squall(&place, &["ps"]).stdout, b"no live run has nodes\n");
}

/// A client whose fault is in force, and the rest of its display.
fn pausing(place: &TempDir, run_id: &str, node: &str) -> (Child, BufReader<ChildStderr>) {
    let target = format!("target.node={node}");
    let arguments = ["inject", "--in", run_id, "pause_process", &target, "--for", "60s", "--format", "json"];
    let mut client = command(place, &arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut shown = BufReader::new(client.stderr.take().unwrap());
    let mut told = String::new();
    while !told.contains("holding for 60 s") {
        assert_ne!(shown.read_line(&mut told).unwrap(), 0, "{told}");
    }
    (client, shown)
}

#[test]
fn a_client_that_goes_away_ends_its_fault_and_one_that_is_released_ends_its_hold() {
    let place = place();
    let mut up = Up::start(&place, &nodes(), &[]);
    let run_id = up.run_id();
    let pid = ps(&place).1("n1")["pid"].as_u64().unwrap();
    for end in ["INT", "USR1", "KILL"] {
        let (client, _shown) = pausing(&place, &run_id, "n1");
        assert_eq!(state_of(pid), 'T', "{end}");
        assert_eq!(ps(&place).1("n1")["state"], "paused");
        signal(&client, end);
        let output = client.wait_with_output().unwrap();
        match end {
            "KILL" => until("the run ends what its client left behind", || state_of(pid) != 'T'),
            end => {
                let (entry, code) = report(&output);
                let want = if end == "INT" { (2, "inconclusive") } else { (0, "unchecked") };
                assert_eq!((code, entry["verdict"].as_str().unwrap()), want, "{entry}");
                assert_eq!(entry["entries"][0]["reverted"], "reverted");
            }
        }
        assert_ne!(state_of(pid), 'T', "{end}");
    }
    // Down while a fault is in force: released, undone, judged; then the nodes are stopped. It is on another node, since nobody
    // tells when the run is done with what the killed client left behind.
    let (last, _shown) = pausing(&place, &run_id, "n2");
    up.signal("INT");
    up.until("then stopping the nodes");
    let (report, seen, _) = up.end();
    let entries = report["entries"].as_array().unwrap();
    assert_eq!((entries.len(), &entries[3]["verdict"]), (4, &json!("unchecked")), "{seen}");
    assert!(is_over(pid));
    assert_eq!((last.wait_with_output().unwrap().status.code(), journals(&place)), (Some(0), 0));
}

#[test]
fn up_without_faults_ends_well_and_one_that_can_not_begin_says_why() {
    let place = place();
    let (report, seen, code) = Up::start(&place, &nodes(), &["--for", "0.1s"]).end();
    assert_eq!((code, &report["verdict"], &report["entries"]), (Some(0), &json!("unchecked"), &json!([])), "{seen}");
    assert!(seen.contains("node `n1` is up") && seen.contains("the time is up"), "{seen}");
    let wrong = json!({"nodes": {"n1": {"type": "process", "argv": ["sleep", "1"],
        "ready": {"type": "command", "argv": ["false"], "within_seconds": 0.1}}}});
    let file = write(&place, "wrong.json", &wrong);
    let rows = [
        (vec!["up", &file], "`sleep`"),
        (vec!["up", &file, "--allow-command", "*"], "node `n1` was not ready within 0.1 s"),
    ];
    for (arguments, want) in rows {
        let output = squall(&place, &arguments);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.code() == Some(2) && text.contains("not begun: ") && text.contains(want), "{text}");
    }
    let file = write(&place, "none.json", &json!({"chaos_spec": []}));
    let (code, error) = complaint(&squall(&place, &["up", &file]));
    assert!(code == Some(64) && error.contains("declares no `nodes`"), "{error}");
    assert_eq!(journals(&place), 0);
}
