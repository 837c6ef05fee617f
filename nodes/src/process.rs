//! The kind `process`: a program that the run starts, watches and stops.

use std::collections::BTreeMap;
use std::num::NonZeroU64;
use std::path::PathBuf;
use std::sync::Arc;

use chaos_core::{
    BoxFuture, ClockFacet, ClockReading, Effect, FilesFacet, FilesSpace, Fill, Member, NodeContext, NodeKind,
    NodeStanding, PauseMethod, Plan, PluginError, ProcessAct, ProcessFacet, ProcessStatus, Reach, Resource,
    ResourcesFacet, Seconds, SkewAct, Undo, Undone, register_node,
};
use chaos_host::{PidFd, TreeMark};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::argv::NodeArgv;
use crate::clock::NodeClock;
use crate::files::NodeFiles;
use crate::group::{NodeGroup, NodeLimits};
use crate::held;
use crate::log_files::{STREAMS, log_path};
use crate::remove_group::RemoveGroup;
use crate::resources::Resources;
use crate::running::node_resource;
use crate::start_node::StartNode;
use crate::supervisor::{Program, Supervisor};
use crate::thaw_group::freeze;

mod resources;

/// Starts a program as a node of the run, watches it, and stops it at the end.
///
/// # What it does
/// The program is started without a shell, in the folder of the node, in a process group of its own, with the environment of
/// the run (without API keys and secrets) and `env`. Its output goes to `NAME.stdout.log` and `NAME.stderr.log`, readable
/// for this user alone. It counts as up once `ready` says yes. A fault that kills it has it started again as the same node:
/// same command line, environment, folder and ports.
///
/// With `group` or `limits` it is started in a resource group (cgroup version 1 or 2, whichever has the controllers) below
/// the group of Squall, in a folder named after the run. The group holds everything that the node starts, in whatever
/// session: it is killed with the node, and gone before the node is started again.
///
/// With `clock: true` it gets a small library that stands in front of libc's clock, for `clock_skew`; until then it shows the
/// machine's time. With `tmpfs_bytes` its folder is a file system of its own in memory, for `disk_full`.
///
/// # How it is undone
/// At the end of the run it gets SIGTERM, and SIGKILL after `stop_seconds`, with everything that it has started. The step is
/// in the journal before the start, so that `squall recover` stops what a killed run leaves behind.
///
/// # Limits
/// The program must be allowed (`--allow-command`). An exit that no fault made counts against the run, unless the node says
/// `expect_exit`. Faults act on the program itself, not on what it has started. What has left the environment, the
/// process group and the session of the node is not found when it is stopped.
///
/// # Example
/// ```yaml
/// type: process
/// argv: [python3, -m, http.server, "8080"]
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProcessNode {
    /// Program and arguments; there is no shell.
    pub argv: NodeArgv,
    /// Environment variables beside those of the run.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    /// Seconds from SIGTERM to SIGKILL when it is stopped; default 5.
    #[serde(default = "five_seconds")]
    pub stop_seconds: Seconds,
    /// Whether faults may shift its wall clock: it preloads our clock library then.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub clock: bool,
    /// Size of a file system of its own over its folder, in memory; needs the right to mount.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 65_536))]
    pub tmpfs_bytes: Option<NonZeroU64>,
    /// Whether it is started in a resource group (cgroup) of its own, as faults on resources need it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub group: bool,
    /// What it may use from its start on; gives it a group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<NodeLimits>,
}

fn five_seconds() -> Seconds {
    Seconds::from(5)
}

impl NodeKind for ProcessNode {
    async fn plan(&self, cx: &NodeContext) -> Result<Plan, PluginError> {
        let (supervisor, clock, files) = self.parts(cx)?;
        if let Some(clock) = &clock {
            clock.check(self.argv.program(), supervisor.env())?;
        }
        let mut summary = format!("start node `{}` (`{}`)", cx.name(), self.argv.program());
        if let (Some(files), Some(bytes)) = (&files, self.tmpfs_bytes) {
            files.check()?;
            summary = format!("{summary} on a tmpfs of {bytes} bytes");
        }
        if let Some(group) = supervisor.group() {
            summary = format!("{summary} in a group ({})", group.group.describe());
        }
        Ok(Plan::new(summary).touching(node_resource(cx)).reaching(Reach::command(self.argv.program())))
    }

    fn member(&self, cx: NodeContext) -> Result<Arc<dyn Member>, PluginError> {
        let (supervisor, clock, files) = self.parts(&cx)?;
        Ok(Arc::new(ProcessMember { supervisor, clock, files, resources: Resources::default() }))
    }
}

/// The supervisor, and what the node was given.
type Parts = (Arc<Supervisor>, Option<NodeClock>, Option<NodeFiles>);

impl ProcessNode {
    /// What its member is made of. Touches nothing.
    fn parts(&self, cx: &NodeContext) -> Result<Parts, PluginError> {
        let mut env = self.env.clone();
        let clock = self.clock.then(|| NodeClock::of(cx, &mut env));
        let files = self.tmpfs_bytes.map(|bytes| NodeFiles::of(cx, bytes.get()));
        let mark = TreeMark::unique();
        let limits = self.limits.unwrap_or_default();
        let group = (self.group || self.limits.is_some())
            .then(|| NodeGroup::plan(cx.cx().run_id(), cx.name(), &mark, limits))
            .transpose()?;
        let program = Program { argv: self.argv.clone(), called: None, env, grace: self.stop_seconds.get(), group };
        Ok((Supervisor::new(program, mark, cx.clone())?, clock, files))
    }
}

register_node!(ProcessNode, "process");

/// A started program, as a member.
#[derive(Debug)]
struct ProcessMember {
    supervisor: Arc<Supervisor>,
    clock: Option<NodeClock>,
    files: Option<NodeFiles>,
    resources: Resources,
}

impl Member for ProcessMember {
    fn label(&self) -> String {
        format!("node `{}`", self.supervisor.node().name())
    }

    fn start<'a>(&'a self, undo: &'a Undo) -> BoxFuture<'a, Result<(), PluginError>> {
        Box::pin(async move {
            if let Some(files) = &self.files {
                undo.perform(files.mount()?).await?;
            }
            if let Some(clock) = &self.clock {
                undo.perform(clock.install()).await?;
            }
            // The youngest but one: what it kills may hold the others.
            if let Some(group) = self.supervisor.group().cloned() {
                let remove = RemoveGroup::of(self.supervisor.node().name(), &group.group);
                undo.perform(Effect::new(remove, Effect::blocking(move || group.make()))).await?;
            }
            let (step, starts) = (self.supervisor.stop_step()?, Arc::clone(&self.supervisor));
            undo.perform(Effect::new(step, async move { starts.spawn() })).await?;
            self.supervisor.ready().await
        })
    }

    fn stop(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.supervisor.stop())
    }

    fn bring_up(&self) -> BoxFuture<'_, Result<Undone, PluginError>> {
        Box::pin(self.supervisor.bring_up())
    }

    fn standing(&self) -> BoxFuture<'_, NodeStanding> {
        Box::pin(std::future::ready(self.supervisor.standing()))
    }

    fn owns<'a>(&'a self, what: &'a Resource) -> BoxFuture<'a, bool> {
        Box::pin(std::future::ready(self.supervisor.owns(what)))
    }

    fn output_files(&self) -> Vec<PathBuf> {
        let node = self.supervisor.node();
        STREAMS.iter().map(|stream| log_path(&node.place().logs, node.name(), stream)).collect()
    }

    fn process(&self) -> Option<&dyn ProcessFacet> {
        Some(self)
    }

    fn resources(&self) -> Option<&dyn ResourcesFacet> {
        Some(self)
    }

    fn clock(&self) -> Option<&dyn ClockFacet> {
        self.clock.as_ref().map(|_| self as &dyn ClockFacet)
    }

    fn files(&self) -> Option<&dyn FilesFacet> {
        self.files.as_ref().map(|_| self as &dyn FilesFacet)
    }
}

impl ProcessMember {
    /// The process, which must be up.
    fn held(&self) -> Result<Arc<PidFd>, PluginError> {
        self.supervisor.up()?.ok_or_else(|| self.supervisor.not_up())
    }

    fn has_clock(&self) -> Result<&NodeClock, PluginError> {
        self.clock.as_ref().ok_or_else(|| self.supervisor.not_up())
    }

    fn has_files(&self) -> Result<&NodeFiles, PluginError> {
        self.files.as_ref().ok_or_else(|| self.supervisor.not_up())
    }
}

impl ClockFacet for ProcessMember {
    fn plan(&self) -> BoxFuture<'_, Result<Plan, PluginError>> {
        Box::pin(async move { self.has_clock()?.plan(self.supervisor.up()?).await })
    }

    fn effect(&self, skew: SkewAct) -> BoxFuture<'_, Result<Effect, PluginError>> {
        Box::pin(async move { self.has_clock()?.effect(self.held()?, skew).await })
    }

    fn read(&self) -> BoxFuture<'_, Result<ClockReading, PluginError>> {
        Box::pin(async move { self.has_clock()?.read(self.held()?, self.supervisor.environment()).await })
    }
}

impl FilesFacet for ProcessMember {
    fn plan(&self, fill: Fill) -> BoxFuture<'_, Result<Plan, PluginError>> {
        Box::pin(async move { self.has_files()?.plan(fill, self.supervisor.up()?.is_some()) })
    }

    fn effect(&self, fill: Fill) -> BoxFuture<'_, Result<Effect, PluginError>> {
        Box::pin(async move { self.has_files()?.effect(fill) })
    }

    fn space(&self) -> BoxFuture<'_, Result<FilesSpace, PluginError>> {
        Box::pin(async move { self.has_files()?.space() })
    }
}

impl ProcessFacet for ProcessMember {
    fn plan(&self, act: ProcessAct) -> BoxFuture<'_, Result<Plan, PluginError>> {
        Box::pin(async move {
            let node = node_resource(self.supervisor.node());
            if act == ProcessAct::Pause(PauseMethod::Freezer) {
                self.freezer()?;
            }
            let Some(held) = self.supervisor.up()? else {
                // At the preflight no node is up yet.
                return Ok(Plan::new(self.label()).touching(node));
            };
            let mut plan = held::plan(&held, act)?;
            plan.summary = format!("{}, {}", self.label(), plan.summary);
            plan.touches = match act {
                ProcessAct::Pause(_) => plan.touches.into_iter().map(|one| one.within(node.id.clone())).collect(),
                // It is another process afterwards.
                ProcessAct::Kill(_) | ProcessAct::Restart => vec![node],
            };
            Ok(plan)
        })
    }

    fn effect(&self, act: ProcessAct) -> BoxFuture<'_, Result<Effect, PluginError>> {
        Box::pin(async move {
            let held = self.supervisor.up()?.ok_or_else(|| self.supervisor.not_up())?;
            let label = format!("{}, {}", self.label(), held::target(&held, act)?.label());
            let (step, node) =
                (StartNode { node: self.supervisor.node().name().to_owned() }, Arc::clone(&self.supervisor));
            Ok(match act {
                ProcessAct::Pause(PauseMethod::Freezer) => {
                    freeze(self.freezer()?.ok_or_else(|| self.supervisor.not_up())?, self.label())
                }
                ProcessAct::Pause(_) => held::pause(&held, act)?,
                ProcessAct::Kill(signal) => Effect::new(step, async move { node.kill(&held, signal, &label).await }),
                ProcessAct::Restart => Effect::new(step, async move {
                    node.kill(&held, chaos_core::SignalName::Kill, &label).await?;
                    node.bring_up().await.map(drop)
                }),
            })
        })
    }

    fn status(&self) -> BoxFuture<'_, Result<ProcessStatus, PluginError>> {
        Box::pin(async move {
            let label = self.label();
            match self.supervisor.up() {
                Ok(Some(held)) => {
                    let status = held::status(&held)?;
                    Ok(ProcessStatus { label: format!("{label}, {}", status.label), ..status })
                }
                Ok(None) => Ok(held::gone(label.clone(), format!("{label} has not been started"))),
                Err(down) => Ok(held::gone(label, down.to_string())),
            }
        })
    }
}
