//! The row of a node that is paused, for each method: what the kernel shows, what the others say, and that it goes on.

use std::fs;
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};

use super::harness::skipped;
use super::held::{Process, members, stat, status, ticks, until};
use super::place::Place;
use super::{GATE, Row, holds_without_notice, landed, task, without};

/// How a node is paused.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Method {
    Signal,
    Freezer,
    Runtime,
}

impl Method {
    fn action(self, node: &str) -> Value {
        let action = |method| json!({"type": "pause_process", "target": {"node": node}, "method": method});
        match self {
            Self::Signal => action("signal"),
            Self::Freezer => action("freezer"),
            Self::Runtime => {
                let mut action = action("runtime");
                let url = format!("http://127.0.0.1:{{{{node.{node}.port.failpoints}}}}");
                action["runtime"] = json!({"url": url, "site": "mesh.tick"});
                action
            }
        }
    }

    /// What a node needs for it.
    fn prepare(self, node: &str, task: &mut Value) {
        let declared = &mut task["nodes"][node];
        match self {
            Self::Signal => {}
            Self::Freezer => declared["group"] = json!(true),
            Self::Runtime => {
                declared["ports"].as_array_mut().unwrap().push(json!("failpoints"));
                let listen = format!("127.0.0.1:{{{{node.{node}.port.failpoints}}}}");
                declared["env"] = json!({"FAILPOINTS_LISTEN": listen});
            }
        }
    }

    /// What the kernel shows of a process that is paused; the same at two looks, as it does nothing in between.
    fn shown(self, process: &Process) -> String {
        let state = stat(process.pid);
        match self {
            Self::Signal => {
                assert_eq!(state, Some(('T', process.started)));
                format!("{} ticks", ticks(process.pid))
            }
            Self::Freezer => {
                assert!(is_frozen(process.pid), "{state:?}");
                format!("{state:?}, {} ticks", ticks(process.pid))
            }
            Self::Runtime => {
                // The process is not stopped: the one thread of its runtime waits, and no more than that.
                assert!(matches!(state, Some(('S' | 'R', started)) if started == process.started), "{state:?}");
                switches(process.pid)
            }
        }
    }

    /// Part of what the run says.
    fn said(self) -> &'static str {
        match self {
            Self::Signal => "is stopped (state T)",
            Self::Freezer => "frozen",
            Self::Runtime => "of its callers wait",
        }
    }
}

/// Whether the group of a process is frozen, by the group's own files.
fn is_frozen(pid: u32) -> bool {
    let groups = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap();
    groups.lines().any(|line| {
        let [_, controllers, path] = line.splitn(3, ':').collect::<Vec<_>>()[..] else { return false };
        let read = |file: String| fs::read_to_string(file).unwrap_or_default();
        match controllers {
            "freezer" => read(format!("/sys/fs/cgroup/freezer{path}/freezer.state")).trim() == "FROZEN",
            "" => ["", "/unified"].iter().any(|mount| {
                read(format!("/sys/fs/cgroup{mount}{path}/cgroup.events")).lines().any(|line| line == "frozen 1")
            }),
            _ => false,
        }
    })
}

/// How often the first thread of a process has given the processor away or lost it: more whenever it did anything.
fn switches(pid: u32) -> String {
    let status = fs::read_to_string(format!("/proc/{pid}/task/{pid}/status")).unwrap();
    status.lines().filter(|line| line.contains("ctxt_switches")).collect::<Vec<_>>().join(", ")
}

/// Whether a node may have a group here; says so where it may not.
fn may_have_groups(place: &Place, task: &Value) -> bool {
    let file = place.path("run.json");
    fs::write(&file, task.to_string()).unwrap();
    let output = place.output(&["run", &file.display().to_string(), "--dry-run", "--accept-policy"]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let there = text.contains("in a group (cgroup ");
    if !there {
        skipped(&format!("a writable cgroup ({text})"));
    }
    there
}

pub(super) fn a_node_stopped_by_a_signal_goes_on_as_the_same_process() {
    is_missed_and_goes_on(Method::Signal);
}

pub(super) fn a_frozen_node_goes_on_as_the_same_process() {
    is_missed_and_goes_on(Method::Freezer);
}

pub(super) fn a_node_whose_runtime_is_paused_goes_on_as_the_same_process() {
    is_missed_and_goes_on(Method::Runtime);
}

fn is_missed_and_goes_on(method: Method) {
    let row = Row::new();
    let mut task = task(&row.place, &method.action("n3"));
    method.prepare("n3", &mut task);
    if method == Method::Freezer && !may_have_groups(&row.place, &task) {
        return;
    }
    let mut held = row.hold(&task, &[]);
    let all = members(&row.place);
    let wedged = &all["n3"];
    // What is held comes to rest only when it has the processor once more.
    let shown = until("it still runs", || {
        let first = method.shown(wedged);
        std::thread::park_timeout(Duration::from_millis(200));
        (method.shown(wedged) == first).then_some(first)
    });
    row.is_missed("n3", &without(&all, "n3"));
    assert_eq!(method.shown(wedged), shown, "it has run meanwhile");
    // Slow, not dead: the kernel accepts for it, and nobody answers.
    assert!(TcpStream::connect(wedged.url.strip_prefix("http://").unwrap()).is_ok());
    assert_eq!(status(wedged), None);
    // Nobody else is missed by anybody.
    assert!(row.collector.named("disconnected").iter().all(|span| span.attributes["peer"] == "n3"));
    held.release();
    row.all_hear("n3", 1);
    assert_eq!(members(&row.place), all, "the same processes");
    assert!(!is_frozen(wedged.pid));
    let beats = |what: &str| until(what, || status(wedged)?["beats"].as_u64());
    let before = beats("it does not answer");
    until("it sends no heartbeats", || (beats("it does not answer") > before).then_some(()));
    let report = row.is_over(held);
    assert!(landed(&report).contains(method.said()), "{report:#}");
}

/// Each method on a node that is nobody's member, and left out: no member may say anything then, and no run may pass.
pub(super) fn a_pause_of_a_bystander_or_of_nobody_is_not_noticed() {
    for method in [Method::Signal, Method::Freezer, Method::Runtime] {
        let row = Row::new();
        let mut task = task(&row.place, &method.action("x1"));
        let address = |port| format!("127.0.0.1:{{{{node.x1.port.{port}}}}}");
        let argv = ["mesh-node", "run", "x1", "--http", &address("http"), "--gossip", &address("gossip"), "--dir", "."];
        task["nodes"]["x1"] = json!({"type": "process", "argv": argv, "ports": ["http", "gossip"], "stop_seconds": 1});
        task["nodes"]["x1"]["ready"] = json!({"type": "tcp", "address": address("http"), "within_seconds": 30});
        method.prepare("x1", &mut task);
        if method == Method::Freezer && !may_have_groups(&row.place, &task) {
            continue;
        }
        let sham = Place::new();
        fs::write(sham.path("run.json"), task.to_string().replace(&row.place.path(GATE).display().to_string(), "/"))
            .unwrap();
        let (report, _) = sham.run(&sham.path("run.json"), &["--sham"]);
        let entry = &report["entries"][0];
        assert_eq!((&report["verdict"], &entry["success"]), (&json!("inconclusive"), &json!(false)), "{report:#}");
        holds_without_notice(&row, &task);
        assert!(row.collector.named("disconnected").is_empty());
    }
}
