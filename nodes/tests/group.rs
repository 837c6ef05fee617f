//! Nodes in resource groups, on real processes: what is in the group, what is left, and what is frozen.
#![expect(clippy::unwrap_used, reason = "a test that can't be set up should stop at once")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use chaos_core::{
    DeclaredNode, DynUndoStep, Journal, Member, NodeContext, NodePlace, Nodes, PauseMethod, PluginError, ProcessAct,
    ProcessState, ResourceId, RunContext, SignalName, UndoLog, Undone, parse,
};
use chaos_host::{OwnGroup, ProcessStat, RUN_PREFIX};
use chaos_nodes as _;
use chaos_test::run_context;
use serde_json::{Value, json};

/// A hang is an error; nothing here takes nearly as long.
const HANG: Duration = Duration::from_mins(2);

/// A node in a run of its own.
struct Run {
    cx: RunContext,
    log: Arc<UndoLog>,
    member: Arc<dyn Member>,
    folder: tempfile::TempDir,
    id: String,
}

/// Why no group can be made here.
fn no_groups() -> Option<String> {
    let why = OwnGroup::plan("probe", "n1").err()?.to_string();
    eprintln!("skipped: needs a writable cgroup ({why})");
    Some(why)
}

impl Run {
    fn of(name: &str, script: &str, more: &Value) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let id = format!("{name}-{}", std::process::id());
        let cx = run_context().run_id(&id).env([("PATH", "/usr/bin:/bin")]).build();
        let log = UndoLog::new(Arc::new(Journal::in_memory()), cx.clone(), None);
        let mut keys =
            json!({"type": "process", "argv": ["/bin/sh", "-c", script], "group": true, "stop_seconds": 0.2});
        keys.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let node: DeclaredNode = parse(&keys).unwrap();
        let place =
            NodePlace { dir: folder.path().join("n1"), logs: folder.path().join("logs"), ports: BTreeMap::new() };
        let member = node.member(NodeContext::new("n1", cx.clone(), place)).unwrap();
        cx.services().get::<Nodes>().declare("n1", BTreeMap::new(), false, Arc::clone(&member));
        Self { cx, log, member, folder, id }
    }

    async fn start(&self) -> Result<(), PluginError> {
        self.member.start(&self.log.handle()).await
    }

    async fn act(&self, act: ProcessAct) -> Result<(), PluginError> {
        let effect = self.member.process().unwrap().effect(act).await?;
        self.log.handle().perform(effect).await
    }

    async fn pid(&self) -> u32 {
        match self.member.process().unwrap().status().await.unwrap().identity.unwrap() {
            ResourceId::Process { pid, .. } => pid,
            other => panic!("{other}"),
        }
    }

    fn told(&self) -> Vec<u32> {
        let text = fs::read_to_string(self.folder.path().join("logs/n1.stdout.log")).unwrap_or_default();
        text.split_whitespace().map(|word| word.parse().unwrap()).collect()
    }

    /// The folders of the run's groups.
    fn groups(&self) -> Vec<PathBuf> {
        let mut found = Vec::new();
        groups_below(Path::new("/sys/fs/cgroup"), &format!("{RUN_PREFIX}{}", self.id), &mut found);
        found
    }

    /// Replays all steps through their JSON, newest first.
    async fn undo(&self) -> Vec<Undone> {
        let mut undone = Vec::new();
        for armed in self.log.newest_first() {
            let step: Box<dyn DynUndoStep> =
                serde_json::from_value(serde_json::to_value(armed.step.as_ref()).unwrap()).unwrap();
            undone.push(step.undo(&self.cx.undo_context(HANG)).await.unwrap());
        }
        undone
    }
}

fn groups_below(folder: &Path, name: &str, found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten().filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())) {
        if entry.file_name().to_string_lossy() == name {
            found
                .extend(fs::read_dir(entry.path()).unwrap().flatten().map(|one| one.path()).filter(|one| one.is_dir()));
        } else {
            groups_below(&entry.path(), name, found);
        }
    }
}

fn is_over(pid: u32) -> bool {
    ProcessStat::of(pid).unwrap().is_none_or(|stat| stat.is_dead())
}

async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < HANG, "{what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Loses everything by which the node's processes are found, except the group.
const ESCAPES: &str = "(env -i setsid sh -c 'echo $$; exec sleep 600' &); exec sleep 600";

#[tokio::test(flavor = "multi_thread")]
async fn the_group_holds_what_has_left_session_and_environment_and_is_removed_with_it() {
    if no_groups().is_some() {
        return;
    }
    let run = Run::of("holds", ESCAPES, &json!({}));
    run.start().await.unwrap();
    let groups = run.groups();
    assert!(!groups.is_empty());
    until("no grandchild", || run.told().len() == 1).await;
    let (pid, escaped) = (run.pid().await.to_string(), run.told()[0]);
    for group in &groups {
        let members = fs::read_to_string(group.join("cgroup.procs")).unwrap();
        for member in [pid.as_str(), &escaped.to_string()] {
            assert!(members.lines().any(|line| line == member), "{}: {members}", group.display());
        }
    }
    let undone = run.undo().await;
    assert!(
        matches!(&undone[..], [Undone::Reverted(_), Undone::Reverted(left)] if left.ends_with("killed")),
        "{undone:?}"
    );
    assert!(is_over(escaped) && run.groups().is_empty());
    let undone = run.undo().await;
    assert!(undone.iter().all(|one| matches!(one, Undone::NothingToDo(_))), "{undone:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_node_takes_its_group_with_it_and_comes_back_into_the_same_group() {
    if no_groups().is_some() {
        return;
    }
    let run = Run::of("kill", ESCAPES, &json!({}));
    run.start().await.unwrap();
    until("no grandchild", || run.told().len() == 1).await;
    let (groups, first, escaped) = (run.groups(), run.pid().await, run.told()[0]);
    run.act(ProcessAct::Kill(SignalName::Kill)).await.unwrap();
    assert!(is_over(first) && is_over(escaped));
    run.member.bring_up().await.unwrap();
    let second = run.pid().await;
    assert!(first != second && run.groups() == groups);
    let members = fs::read_to_string(groups[0].join("cgroup.procs")).unwrap();
    assert!(members.lines().any(|line| line == second.to_string()), "{members}");
    run.undo().await;
    assert!(is_over(second) && run.groups().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_hold_from_the_start() {
    if no_groups().is_some() {
        return;
    }
    let limits = json!({"limits": {"cpus": 0.5, "memory_bytes": 67_108_864, "pids": 20}, "group": false});
    let run = Run::of("limits", "exec sleep 600", &limits);
    run.start().await.unwrap();
    let usage = run.member.resources().unwrap().usage().await.unwrap();
    assert_eq!(usage.cpus.unwrap().to_string(), "0.5");
    assert_eq!(usage.memory.unwrap().limit, Some(67_108_864));
    assert_eq!(usage.pids.map(|pids| (pids.used, pids.limit)), Some((1, Some(20))));
    run.undo().await;
    assert!(run.groups().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_is_not_there_is_an_error_and_leaves_no_group() {
    if no_groups().is_some() {
        return;
    }
    let run = Run::of("none", "", &json!({"argv": ["no-such-program"]}));
    let error = run.start().await.unwrap_err().to_string();
    assert!(error.contains("start `no-such-program` as node `n1` in its group"), "{error}");
    assert!(!run.groups().is_empty());
    run.undo().await;
    assert!(run.groups().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_group_does_nothing_until_it_is_thawed() {
    if no_groups().is_some() {
        return;
    }
    let run = Run::of("freeze", "sleep 600 & echo $!; while :; do :; done", &json!({}));
    run.start().await.unwrap();
    until("no child", || run.told().len() == 1).await;
    run.act(ProcessAct::Pause(PauseMethod::Freezer)).await.unwrap();
    let status = run.member.process().unwrap().status().await.unwrap();
    assert_eq!(status.state, ProcessState::Stopped, "{status:?}");
    assert!(status.detail.ends_with("its group is frozen"), "{status:?}");
    let ticks = |pid: u32| {
        let held = chaos_host::PidFd::open(pid.try_into().unwrap()).unwrap().unwrap();
        held.usage().unwrap().unwrap().cpu_ms
    };
    let (pid, child) = (run.pid().await, run.told()[0]);
    let before = ticks(pid);
    assert!(chaos_host::CgroupDir::has_frozen(child.try_into().unwrap()), "the child is frozen with it");
    let again = run.act(ProcessAct::Pause(PauseMethod::Signal)).await.unwrap_err().to_string();
    assert!(again.contains("is frozen already, and thawing it is for whoever froze it"), "{again}");
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(ticks(pid), before);
    let thaw = run.log.newest_first().remove(0).step;
    assert_eq!(thaw.undo(&run.cx.undo_context(HANG)).await.unwrap().detail(), "the group of node `n1` is thawed");
    assert_eq!(thaw.undo(&run.cx.undo_context(HANG)).await.unwrap().detail(), "the group of node `n1` was not frozen");
    until("it does not run again", || ticks(pid) > before).await;
    // Once more, and everything is undone while it is frozen.
    run.act(ProcessAct::Pause(PauseMethod::Freezer)).await.unwrap();
    run.undo().await;
    assert!(is_over(pid) && is_over(child) && run.groups().is_empty());
    assert_eq!(thaw.undo(&run.cx.undo_context(HANG)).await.unwrap().detail(), "the group of node `n1` is gone");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_group_is_stopped_and_removed_without_its_thaw() {
    if no_groups().is_some() {
        return;
    }
    let run = Run::of("frozen", "exec sleep 600", &json!({}));
    run.start().await.unwrap();
    let pid = run.pid().await;
    let group = run.groups();
    run.act(ProcessAct::Pause(PauseMethod::Freezer)).await.unwrap();
    // As if the journal had lost the newest step: the oldest alone must be enough.
    let remove = run.log.newest_first().pop().unwrap().step;
    assert!(matches!(remove.undo(&run.cx.undo_context(HANG)).await.unwrap(), Undone::Reverted(_)));
    assert!(is_over(pid) && !group.iter().any(|one| one.exists()));
    run.undo().await;
}
