use std::collections::BTreeMap;
use std::process::{Child, Command};

use chaos_core::{
    DeclaredNode, Journal, NodeContext, NodePlace, PauseMethod, ProbeNode, ProcessAct, RunScope, SignalName, UndoLog,
    parse,
};
use chaos_nodes as _;
use chaos_test::run_context;
use serde_json::Value;

use super::*;

/// A node on a real process, in a run of its own; stopped when this is dropped.
struct Run {
    scope: RunScope,
    log: Arc<UndoLog>,
    member: Arc<dyn Member>,
    _folder: tempfile::TempDir,
}

impl Run {
    fn sh(script: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let scope = run_context().env([("PATH", "/usr/bin:/bin")]).scope();
        let cx = scope.cx().clone();
        let keys =
            json!({"type": "process", "argv": ["/bin/sh", "-c", script], "stop_seconds": 0.2, "expect_exit": true});
        let node: DeclaredNode = parse(&keys).unwrap();
        let place =
            NodePlace { dir: folder.path().join("n1"), logs: folder.path().join("logs"), ports: BTreeMap::new() };
        let node_cx = NodeContext::new("n1", cx.clone(), place).ready_when(node.extra().readiness());
        let member = node.member(node_cx.expecting_exit(true)).unwrap();
        cx.services().get::<Nodes>().declare("n1", BTreeMap::new(), true, Arc::clone(&member));
        let log = UndoLog::new(Arc::new(Journal::in_memory()), cx, None);
        Self { scope, log, member, _folder: folder }
    }

    async fn started(script: &str) -> Self {
        let run = Self::sh(script);
        run.member.start(&run.log.handle()).await.unwrap();
        run
    }

    async fn act(&self, act: ProcessAct) {
        let effect = self.member.process().unwrap().effect(act).await.unwrap();
        self.log.handle().perform(effect).await.unwrap();
    }

    async fn ask(&self, more: Value) -> Observation {
        probe(&json!({"node": "n1"}), more).observe(self.scope.cx()).await
    }

    async fn answers(&self) -> [Answer; 3] {
        [
            self.ask(json!({"expect": "running"})).await.answer,
            self.ask(json!({"expect": "exited"})).await.answer,
            self.ask(json!({"expect": "restarted"})).await.answer,
        ]
    }

    /// Waits until its program has ended.
    async fn ended(&self) {
        while self.member.standing().await.state != NodeState::Ended {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        let steps = self.log.newest_first();
        let cx = self.scope.cx().undo_context(std::time::Duration::from_secs(30));
        let undo = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            for armed in steps {
                let _ = runtime.block_on(armed.step.undo(&cx));
            }
        };
        let _ = std::thread::spawn(undo).join();
        self.scope.cx().services().get::<Nodes>().clear();
    }
}

fn probe(target: &Value, more: Value) -> ProbeNode {
    let mut node = json!({"type": "process", "target": target});
    if let (Value::Object(node), Value::Object(more)) = (&mut node, more) {
        node.extend(more);
    }
    parse(&node).unwrap()
}

struct Sleeper(Child);

impl Sleeper {
    fn new() -> Self {
        Self(Command::new("sleep").arg("600").spawn().unwrap())
    }

    fn end(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        self.end();
    }
}

use Answer::{No, Unknown, Yes};

#[tokio::test(flavor = "multi_thread")]
async fn a_node_runs_pauses_ends_and_is_there_again_as_another() {
    let run = Run::sh("exec sleep 600");
    assert_eq!(run.answers().await, [No, Unknown, No], "nobody has seen it");
    run.member.start(&run.log.handle()).await.unwrap();
    assert_eq!(run.answers().await, [Yes, No, No]);
    run.act(ProcessAct::Pause(PauseMethod::Signal)).await;
    assert_eq!(run.answers().await, [No, No, No], "a paused process is neither");
    run.act(ProcessAct::Kill(SignalName::Kill)).await;
    run.ended().await;
    assert_eq!(run.answers().await, [No, Yes, No], "it is not back yet");
    run.member.bring_up().await.unwrap();
    assert_eq!(run.answers().await, [Yes, No, Yes]);
    let seen = run.ask(json!({"expect": "restarted"})).await;
    let pid = run.member.standing().await.pid.unwrap().get();
    assert_eq!(seen.value, json!(pid));
    assert!(seen.detail.contains(&format!("process:{pid}@")), "{}", seen.detail);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exit_code_is_the_programs_own_and_a_signal_is_none() {
    let run = Run::sh("exit 3");
    // It may be gone before it is ready.
    let _ = run.member.start(&run.log.handle()).await;
    run.ended().await;
    let rows = [(json!({}), Yes), (json!({"exit_code": 3}), Yes), (json!({"exit_code": 0}), No)];
    for (more, want) in rows {
        let mut keys = json!({"expect": "exited"});
        keys.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let seen = run.ask(keys).await;
        assert_eq!(seen.answer, want, "{more}: {}", seen.detail);
    }
    let seen = run.ask(json!({"expect": "exited", "exit_code": 0})).await;
    assert_eq!(seen.detail, "node `n1` has ended: exit code 3 instead of exit code 0");
    let killed = Run::started("exec sleep 600").await;
    killed.act(ProcessAct::Kill(SignalName::Kill)).await;
    killed.ended().await;
    let seen = killed.ask(json!({"expect": "exited", "exit_code": 137})).await;
    assert_eq!((seen.answer, seen.detail.contains("ended by signal 9 instead")), (No, true), "{}", seen.detail);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_was_started_after_the_injection_was_restarted_though_nobody_asked_before() {
    let run = Run::started("exec sleep 600").await;
    let entry = run.scope.entry("chaos_spec/0", "kill");
    let restarted = probe(&json!({"node": "n1"}), json!({"expect": "restarted"}));
    entry.edge(Stage::Landing);
    // The run has asked nobody about it so far.
    run.act(ProcessAct::Kill(SignalName::Kill)).await;
    run.ended().await;
    run.member.bring_up().await.unwrap();
    let seen = restarted.observe(entry.cx()).await;
    assert_eq!((seen.answer, seen.detail.contains("after the fault was injected")), (Yes, true), "{}", seen.detail);
    // Another entry, whose fault comes later, has seen no restart.
    let later = run.scope.entry("chaos_spec/1", "other");
    later.edge(Stage::Landing);
    assert_eq!(restarted.observe(later.cx()).await.answer, No);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_of_a_pid_file_is_told_by_its_start() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pid");
    let target = json!({"pid_file": file});
    let scope = run_context().scope();
    let ask = async |expect: Value| probe(&target, expect).observe(scope.cx()).await;
    let exited = ask(json!({"expect": "exited"})).await;
    assert_eq!((exited.answer, exited.detail.contains("no probe of this run has seen it")), (Unknown, true));
    assert_eq!(ask(json!({"expect": "running"})).await.answer, No);
    let mut first = Sleeper::new();
    std::fs::write(&file, first.0.id().to_string()).unwrap();
    assert_eq!(ask(json!({"expect": "running"})).await.answer, Yes);
    assert_eq!(ask(json!({"expect": "restarted"})).await.answer, No);
    first.end();
    assert_eq!(ask(json!({"expect": "exited"})).await.answer, Yes);
    assert_eq!(ask(json!({"expect": "restarted"})).await.answer, No);
    let coded = ask(json!({"expect": "exited", "exit_code": 0})).await;
    assert_eq!((coded.answer, coded.detail.contains("can't be told")), (Unknown, true), "{}", coded.detail);
    let second = Sleeper::new();
    std::fs::write(&file, second.0.id().to_string()).unwrap();
    assert_eq!(ask(json!({"expect": "restarted"})).await.answer, Yes);
    // What can't be read has not ended.
    std::fs::write(&file, "nonsense").unwrap();
    assert_eq!(ask(json!({"expect": "exited"})).await.answer, Unknown);
}

#[tokio::test]
async fn what_is_not_declared_is_unknown_and_names_what_is() {
    let run = Run::sh("exec sleep 600");
    let seen = probe(&json!({"node": "n2"}), json!({"expect": "running"})).observe(run.scope.cx()).await;
    assert_eq!(seen.answer, Unknown);
    assert!(seen.detail.contains("unknown node `n2`; declared: n1"), "{}", seen.detail);
}

#[test]
fn its_parameters_are_checked() {
    let rows = [
        (json!({"expect": "gone"}), "unknown variant `gone`"),
        (json!({"expect": "exited", "exit_code": 256}), "256"),
        (json!({}), "missing field `expect`"),
    ];
    for (more, want) in rows {
        let mut node = json!({"type": "process", "target": {"node": "n1"}});
        node.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let error = parse::<ProbeNode>(&node).unwrap_err().to_string();
        assert!(error.contains(want), "{error}");
    }
    let code = probe(&json!({"node": "n1"}), json!({"expect": "running", "exit_code": 1})).reach().unwrap_err();
    assert!(code.to_string().contains("`exit_code` is of a process that has exited"), "{code}");
}
