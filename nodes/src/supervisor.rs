//! The life of a started program: start, readiness, exit, stop, start again.

use std::collections::{BTreeMap, HashMap};
use std::num::NonZeroU16;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, SystemTime};

use chaos_core::{
    NodeContext, NodeEnd, NodeExit, NodeStanding, NodeState, Nodes, PluginError, Resource, ResourceId, SignalName,
    Sources, Undone, blocking,
};
use chaos_host::{PidFd, Signal, TreeMark};
use tokio::process::{Child, Command};
use tokio::runtime::Handle;
use tokio::sync::watch;

use crate::argv::NodeArgv;
use crate::group::{NodeGroup, has_joined};
use crate::held::{hold, is_of, node_state, not_ended, number};
use crate::held_port::HeldPort;
use crate::log_files::{log_file, private_folder};
use crate::program_file::file_of;
use crate::resume_process::SETTLE_SECONDS;
use crate::stop_node::StopNode;

/// A program, as it is started each time.
#[derive(Debug)]
pub(crate) struct Program {
    pub(crate) argv: NodeArgv,
    /// What it is called in place of its program's name.
    pub(crate) called: Option<&'static str>,
    pub(crate) env: BTreeMap<String, String>,
    /// From SIGTERM to SIGKILL.
    pub(crate) grace: Duration,
    /// The group that it is started in, and that holds what it starts.
    pub(crate) group: Option<NodeGroup>,
}

/// What the supervisor does for one node: it starts the program, collects it, and knows which ends are its own.
#[derive(Debug)]
pub(crate) struct Supervisor {
    program: Program,
    node: NodeContext,
    mark: TreeMark,
    life: Mutex<Life>,
    /// How often the program has ended.
    ends: watch::Sender<u64>,
    /// Where the program is waited for: where it was started first, which lasts as long as the run. An undo step has a
    /// runtime that ends with it.
    runtime: OnceLock<Handle>,
    /// Its ports, kept for it until it is started.
    ports: Vec<HeldPort>,
    /// One start at a time.
    starting: tokio::sync::Mutex<()>,
}

/// What is known of the program now.
#[derive(Debug, Default)]
struct Life {
    up: Option<Arc<PidFd>>,
    /// How it ended the last time.
    ended: Option<String>,
    /// The same in a type, where it is known.
    end: Option<NodeEnd>,
    /// When it was started, or when it ended.
    since: Option<SystemTime>,
    /// It has been ready since its last start.
    ready: bool,
    /// Its next end is of our making.
    expected: bool,
    /// It is not started any more.
    stopping: bool,
}

impl Supervisor {
    /// The supervisor of a node whose processes have that mark. It has started nothing; from now on its ports are kept for it.
    ///
    /// # Errors
    /// [`PluginError::Refused`] when somebody else has one of them.
    pub(crate) fn new(program: Program, mark: TreeMark, node: NodeContext) -> Result<Arc<Self>, PluginError> {
        let ends = watch::Sender::new(0);
        let (life, runtime, starting) = Default::default();
        let keep = |(name, port): (&String, &NonZeroU16)| {
            let why = || format!("port `{name}` ({port}) is taken by another process; give the node another number");
            HeldPort::keep(*port).ok_or_else(|| PluginError::refused(why()))
        };
        let ports = node.place().ports.iter().map(keep).collect::<Result<_, _>>()?;
        Ok(Arc::new(Self { program, node, mark, life, ends, runtime, ports, starting }))
    }

    pub(crate) fn node(&self) -> &NodeContext {
        &self.node
    }

    /// Its group, if it has one.
    pub(crate) fn group(&self) -> Option<&NodeGroup> {
        self.program.group.as_ref()
    }

    /// The step that stops it, for the journal.
    pub(crate) fn stop_step(&self) -> Result<StopNode, PluginError> {
        StopNode::of(self.node.name(), &self.mark)
    }

    /// The process; `None` before the first start.
    ///
    /// # Errors
    /// When it is down.
    pub(crate) fn up(&self) -> Result<Option<Arc<PidFd>>, PluginError> {
        let life = self.life();
        match (&life.up, &life.ended) {
            (Some(held), _) => Ok(Some(Arc::clone(held))),
            (None, None) => Ok(None),
            (None, Some(how)) => Err(PluginError::refused(format!("node `{}` is down ({how})", self.node.name()))),
        }
    }

    pub(crate) fn not_up(&self) -> PluginError {
        PluginError::refused(format!("node `{}` has not been started", self.node.name()))
    }

    /// What is beside the environment of the run.
    pub(crate) fn env(&self) -> &BTreeMap<String, String> {
        &self.program.env
    }

    /// The environment that the program gets.
    pub(crate) fn environment(&self) -> HashMap<String, String> {
        let mut environment = self.node.cx().environment();
        let mark = self.mark.value(environment.get(TreeMark::VARIABLE).map(String::as_str));
        // What a source of evidence needs counts more than what we were started with, and less than the author's word.
        environment.extend(self.node.cx().services().get::<Sources>().node_environment(self.node.name()));
        environment.extend(self.program.env.clone());
        environment.insert(TreeMark::VARIABLE.to_owned(), mark);
        environment
    }

    /// Whether that is a process that it started, in whatever session, or the node's folder.
    pub(crate) fn owns(&self, what: &Resource) -> bool {
        let marked = |id: &ResourceId| matches!(id, ResourceId::Process { pid, .. } if self.mark.is_on(*pid));
        what.ids().any(marked) || is_of(what, self.standing().pid, Some(&self.node.place().dir))
    }

    /// Starts the program; its step must be armed.
    pub(crate) fn spawn(self: &Arc<Self>) -> Result<(), PluginError> {
        let name = self.node.name();
        let place = self.node.place();
        let failed = |what: &str, error: &std::io::Error| PluginError::io(&format!("{what} of node `{name}`"), error);
        for folder in [&place.dir, &place.logs] {
            private_folder(folder).map_err(|error| failed("make the folder", &error))?;
        }
        let log = |stream| log_file(&place.logs, name, stream).map_err(|error| failed("open the log", &error));
        let program = self.program.argv.program();
        let environment = self.environment();
        let mut command = self.group().map_or_else(
            || by_file(program, &place.dir, environment.get("PATH").map(String::as_str)),
            |group| group.command(program),
        );
        if let Some(name) = self.program.called {
            command.arg0(name);
        }
        command.args(self.program.argv.arguments()).current_dir(&place.dir).process_group(0).kill_on_drop(true);
        command.env_clear().envs(environment);
        command.stdin(Stdio::null()).stdout(log("stdout")?).stderr(log("stderr")?);
        let runtime = self.runtime.get_or_init(Handle::current);
        let _there = runtime.enter();
        // Before the start: an end can be told at any moment after it.
        let mut life = self.life();
        HeldPort::let_go(&self.ports);
        let mut child =
            command.spawn().map_err(|error| PluginError::io(&format!("start `{program}` as node `{name}`"), &error))?;
        // It is not collected yet, so the number is its own.
        let held = child.id().and_then(std::num::NonZeroU32::new).map(hold).transpose()?.flatten();
        let Some(held) = held else {
            return Err(PluginError::failed(format!("node `{name}` can't be held after its start")));
        };
        if self.group().is_some() && !has_joined(&held)? {
            let how = child.try_wait().ok().flatten().map_or_else(|| "it has ended".to_owned(), how);
            let why = format!("start `{program}` as node `{name}` in its group: {how}; its log says why");
            return Err(PluginError::failed(why));
        }
        (life.up, life.ended, life.expected) = (Some(Arc::new(held)), None, false);
        (life.since, life.ready) = (Some(self.node.cx().clock().wall()), false);
        drop(life);
        runtime.spawn(Arc::clone(self).watch(child));
        Ok(())
    }

    /// Waits for the end of the program, and says so if it is not of our making.
    async fn watch(self: Arc<Self>, mut child: Child) {
        let (how, end) = match child.wait().await {
            Ok(status) => (how(status), end(status)),
            Err(error) => (format!("unknown exit: {error}"), None),
        };
        let expected = {
            let mut life = self.life();
            life.up = None;
            (life.ended, life.end) = (Some(how.clone()), end);
            (life.since, life.ready) = (Some(self.node.cx().clock().wall()), false);
            life.expected
        };
        if !expected && !self.node.expects_exit() {
            let cx = self.node.cx();
            let exit = NodeExit { node: self.node.name().to_owned(), how, at: cx.clock().now() };
            cx.note(format!("node `{}` has ended: {}", exit.node, exit.how));
            cx.services().get::<Nodes>().ended(exit);
        }
        self.ends.send_modify(|ends| *ends += 1);
    }

    /// Waits until it is ready; a program that ends meanwhile never is.
    pub(crate) async fn ready(&self) -> Result<(), PluginError> {
        let ended = async {
            // The sender is ours, so the wait can't fail.
            let _ = self.ends.subscribe().wait_for(|_| self.life().up.is_none()).await;
        };
        tokio::select! {
            biased;
            () = ended => match self.up() {
                Err(PluginError::Refused(why)) => Err(PluginError::failed(format!("{why} before it was ready"))),
                other => other.map(drop),
            },
            ready = self.node.ready() => {
                self.life().ready = ready.is_ok();
                ready
            }
        }
    }

    /// How it stands.
    pub(crate) fn standing(&self) -> NodeStanding {
        let life = self.life();
        let state = match (&life.up, &life.ended) {
            (Some(held), _) => node_state(held),
            (None, Some(_)) => NodeState::Ended,
            (None, None) => NodeState::NotUp,
        };
        NodeStanding {
            state,
            pid: life.up.as_ref().map(|held| held.pid()),
            ready: life.ready && life.up.is_some(),
            ports: self.node.place().ports.clone(),
            since: life.since,
            end: life.ended.as_ref().and(life.end),
            detail: life.ended.clone().unwrap_or_default(),
        }
    }

    /// Ends it with a signal, as an end of our making, and waits for it; what is left in its group is killed.
    pub(crate) async fn kill(&self, held: &PidFd, signal: SignalName, label: &str) -> Result<(), PluginError> {
        if !self.end(held, number(signal), Duration::from_secs(SETTLE_SECONDS.into())).await {
            // A later end is not ours.
            self.life().expected = false;
            return Err(not_ended(label, signal));
        }
        let Some(group) = self.group().cloned() else { return Ok(()) };
        blocking(move || group.kill_rest()).await?
    }

    /// Sends a signal that is meant to end it; says whether it did in time.
    async fn end(&self, held: &PidFd, signal: Signal, within: Duration) -> bool {
        self.life().expected = true;
        // One that is gone already has been, or is being, collected.
        let _ = held.signal(signal);
        self.over(held, within).await
    }

    /// Waits until that process is collected; says whether it was in time.
    async fn over(&self, held: &PidFd, within: Duration) -> bool {
        self.node.cx().clock().timeout(within, self.has_ended(held)).await.is_some()
    }

    /// Says whether its next end is of our making.
    pub(crate) fn expect_end(&self, expected: bool) {
        self.life().expected = expected;
    }

    /// Waits until the end of a process that has ended is known here.
    pub(crate) async fn has_ended(&self, held: &PidFd) {
        // The sender is ours, so the wait can't fail.
        let _ =
            self.ends.subscribe().wait_for(|_| self.life().up.as_ref().is_none_or(|up| up.pid() != held.pid())).await;
    }

    /// Asks it to end, and waits for that; from now on its end is of our making, and nobody starts it again.
    pub(crate) async fn stop(&self) {
        let (up, is_up) = {
            let mut life = self.life();
            life.stopping = true;
            // One that has ended by itself, and is not collected yet, was not ended by us.
            let is_up = life.up.as_ref().is_some_and(|held| node_state(held) != NodeState::Ended);
            life.expected |= is_up;
            (life.up.clone(), is_up)
        };
        let Some(held) = up else { return };
        if is_up {
            self.end(&held, Signal::TERM, self.program.grace).await;
        } else {
            self.over(&held, self.program.grace).await;
        }
    }

    /// Starts it again if it is down, and waits until it is ready.
    pub(crate) async fn bring_up(self: &Arc<Self>) -> Result<Undone, PluginError> {
        let name = self.node.name();
        let _one = self.starting.lock().await;
        if self.life().stopping {
            return Ok(Undone::NothingToDo(format!("node `{name}` is stopped with its run")));
        }
        let was_up = self.life().up.is_some();
        if !was_up {
            self.spawn()?;
        }
        self.ready().await?;
        let pid = self.life().up.as_ref().map(|held| held.pid().to_string()).unwrap_or_default();
        Ok(if was_up {
            Undone::NothingToDo(format!("node `{name}` runs as process {pid}"))
        } else {
            Undone::Reverted(format!("node `{name}` runs again, as process {pid}"))
        })
    }

    fn life(&self) -> MutexGuard<'_, Life> {
        // It stays usable whatever panicked while holding it.
        self.life.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The command of a program under its own name. Where a bare name is to be looked up in a `PATH` that differs from ours,
/// the standard library starts it by a copy of our page tables, which grow with the nodes that there are; so we look.
fn by_file(program: &str, dir: &Path, path: Option<&str>) -> Command {
    // Where there is none, the start says so.
    let file = file_of(program, dir, path).filter(|file| file.is_absolute());
    let mut command = Command::new(file.as_deref().unwrap_or(Path::new(program)));
    command.arg0(program);
    command
}

fn end(status: ExitStatus) -> Option<NodeEnd> {
    let code = status.code().map(|code| NodeEnd::ExitCode(code.into()));
    code.or_else(|| status.signal().map(NodeEnd::Signal))
}

/// How a program ended, in words.
fn how(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => SignalName::ALL
            .iter()
            .find(|name| number(**name).as_raw() == signal)
            .map_or_else(|| format!("signal {signal}"), |name| format!("ended by {name}")),
        (None, None) => status.to_string(),
    }
}
