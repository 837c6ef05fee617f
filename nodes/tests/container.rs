//! Containers, against an engine that the test serves on a unix socket: it knows what our client asks, and each of its containers
//! is a real process. What a real engine does beyond that is tested only where there is one.
#![expect(clippy::unwrap_used, reason = "a test that can't be set up should stop at once")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use chaos_core::{
    DeclaredNode, DynUndoStep, Journal, Member, NodeContext, NodePlace, Nodes, PauseMethod, Policy, ProcessAct,
    ProcessState, RealClock, RunContext, SignalName, UndoContext, UndoLog, Undone, parse,
};
use chaos_nodes as _;
use chaos_test::run_context;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};

/// A hang is an error; nothing here takes nearly as long.
const HANG: Duration = Duration::from_mins(2);

const PAUSE: ProcessAct = ProcessAct::Pause(PauseMethod::Signal);

/// The containers of the engine, by name.
type Containers = Arc<Mutex<BTreeMap<String, Container>>>;

struct Container {
    id: String,
    process: Option<Child>,
    paused: bool,
    starts: u32,
    settings: Value,
}

impl Container {
    fn start(&mut self) {
        let spawned = Command::new("sleep").arg("600").stdin(Stdio::null()).stdout(Stdio::null()).spawn();
        (self.process, self.starts) = (Some(spawned.unwrap()), self.starts + 1);
    }

    fn is_running(&mut self) -> bool {
        self.process.as_mut().is_some_and(|child| child.try_wait().unwrap().is_none())
    }

    fn signal(&self, signal: Signal) {
        let pid = self.process.as_ref().map(Pid::from_child).unwrap();
        kill_process(pid, signal).unwrap();
    }

    fn shown(&mut self) -> Value {
        let running = self.is_running();
        let pid = self.process.as_ref().filter(|_| running).map_or(0, Child::id);
        json!({"Id": self.id, "State": {"Running": running, "Paused": self.paused, "Pid": pid, "ExitCode": 137,
               "StartedAt": format!("start {}", self.starts)}})
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        if let Some(mut child) = self.process.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// An engine that the test serves.
struct FakeEngine {
    containers: Containers,
    folder: tempfile::TempDir,
}

impl FakeEngine {
    fn serve() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let containers = Containers::default();
        let listener = UnixListener::bind(folder.path().join("engine.sock")).unwrap();
        let served = Arc::clone(&containers);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream, Arc::clone(&served)));
            }
        });
        Self { containers, folder }
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("engine.sock")
    }

    /// A container that was there before.
    fn holds(&self, name: &str) {
        self.containers.lock().unwrap().insert(name.to_owned(), created("0123456789abcdef", json!({})));
        self.containers.lock().unwrap().get_mut(name).unwrap().start();
    }

    /// The state letter of the only container's process, as the kernel tells it, and its pid.
    fn process(&self) -> (char, u32) {
        let containers = self.containers.lock().unwrap();
        let pid = containers.values().next().unwrap().process.as_ref().unwrap().id();
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        (stat.rsplit_once(") ").unwrap().1.chars().next().unwrap(), pid)
    }

    fn count(&self) -> usize {
        self.containers.lock().unwrap().len()
    }
}

fn created(id: &str, settings: Value) -> Container {
    Container { id: id.to_owned(), process: None, paused: false, starts: 0, settings }
}

async fn answer(stream: UnixStream, containers: Containers) {
    let (read, mut write) = stream.into_split();
    let mut read = BufReader::new(read);
    let (mut first, mut length) = (String::new(), 0);
    read.read_line(&mut first).await.unwrap();
    loop {
        let mut line = String::new();
        if read.read_line(&mut line).await.unwrap() == 0 || line == "\r\n" {
            break;
        }
        if let Some(told) = line.to_lowercase().strip_prefix("content-length:") {
            length = told.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    read.read_exact(&mut body).await.unwrap();
    let words: Vec<&str> = first.split(' ').collect();
    let (path, query) = words[1].split_once('?').unwrap_or((words[1], ""));
    let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    if let ["containers", name, "wait"] = parts.as_slice() {
        let running = || containers.lock().unwrap().get_mut(*name).is_some_and(Container::is_running);
        while running() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
    let body = serde_json::from_slice(&body).unwrap_or_default();
    let (status, shown) = reply(words[0], &parts, query, body, &mut containers.lock().unwrap());
    let answer = format!("HTTP/1.0 {status} Told\r\n\r\n{shown}");
    let _ = write.write_all(answer.as_bytes()).await;
}

fn reply(
    method: &str,
    parts: &[&str],
    query: &str,
    body: Value,
    containers: &mut BTreeMap<String, Container>,
) -> (u16, Value) {
    let missing = (404, json!({"message": "no such thing"}));
    let value = |key: &str| query.split('&').find_map(|pair| pair.strip_prefix(key)).unwrap_or_default().to_owned();
    match (method, parts) {
        ("GET", ["images", "fixture:1", "json"]) => (200, json!({})),
        ("POST", ["containers", "create"]) => {
            containers.insert(value("name="), created("fedcba9876543210", body));
            (201, json!({"Id": "fedcba9876543210"}))
        }
        (_, ["containers", name, rest @ ..]) => {
            let key = containers.iter().find(|(key, one)| key == name || one.id == *name).map(|(key, _)| key.clone());
            let Some(key) = key else { return missing };
            let container = containers.get_mut(&key).unwrap();
            match (method, rest) {
                ("GET", ["json"]) => return (200, container.shown()),
                ("POST", ["wait"]) => return (200, json!({"StatusCode": 3})),
                ("POST", ["start"]) if container.is_running() => return (304, Value::Null),
                ("POST", ["start"]) => container.start(),
                ("POST", ["pause"]) => {
                    container.signal(Signal::STOP);
                    container.paused = true;
                }
                ("POST", ["unpause"]) => {
                    container.signal(Signal::CONT);
                    container.paused = false;
                }
                ("POST", ["kill"]) => {
                    assert!(matches!(value("signal=").as_str(), "SIGKILL" | "SIGTERM"), "{query}");
                    container.signal(if value("signal=") == "SIGTERM" { Signal::TERM } else { Signal::KILL });
                }
                ("DELETE", []) => drop(containers.remove(&key)),
                _ => return missing,
            }
            (204, Value::Null)
        }
        _ => missing,
    }
}

/// A node in a run of its own.
struct Run {
    cx: RunContext,
    log: Arc<UndoLog>,
    declared: DeclaredNode,
    node: NodeContext,
}

impl Run {
    fn of(keys: &Value) -> Self {
        let policy = Policy { allow_commands: vec!["fixture:1".into()], ..Policy::default() };
        let cx = run_context().run_id("run-c").policy(policy).build();
        let log = UndoLog::new(Arc::new(Journal::in_memory()), cx.clone(), None);
        let ports = [("client".to_owned(), 10_007.try_into().unwrap())].into();
        let place = NodePlace { dir: PathBuf::from("/nowhere"), logs: PathBuf::from("/nowhere"), ports };
        let node = NodeContext::new("n1", cx.clone(), place);
        Self { cx, log, declared: parse(keys).unwrap(), node }
    }

    fn member(&self) -> Arc<dyn Member> {
        let member = self.declared.member(self.node.clone()).unwrap();
        self.cx.services().get::<Nodes>().declare("n1", BTreeMap::new(), false, Arc::clone(&member));
        member
    }

    async fn act(&self, member: &Arc<dyn Member>, act: ProcessAct) {
        let effect = member.process().unwrap().effect(act).await.unwrap();
        self.log.handle().perform(effect).await.unwrap();
    }

    /// Replays the newest step, which stays armed.
    async fn undo(&self) -> Undone {
        let step = self.log.newest_first().remove(0).step;
        let kept = serde_json::to_value(&*step).unwrap();
        let step: Box<dyn DynUndoStep> = serde_json::from_value(kept).unwrap();
        step.undo(&self.context()).await.unwrap()
    }

    fn context(&self) -> UndoContext {
        let services = self.cx.services().clone();
        UndoContext::new(Arc::new(RealClock::new()), HANG).with_services(services)
    }
}

async fn state(member: &Arc<dyn Member>) -> ProcessState {
    member.process().unwrap().status().await.unwrap().state
}

fn until(what: &str, holds: impl Fn() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < HANG, "{what}");
        std::thread::yield_now();
    }
}

fn keys(socket: &Path, more: &Value) -> Value {
    let mut keys = json!({"type": "container", "socket": socket});
    keys.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    keys
}

#[tokio::test]
async fn against_a_fake_engine_an_image_is_made_paused_killed_restarted_and_removed() {
    let engine = FakeEngine::serve();
    let image = json!({"image": "fixture:1", "argv": ["serve", "{{p}}"], "env": {"A": "b"}});
    let run = Run::of(&keys(&engine.socket(), &image));
    let plan = run.declared.plan(&run.node).await.unwrap();
    assert!(plan.summary.contains("container of `fixture:1`") && plan.check(run.cx.policy()).is_ok(), "{plan:?}");
    let member = run.member();
    assert_eq!(engine.count(), 0, "a plan touches nothing");
    member.start(&run.log.handle()).await.unwrap();
    let settings = engine.containers.lock().unwrap()["squall-run-c-n1"].settings.clone();
    assert_eq!((&settings["Cmd"], &settings["Env"]), (&json!(["serve", "{{p}}"]), &json!(["A=b"])));
    let port = &settings["HostConfig"]["PortBindings"]["10007/tcp"][0];
    assert_eq!(port, &json!({"HostIp": "127.0.0.1", "HostPort": "10007"}));

    run.act(&member, PAUSE).await;
    until("it runs on", || engine.process().0 == 'T');
    assert_eq!(state(&member).await, ProcessState::Stopped);
    assert!(matches!(run.undo().await, Undone::Reverted(_)));
    assert!(matches!(run.undo().await, Undone::NothingToDo(_)));
    until("it is still paused", || engine.process().0 != 'T');

    let before = (engine.process().1, member.process().unwrap().status().await.unwrap().identity);
    run.act(&member, ProcessAct::Kill(SignalName::Term)).await;
    assert_eq!(state(&member).await, ProcessState::Gone);
    assert!(matches!(run.undo().await, Undone::Reverted(_)));
    let after = (engine.process().1, member.process().unwrap().status().await.unwrap().identity);
    assert!(before.0 != after.0 && before.1 != after.1);
    assert!(matches!(run.undo().await, Undone::NothingToDo(_)));
    run.act(&member, ProcessAct::Restart).await;
    assert!(engine.process().1 != after.0 && state(&member).await == ProcessState::Running);
    assert_eq!(member.standing().await.pid.unwrap().get(), engine.process().1);
    assert!(run.cx.services().get::<Nodes>().exits().is_empty(), "those ends were ours");

    member.stop().await;
    let remove = run.log.newest_first().pop().unwrap().step;
    assert!(matches!(remove.undo(&run.context()).await.unwrap(), Undone::Reverted(_)));
    assert!(matches!(remove.undo(&run.context()).await.unwrap(), Undone::NothingToDo(_)));
    assert_eq!(engine.count(), 0);
}

#[tokio::test]
async fn against_a_fake_engine_an_attached_container_is_started_again_by_recovery_and_never_removed() {
    let engine = FakeEngine::serve();
    engine.holds("db");
    let run = Run::of(&keys(&engine.socket(), &json!({"container": "db"})));
    let member = run.member();
    member.start(&run.log.handle()).await.unwrap();
    assert!(run.log.newest_first().is_empty(), "attaching needs no step");
    run.act(&member, ProcessAct::Kill(SignalName::Kill)).await;
    assert_eq!(state(&member).await, ProcessState::Gone);
    // As a recovery does it, which knows no nodes.
    let alone = UndoContext::new(Arc::new(RealClock::new()), HANG);
    let step = run.log.newest_first().remove(0).step;
    assert!(matches!(step.undo(&alone).await.unwrap(), Undone::Reverted(_)));
    assert_eq!(state(&member).await, ProcessState::Running);
    run.act(&member, PAUSE).await;
    member.stop().await;
    let unpause = run.log.newest_first().remove(0).step;
    // The target is gone, and another one has its name.
    engine.containers.lock().unwrap().clear();
    let mut other = created("ffff", json!({}));
    other.start();
    other.signal(Signal::STOP);
    other.paused = true;
    engine.containers.lock().unwrap().insert("db".to_owned(), other);
    for step in [&unpause, &step] {
        assert!(matches!(step.undo(&alone).await.unwrap(), Undone::NothingToDo(_)));
    }
    until("another container was unpaused", || engine.process().0 == 'T');
    assert_eq!(engine.count(), 1);
}

#[tokio::test]
async fn against_a_fake_engine_an_exit_by_itself_is_a_finding() {
    let engine = FakeEngine::serve();
    let run = Run::of(&keys(&engine.socket(), &json!({"image": "fixture:1"})));
    let member = run.member();
    member.start(&run.log.handle()).await.unwrap();
    engine.containers.lock().unwrap().values().next().unwrap().signal(Signal::KILL);
    let nodes = run.cx.services().get::<Nodes>();
    let began = Instant::now();
    while nodes.exits().is_empty() {
        assert!(began.elapsed() < HANG, "nobody saw it");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!((nodes.exits()[0].node.as_str(), nodes.exits()[0].how.as_str()), ("n1", "exit code 3"));
}

#[tokio::test]
async fn what_is_missing_is_refused_by_name_before_anything_is_touched() {
    let engine = FakeEngine::serve();
    let refusal = async |keys: Value| {
        let run = Run::of(&keys);
        match run.declared.plan(&run.node).await {
            Err(error) => error.to_string(),
            Ok(plan) => panic!("{plan:?}"),
        }
    };
    let rows = [
        (
            keys(Path::new("/nowhere/engine.sock"), &json!({"container": "db"})),
            "no socket of Docker or Podman is there",
        ),
        (keys(&engine.socket(), &json!({"container": "db"})), "there is no container `db`"),
        (keys(&engine.socket(), &json!({"image": "other:1"})), "image `other:1` is not there, and nothing is pulled"),
        (keys(&engine.socket(), &json!({"container": "a", "image": "b"})), "exactly one of `container` and `image`"),
        (keys(&engine.socket(), &json!({"container": "../images"})), "invalid name of a container"),
    ];
    for (keys, want) in rows {
        let why = refusal(keys).await;
        assert!(why.contains(want), "{why}");
    }
    assert_eq!(engine.count(), 0);
}

#[tokio::test]
async fn on_a_real_engine_a_container_is_paused_and_unpaused() {
    let sockets = chaos_host::engine_sockets(|name| std::env::var(name).ok());
    let there = sockets.iter().find(|socket| std::os::unix::net::UnixStream::connect(socket).is_ok());
    let Some(socket) = there else {
        eprintln!("skipped: needs docker");
        return;
    };
    let image = std::env::var("SQUALL_TEST_IMAGE").unwrap_or_else(|_| "busybox:latest".to_owned());
    let run = Run::of(&keys(socket, &json!({"image": image, "argv": ["sleep", "600"]})));
    if run.declared.plan(&run.node).await.is_err() {
        eprintln!("skipped: needs docker with the image `{image}` (SQUALL_TEST_IMAGE names another)");
        return;
    }
    let member = run.member();
    member.start(&run.log.handle()).await.unwrap();
    run.act(&member, PAUSE).await;
    let paused = state(&member).await;
    let undone = run.undo().await;
    let remove = run.log.newest_first().pop().unwrap().step;
    member.stop().await;
    let removed = remove.undo(&run.context()).await.unwrap();
    assert_eq!(paused, ProcessState::Stopped);
    assert!(matches!((undone, removed), (Undone::Reverted(_), Undone::Reverted(_))));
}
