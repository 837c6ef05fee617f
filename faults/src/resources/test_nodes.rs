//! What the tests of faults on resources share: nodes in groups, runs of one entry, and what is left of them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use chaos_core::{ChaosResult, Permission, Policy, Task, parse};
use chaos_host::{OwnGroup, RUN_PREFIX};
use chaos_runner::{Report, Runner};
use chaos_test::{Bench, Subjects};
use serde_json::{Value, json};

/// A hang is an error; nothing here takes nearly as long.
pub(super) const HANG: Duration = Duration::from_mins(2);

/// Says that loads are started by way of the test below, since a test program has no `main` of ours.
pub(super) fn loads() {
    let name = concat!(module_path!(), "::a_load");
    let name = name.split_once("::").map_or(name, |(_, rest)| rest);
    chaos_nodes::reached_by(&[name, "--exact", "--ignored", "--nocapture", "--test-threads=1"]);
}

#[test]
#[ignore = "what a test program comes to when it is started as a load"]
fn a_load() {
    let _ = chaos_nodes::run_if_asked();
}

/// Why no group can be made here; it is printed.
pub(super) fn no_groups() -> Option<String> {
    let why = OwnGroup::plan("probe", "n1").err()?.to_string();
    eprintln!("skipped: needs a writable cgroup ({why})");
    Some(why)
}

/// A node `n1` in a group, for the contract; unsupported where no group can be made.
pub(super) fn contract_node(subjects: &Subjects) -> io::Result<()> {
    loads();
    if let Some(why) = no_groups() {
        return Err(io::Error::new(io::ErrorKind::Unsupported, format!("a writable cgroup ({why})")));
    }
    subjects.node("n1", json!({"type": "process", "argv": ["sleep", "600"], "group": true}));
    Ok(())
}

/// A node in a group that runs a script.
pub(super) fn node(script: &str) -> Value {
    json!({"type": "process", "argv": ["sh", "-c", script], "group": true})
}

/// Runs one entry on the node `n1`, in a run of its own, in real time.
pub(super) fn report(action: &Value, node: &Value, sham: bool) -> Report {
    loads();
    let bench = Bench::new().unwrap();
    let entry = json!({"trigger": {"type": "test_now"}, "action": action, "duration_seconds": 0.1});
    let mut task = Task::of(parse(&entry).unwrap());
    task.nodes.insert("n1".to_owned(), parse(node).unwrap());
    let permissions = vec![Permission::Irreversible, Permission::OtherUser];
    let policy = Policy { allow_commands: vec!["sh".into(), "sleep".into()], permissions, ..Policy::default() };
    let runner = Runner::builder().state_dir(bench.state()).workspace(bench.folder()).seed(1).policy(policy).sham(sham);
    let report = runner.build().unwrap().run(task).unwrap();
    assert!(report.node_exits.is_empty() && report.nodes_left.is_empty(), "{report:?}");
    assert_eq!(bench.journals_left(), 0);
    assert_eq!(groups_of(&report.run_id), Vec::<PathBuf>::new(), "a group is left");
    report
}

/// The result of its one entry.
pub(super) fn run(action: &Value, node: &Value, sham: bool) -> ChaosResult {
    report(action, node, sham).entries.remove(0)
}

/// The folders of groups of that run.
pub(super) fn groups_of(run: &str) -> Vec<PathBuf> {
    fn below(folder: &Path, name: &str, found: &mut Vec<PathBuf>) {
        let Ok(entries) = fs::read_dir(folder) else { return };
        for entry in entries.flatten().filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())) {
            if entry.file_name().to_string_lossy() == name {
                found.push(entry.path());
            } else {
                below(&entry.path(), name, found);
            }
        }
    }
    let mut found = Vec::new();
    below(Path::new("/sys/fs/cgroup"), &format!("{RUN_PREFIX}{run}"), &mut found);
    found
}

pub(super) fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < HANG, "{what}");
        chaos_host::moment();
    }
}

/// What the last undo found.
pub(super) fn undid(result: &ChaosResult) -> &str {
    let detail = &result.timeline.iter().find(|point| point.event == "undid").unwrap().detail;
    detail.split_once(": ").unwrap().1
}

/// What the witness saw.
pub(super) fn seen(result: &ChaosResult) -> &str {
    &result.witness.as_ref().unwrap().evidence.summary
}
