//! Started nodes on real processes: what is started, how it ends, and what is left.
#![expect(clippy::unwrap_used, reason = "a test that can't be set up should stop at once")]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chaos_core::{
    DeclaredNode, DynUndoStep, Journal, Member, NodeContext, NodePlace, Nodes, ProcessAct, ProcessState, ResourceId,
    RunContext, SignalName, UndoLog, Undone, parse,
};
use chaos_host::ProcessStat;
use chaos_nodes as _;
use chaos_test::run_context;
use serde_json::{Value, json};

#[path = "support/recovery.rs"]
mod recovery;

use recovery::{recovery, undo_all};

/// A hang is an error; nothing here takes nearly as long.
const HANG: Duration = Duration::from_mins(2);

/// A node in a run of its own, stopped when this is dropped.
struct Run {
    cx: RunContext,
    log: Arc<UndoLog>,
    member: Arc<dyn Member>,
    folder: tempfile::TempDir,
}

impl Run {
    fn of(keys: &Value) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let cx = run_context().env([("PATH", "/usr/bin:/bin"), ("OUTER", "1"), ("SECRET_API_KEY", "sk-1")]).build();
        let log = UndoLog::new(Arc::new(Journal::in_memory()), cx.clone(), None);
        let node: DeclaredNode = parse(keys).unwrap();
        let place =
            NodePlace { dir: folder.path().join("n1"), logs: folder.path().join("logs"), ports: BTreeMap::new() };
        let node_cx = NodeContext::new("n1", cx.clone(), place);
        let node_cx = node_cx.ready_when(node.extra().readiness()).expecting_exit(node.extra().expect_exit);
        let member = node.member(node_cx).unwrap();
        cx.services().get::<Nodes>().declare("n1", BTreeMap::new(), false, Arc::clone(&member));
        Self { cx, log, member, folder }
    }

    fn sh(script: &str) -> Self {
        Self::of(
            &json!({"type": "process", "argv": ["/bin/sh", "-c", script], "env": {"OWN": "2"}, "stop_seconds": 0.2}),
        )
    }

    async fn start(&self) {
        self.member.start(&self.log.handle()).await.unwrap();
    }

    async fn act(&self, act: ProcessAct) {
        let effect = self.member.process().unwrap().effect(act).await.unwrap();
        self.log.handle().perform(effect).await.unwrap();
    }

    async fn state(&self) -> ProcessState {
        self.member.process().unwrap().status().await.unwrap().state
    }

    async fn pid(&self) -> u32 {
        match self.member.process().unwrap().status().await.unwrap().identity.unwrap() {
            ResourceId::Process { pid, .. } => pid,
            other => panic!("{other}"),
        }
    }

    fn output(&self) -> String {
        fs::read_to_string(self.folder.path().join("logs/n1.stdout.log")).unwrap_or_default()
    }

    /// The newest step, as recovery knows it.
    fn step(&self) -> Box<dyn DynUndoStep> {
        let armed = self.log.newest_first();
        serde_json::from_value(serde_json::to_value(armed[0].step.as_ref()).unwrap()).unwrap()
    }

    /// Undoes all steps, newest first, as the live run does.
    async fn undo(&self) -> Vec<Undone> {
        let mut undone = Vec::new();
        for armed in self.log.newest_first() {
            undone.push(armed.step.undo(&self.cx.undo_context(HANG)).await.unwrap());
        }
        undone
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        undo_all(&self.log);
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

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn it_runs_in_its_folder_with_its_environment_and_its_output_is_for_us_alone() {
    let run = Run::sh("echo why >&2; pwd; env; exec sleep 600");
    assert_eq!(run.state().await, ProcessState::Gone);
    run.start().await;
    assert_eq!(run.state().await, ProcessState::Running);
    until("no output", || run.output().contains("SQUALL_PROCESS_TREE=")).await;
    let (output, logs) = (run.output(), run.folder.path().join("logs"));
    assert!(output.contains(&format!("{}\n", run.folder.path().join("n1").display())), "{output}");
    assert!(output.contains("OUTER=1\n") && output.contains("OWN=2\n") && !output.contains("sk-1"), "{output}");
    assert_eq!(
        (mode(&logs.join("n1.stdout.log")), mode(&logs.join("n1.stderr.log")), mode(&logs)),
        (0o600, 0o600, 0o700)
    );
    assert_eq!(fs::read_to_string(logs.join("n1.stderr.log")).unwrap(), "why\n");
}

#[tokio::test]
async fn the_step_is_on_disk_before_the_start_and_leaves_no_orphan() {
    let run = Run::sh("sleep 600 & setsid sleep 600 & echo $!; wait");
    run.start().await;
    until("no output", || run.output().ends_with('\n')).await;
    let (leader, child) = (run.pid().await, run.output().trim().parse().unwrap());
    // As a recovery does, which knows nothing but the record.
    let cx = recovery();
    let step = run.step();
    assert_eq!(step.describe(), "stop node `n1`");
    assert!(matches!(step.undo(&cx).await.unwrap(), Undone::Reverted(_)));
    until("an orphan is left", || is_over(leader) && is_over(child)).await;
    assert_eq!(step.undo(&cx).await.unwrap(), Undone::NothingToDo("nothing of node `n1` is left".into()));
}

#[tokio::test]
async fn a_killed_node_is_down_and_runs_again_as_another_process_with_the_same_identity() {
    let run = Run::sh("echo \"$0 $OWN $(pwd)\"; exec sleep 600");
    run.start().await;
    let before = run.pid().await;
    until("no output", || run.output().lines().count() == 1).await;
    run.act(ProcessAct::Kill(SignalName::Kill)).await;
    assert_eq!(run.state().await, ProcessState::Gone);
    assert!(is_over(before));
    let step = run.log.newest_first()[0].step.clone();
    assert_eq!((step.describe().as_str(), step.owner().unwrap().node.as_str()), ("start node `n1` again", "n1"));
    assert!(matches!(step.undo(&run.cx.undo_context(HANG)).await.unwrap(), Undone::Reverted(_)));
    assert_ne!(run.pid().await, before);
    assert_eq!(run.state().await, ProcessState::Running);
    // Twice is harmless.
    assert!(matches!(step.undo(&run.cx.undo_context(HANG)).await.unwrap(), Undone::NothingToDo(_)));
    until("it was not started twice", || run.output().lines().count() == 2).await;
    let output = run.output();
    let lines: Vec<&str> = output.lines().collect();
    assert_eq!(lines[0], lines[1]);
    assert!(run.cx.services().get::<Nodes>().exits().is_empty(), "an end of our making is not a finding");
}

#[tokio::test]
async fn without_its_supervisor_a_killed_node_is_not_started_for_a_dead_run() {
    let run = Run::sh("exec sleep 600");
    run.start().await;
    run.act(ProcessAct::Kill(SignalName::Term)).await;
    let cx = recovery();
    let undone = run.step().undo(&cx).await.unwrap();
    assert_eq!(undone, Undone::NothingToDo("node `n1` is stopped with its run".into()));
    assert_eq!(run.state().await, ProcessState::Gone);
}

#[tokio::test]
async fn a_restart_gives_another_process_and_a_pause_the_same() {
    let run = Run::sh("exec sleep 600");
    run.start().await;
    let first = run.pid().await;
    run.act(ProcessAct::Pause(chaos_core::PauseMethod::Signal)).await;
    assert_eq!((run.state().await, run.pid().await), (ProcessState::Stopped, first));
    let resumed = run.log.newest_first()[0].step.undo(&run.cx.undo_context(HANG)).await.unwrap();
    assert!(matches!(resumed, Undone::Reverted(_)));
    run.act(ProcessAct::Restart).await;
    assert_eq!(run.state().await, ProcessState::Running);
    assert_ne!(run.pid().await, first);
}

#[tokio::test]
async fn a_node_that_ends_by_itself_is_a_finding_unless_that_is_expected() {
    for (expects, keys) in [(false, json!({})), (true, json!({"expect_exit": true}))] {
        let mut node = json!({"type": "process", "argv": ["/bin/sh", "-c", "exit 3"]});
        node.as_object_mut().unwrap().extend(keys.as_object().unwrap().clone());
        let run = Run::of(&node);
        // It may end before it counts as up.
        let _ = run.member.start(&run.log.handle()).await;
        let down =
            async || run.member.process().unwrap().status().await.unwrap().detail == "node `n1` is down (exit code 3)";
        let began = Instant::now();
        while !down().await {
            assert!(began.elapsed() < HANG, "its end was not seen");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let exits = run.cx.services().get::<Nodes>();
        if expects {
            assert!(exits.exits().is_empty());
        } else {
            until("no finding", || !exits.exits().is_empty()).await;
            let exit = &exits.exits()[0];
            assert_eq!((exit.node.as_str(), exit.how.as_str()), ("n1", "exit code 3"));
        }
    }
}

#[tokio::test]
async fn one_that_ends_before_it_is_ready_is_not_up() {
    let never = json!({"type": "test_answer", "answer": false, "within_seconds": 30});
    let run = Run::of(&json!({"type": "process", "argv": ["/bin/sh", "-c", "exit 3"], "ready": never}));
    let error = run.member.start(&run.log.handle()).await.unwrap_err();
    assert_eq!(error.to_string(), "node `n1` is down (exit code 3) before it was ready");
}

#[tokio::test]
async fn a_program_that_is_not_there_is_told_and_nothing_is_left() {
    let run = Run::of(&json!({"type": "process", "argv": ["/nonexistent/program"]}));
    let error = run.member.start(&run.log.handle()).await.unwrap_err().to_string();
    assert!(error.starts_with("start `/nonexistent/program` as node `n1`: "), "{error}");
    assert_eq!(run.undo().await, [Undone::NothingToDo("nothing of node `n1` is left".into())]);
}

#[tokio::test]
async fn it_is_asked_to_end_and_what_ignores_that_is_killed_by_the_step() {
    for (script, killed, patience) in [
        ("trap 'echo asked; exit 0' TERM; echo up; while :; do sleep 0.01; done", false, 120.0),
        ("trap '' TERM; echo up; while :; do sleep 0.01; done", true, 0.2),
    ] {
        let run = Run::of(&json!({"type": "process", "argv": ["/bin/sh", "-c", script], "stop_seconds": patience}));
        run.start().await;
        until("it is not up", || run.output().starts_with("up\n")).await;
        run.member.stop().await;
        assert_eq!(run.output().contains("asked"), !killed, "{script}");
        let pid = run.member.process().unwrap().status().await.unwrap().identity;
        assert_eq!(pid.is_some(), killed, "{script}");
        let undone = run.undo().await;
        assert_eq!(matches!(undone[0], Undone::Reverted(_)), killed, "{undone:?}");
        assert!(run.cx.services().get::<Nodes>().exits().is_empty());
        let again = run.member.bring_up().await.unwrap();
        assert_eq!(again, Undone::NothingToDo("node `n1` is stopped with its run".into()));
    }
}
