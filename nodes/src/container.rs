//! The kind `container`: a container of Docker or Podman, started by the run or there already.

use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use chaos_core::{
    BoxFuture, Effect, Member, NodeContext, NodeEnd, NodeExit, NodeKind, NodeStanding, NodeState, Nodes, Permission,
    Plan, PluginError, ProcessAct, ProcessFacet, ProcessState, ProcessStatus, Reach, Requirement, Resource, ResourceId,
    Undo, Undone, register_node,
};
use chaos_host::engine_sockets;
use rustix::process::geteuid;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::argv::NodeArgv;
use crate::container_steps::{RemoveContainer, StartContainer, UnpauseContainer, short};
use crate::engine::{ContainerState, Engine};
use crate::held::is_of;
use crate::running::node_resource;
use crate::start_node::StartNode;

/// How long a container may take to end once it was told to.
const SETTLE: Duration = Duration::from_secs(10);

/// How often an engine is asked whether it did.
const ASK_AGAIN: Duration = Duration::from_millis(20);

/// A container of Docker or Podman: started by the run from an image, or attached by its name.
///
/// # What it does
/// With `image` a container is made and started, with `argv` and `env`, and each of the node's ports published on
/// 127.0.0.1 under its own number; it is removed at the end. With `container` one that runs already is attached, and never
/// stopped by Squall. Faults on processes go through the engine: a pause is the engine's pause (all processes at once, by
/// either method), a kill its kill, and what was killed is started again as the same container.
///
/// # How it is undone
/// The steps are in the journal before each effect: the container that the run made is removed, also by `squall recover`; an
/// attached one is unpaused, and started again where a fault ended it.
///
/// # Limits
/// An image must be there: nothing is pulled. It must be allowed like a program (`--allow-command IMAGE`); faults on an
/// attached container need the permission `other_user` unless we are root. Output stays with the engine. Exits of an attached
/// container are not seen. Clock, files and resources of a container are out of reach so far.
///
/// # Example
/// ```yaml
/// type: container
/// image: nginx:1.27
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ContainerNode {
    /// Name or id of a container that runs already; either this or `image`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
    /// Image of a container that the run makes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// Program and arguments in the container; default: the image's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub argv: Option<NodeArgv>,
    /// Environment variables beside those of the image.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    /// The engine's socket; default: that of `DOCKER_HOST` or `CONTAINER_HOST`, else the first usual one that is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub socket: Option<PathBuf>,
}

impl NodeKind for ContainerNode {
    const NEEDS: &'static [Requirement] = &[Requirement::Containers];

    async fn plan(&self, cx: &NodeContext) -> Result<Plan, PluginError> {
        let (engine, source) = self.parts(cx)?;
        let node = cx.name();
        match source {
            Source::Attached(name) => {
                let state = engine.state(&name).await?.ok_or_else(|| missing(&name))?;
                let plan = Plan::new(format!("attach node `{node}` to container `{name}` ({})", short(&state.id)));
                Ok(plan.touching(node_resource(cx)))
            }
            Source::Made { image, .. } => {
                let found = engine.ask("GET", &format!("/images/{image}/json"), None).await?;
                if found.status == 404 {
                    let why =
                        format!("image `{image}` is not there, and nothing is pulled; `docker pull {image}` gets it");
                    return Err(PluginError::refused(why));
                }
                let plan = Plan::new(format!("start node `{node}` as a container of `{image}`"));
                Ok(plan.touching(node_resource(cx)).reaching(Reach::command(image)))
            }
        }
    }

    fn member(&self, cx: NodeContext) -> Result<Arc<dyn Member>, PluginError> {
        let (engine, source) = self.parts(&cx)?;
        let (expected, starting) = Default::default();
        Ok(Arc::new(ContainerMember(Arc::new(Inner { cx, engine, source, expected, starting }))))
    }
}

register_node!(ContainerNode, "container");

/// Where the container comes from.
#[derive(Debug)]
enum Source {
    /// It is there already, by this name.
    Attached(String),
    /// The run makes it.
    Made { name: String, image: String, settings: Value },
}

impl ContainerNode {
    fn parts(&self, cx: &NodeContext) -> Result<(Engine, Source), PluginError> {
        let source = match (&self.container, &self.image) {
            (Some(name), None) if self.argv.is_none() && self.env.is_empty() => {
                Source::Attached(part(name)?.to_owned())
            }
            (None, Some(image)) => {
                let name = format!("squall-{}-{}", cx.cx().run_id(), cx.name());
                Source::Made { name, image: part(image)?.to_owned(), settings: self.settings(image, cx) }
            }
            (Some(_), None) => return Err(PluginError::refused("`argv` and `env` are for a container of an `image`")),
            _ => return Err(PluginError::refused("expected exactly one of `container` and `image`")),
        };
        Ok((self.engine(cx)?, source))
    }

    fn engine(&self, cx: &NodeContext) -> Result<Engine, PluginError> {
        let sockets = match &self.socket {
            Some(socket) => vec![socket.clone()],
            None => engine_sockets(|name| cx.cx().env(name).map(str::to_owned)),
        };
        let found = sockets.iter().find(|socket| socket.exists());
        let found = found.ok_or_else(|| {
            let tried: Vec<String> = sockets.iter().map(|socket| format!("`{}`", socket.display())).collect();
            let why = format!("no socket of Docker or Podman is there (tried {})", tried.join(", "));
            PluginError::refused(format!("{why}; start an engine, or name its socket with `socket`"))
        });
        found.map(|socket| Engine::at(socket))
    }

    /// What the engine is told to make.
    fn settings(&self, image: &str, cx: &NodeContext) -> Value {
        let env: Vec<String> = self.env.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let ports = cx.place().ports.values().map(|port| format!("{port}/tcp"));
        let exposed: BTreeMap<String, Value> = ports.clone().map(|port| (port, json!({}))).collect();
        let published = cx.place().ports.values().zip(ports);
        let published: BTreeMap<String, Value> = published
            .map(|(number, port)| (port, json!([{"HostIp": "127.0.0.1", "HostPort": number.to_string()}])))
            .collect();
        let mut settings = json!({
            "Image": image,
            "Env": env,
            "ExposedPorts": exposed,
            "HostConfig": {"PortBindings": published},
            "Labels": {"squall.run": cx.cx().run_id(), "squall.node": cx.name()},
        });
        if let Some(argv) = &self.argv {
            settings["Cmd"] = json!(argv);
        }
        settings
    }
}

/// A name as a part of a path; engines allow nothing else in it.
fn part(name: &str) -> Result<&str, PluginError> {
    let is_fine = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/' | ':' | '@');
    if !name.is_empty() && !name.contains("..") && name.chars().all(is_fine) {
        return Ok(name);
    }
    let why = "invalid name of a container or an image: expected letters, digits and `_-./:@`";
    Err(PluginError::refused(why))
}

fn missing(name: &str) -> PluginError {
    PluginError::refused(format!("there is no container `{name}`"))
}

/// A container, as a member.
#[derive(Debug)]
struct ContainerMember(Arc<Inner>);

struct Inner {
    cx: NodeContext,
    engine: Engine,
    source: Source,
    /// Whether the end of what was started last is of our making.
    expected: Mutex<Arc<AtomicBool>>,
    /// One start at a time.
    starting: tokio::sync::Mutex<()>,
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inner").field("node", &self.cx.name()).field("source", &self.source).finish_non_exhaustive()
    }
}

impl Inner {
    fn name(&self) -> &str {
        match &self.source {
            Source::Attached(name) | Source::Made { name, .. } => name,
        }
    }

    fn label(&self) -> String {
        format!("node `{}`", self.cx.name())
    }

    async fn found(&self) -> Result<Option<ContainerState>, PluginError> {
        let _real = self.cx.cx().clock().external();
        self.engine.state(self.name()).await
    }

    /// The container, which must run.
    async fn up(&self) -> Result<ContainerState, PluginError> {
        let label = self.label();
        match self.found().await? {
            None => Err(missing(self.name())),
            Some(state) if !state.is_running => {
                Err(PluginError::refused(format!("{label} is down (exit code {})", state.exit_code)))
            }
            Some(state) => Ok(state),
        }
    }

    /// Makes it, and starts it.
    async fn make(self: &Arc<Self>) -> Result<(), PluginError> {
        let Source::Made { name, settings, .. } = &self.source else { return Ok(()) };
        self.engine.tell(&format!("/containers/create?name={name}"), Some(settings)).await?;
        self.start().await
    }

    async fn start(self: &Arc<Self>) -> Result<(), PluginError> {
        // Whoever still waits for the end before this start keeps what was expected of that one.
        let expected = Arc::default();
        *self.expected.lock().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&expected);
        self.engine.tell(&format!("/containers/{}/start", self.name()), None).await?;
        if let Source::Made { .. } = self.source {
            tokio::spawn(Arc::clone(self).watch(expected));
        }
        Ok(())
    }

    /// Says whether the end of what runs now is of our making.
    fn expect_end(&self, ours: bool) {
        self.expected.lock().unwrap_or_else(PoisonError::into_inner).store(ours, Ordering::Relaxed);
    }

    /// Waits for its end, and says so if it is not of our making.
    async fn watch(self: Arc<Self>, expected: Arc<AtomicBool>) {
        let code = self.engine.ended(self.name()).await;
        if expected.load(Ordering::Relaxed) || self.cx.expects_exit() {
            return;
        }
        let how = code.map_or_else(|| "unknown exit".to_owned(), |code| format!("exit code {code}"));
        let cx = self.cx.cx();
        let exit = NodeExit { node: self.cx.name().to_owned(), how, at: cx.clock().now() };
        cx.note(format!("node `{}` has ended: {}", exit.node, exit.how));
        cx.services().get::<Nodes>().ended(exit);
    }

    /// Ends it with a signal, and waits for its end.
    async fn kill(&self, signal: &str) -> Result<(), PluginError> {
        self.expect_end(true);
        self.engine.tell(&format!("/containers/{}/kill?signal={signal}", self.name()), None).await?;
        let clock = self.cx.cx().clock();
        let until = clock.now() + SETTLE;
        while self.found().await?.is_some_and(|state| state.is_running) {
            if clock.now() >= until {
                // A later end is not ours.
                self.expect_end(false);
                let why = format!("{} did not end within {} s of {signal}", self.label(), SETTLE.as_secs());
                return Err(PluginError::failed(why));
            }
            clock.sleep(ASK_AGAIN).await;
        }
        Ok(())
    }

    async fn bring_up(self: &Arc<Self>) -> Result<Undone, PluginError> {
        let _one = self.starting.lock().await;
        let label = self.label();
        let was_up = self.found().await?.ok_or_else(|| missing(self.name()))?.is_running;
        if !was_up {
            self.start().await?;
        }
        self.cx.ready().await?;
        Ok(if was_up {
            Undone::NothingToDo(format!("{label} runs"))
        } else {
            Undone::Reverted(format!("{label} runs again"))
        })
    }
}

impl Member for ContainerMember {
    fn label(&self) -> String {
        self.0.label()
    }

    fn start<'a>(&'a self, undo: &'a Undo) -> BoxFuture<'a, Result<(), PluginError>> {
        Box::pin(async move {
            if let Source::Made { name, .. } = &self.0.source {
                let step = RemoveContainer { socket: self.0.engine.socket().to_owned(), container: name.clone() };
                let makes = Arc::clone(&self.0);
                undo.perform(Effect::new(step, async move { makes.make().await })).await?;
            }
            self.0.up().await?;
            self.0.cx.ready().await
        })
    }

    /// What its step removes is ended by us.
    fn stop(&self) -> BoxFuture<'_, ()> {
        Box::pin(async move { self.0.expect_end(true) })
    }

    fn bring_up(&self) -> BoxFuture<'_, Result<Undone, PluginError>> {
        Box::pin(self.0.bring_up())
    }

    fn standing(&self) -> BoxFuture<'_, NodeStanding> {
        Box::pin(async move {
            let ports = self.0.cx.place().ports.clone();
            match self.0.found().await {
                Ok(Some(found)) => NodeStanding {
                    state: match (found.is_running, found.is_paused) {
                        (_, true) => NodeState::Paused,
                        (true, false) => NodeState::Running,
                        (false, false) => NodeState::Ended,
                    },
                    pid: NonZeroU32::new(found.pid),
                    ready: found.is_running,
                    ports,
                    since: None::<SystemTime>,
                    end: (!found.is_running && !found.is_paused).then_some(NodeEnd::ExitCode(found.exit_code)),
                    detail: format!("container {}", short(&found.id)),
                },
                Ok(None) => NodeStanding { ports, ..NodeStanding::default() },
                Err(why) => NodeStanding {
                    state: NodeState::Unknown,
                    ports,
                    detail: why.to_string(),
                    ..NodeStanding::default()
                },
            }
        })
    }

    fn owns<'a>(&'a self, what: &'a Resource) -> BoxFuture<'a, bool> {
        Box::pin(async move { is_of(what, self.standing().await.pid, None) })
    }

    fn process(&self) -> Option<&dyn ProcessFacet> {
        Some(self)
    }
}

impl ProcessFacet for ContainerMember {
    fn plan(&self, act: ProcessAct) -> BoxFuture<'_, Result<Plan, PluginError>> {
        Box::pin(async move {
            let node = node_resource(&self.0.cx);
            let plan = match &self.0.source {
                // At the preflight it is not made yet.
                Source::Made { .. } => return Ok(Plan::new(self.label()).touching(node)),
                Source::Attached(_) => {
                    let state = self.0.up().await?;
                    if state.is_paused && matches!(act, ProcessAct::Pause(_)) {
                        let why =
                            format!("{} is paused already, and unpausing it is for whoever paused it", self.label());
                        return Err(PluginError::refused(why));
                    }
                    let container = Resource::other("container", &state.id).within(node.id.clone());
                    Plan::new(format!("{}, container {}", self.label(), short(&state.id)))
                        .touching(node)
                        .touching(container)
                }
            };
            if geteuid().is_root() {
                return Ok(plan);
            }
            let why = format!("the processes of container `{}` are the engine's, not ours", self.0.name());
            Ok(plan.needing(Permission::OtherUser, why))
        })
    }

    fn effect(&self, act: ProcessAct) -> BoxFuture<'_, Result<Effect, PluginError>> {
        Box::pin(async move {
            let state = self.0.up().await?;
            let (socket, id, inner) = (self.0.engine.socket().to_owned(), state.id, Arc::clone(&self.0));
            let signal = match act {
                ProcessAct::Pause(_) => {
                    let path = format!("/containers/{id}/pause");
                    let act = async move { inner.engine.tell(&path, None).await.map(drop) };
                    return Ok(Effect::new(UnpauseContainer { socket, id }, act));
                }
                ProcessAct::Kill(signal) => signal.name(),
                ProcessAct::Restart => "SIGKILL",
            };
            let is_restart = act == ProcessAct::Restart;
            let act = async move {
                inner.kill(signal).await?;
                if is_restart { inner.bring_up().await.map(drop) } else { Ok(()) }
            };
            Ok(match self.0.source {
                Source::Attached(_) => Effect::new(StartContainer { socket, id }, act),
                Source::Made { .. } => Effect::new(StartNode { node: self.0.cx.name().to_owned() }, act),
            })
        })
    }

    fn status(&self) -> BoxFuture<'_, Result<ProcessStatus, PluginError>> {
        Box::pin(async move {
            let label = self.label();
            let gone = |detail: String| ProcessStatus {
                label: label.clone(),
                state: ProcessState::Gone,
                detail,
                identity: None,
            };
            let Some(found) = self.0.found().await? else {
                return Ok(gone(format!("there is no container `{}`", self.0.name())));
            };
            if !found.is_running {
                return Ok(gone(format!("its container has ended (exit code {})", found.exit_code)));
            }
            let id = short(&found.id);
            let state = if found.is_paused { ProcessState::Stopped } else { ProcessState::Running };
            let detail = format!("its engine says {}", if found.is_paused { "paused" } else { "running" });
            let identity =
                ResourceId::Other { of: "container".to_owned(), identity: format!("{id} {}", found.started_at) };
            Ok(ProcessStatus { label: format!("{label}, container {id}"), state, detail, identity: Some(identity) })
        })
    }
}
