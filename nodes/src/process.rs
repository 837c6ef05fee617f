//! The kind `process`: a program that the run starts, watches and stops.

use std::collections::BTreeMap;
use std::sync::Arc;

use chaos_core::{
    BoxFuture, Effect, Member, NodeContext, NodeKind, NodeStanding, PauseMethod, Plan, PluginError, ProcessAct,
    ProcessFacet, ProcessStatus, Reach, ResourceAct, ResourceCounters, ResourceUsage, ResourcesFacet, Seconds, Undo,
    Undone, register_node,
};
use chaos_host::{CgroupDir, PidFd, TreeMark};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::argv::NodeArgv;
use crate::group::{NodeGroup, NodeLimits};
use crate::held;
use crate::remove_group::RemoveGroup;
use crate::resources::{GroupOf, Resources, Subject};
use crate::running::node_resource;
use crate::start_node::StartNode;
use crate::supervisor::{Program, Supervisor};
use crate::thaw_group::freeze;

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
/// # How it is undone
/// At the end of the run it gets SIGTERM, and SIGKILL after `stop_seconds`, with everything that it has started. The step is
/// in the journal before the start, so that `squall recover` stops what a killed run leaves behind.
///
/// # Limits
/// The program must be allowed (`--allow-command`). An exit that no fault made counts against the run, unless the node says
/// `expect_exit`. Without a group, faults act on the program itself, not on what it has started, and what has left the
/// environment, the process group and the session of the node is not found when it is stopped. A group needs cgroups that
/// this user may write, and `/bin/sh`, which joins it and is replaced by the program.
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
        let group = self.group(&TreeMark::unique(), cx)?;
        let group = group.map(|one| format!(" in a group ({})", one.group.describe())).unwrap_or_default();
        let plan = Plan::new(format!("start node `{}` (`{}`){group}", cx.name(), self.argv.program()));
        Ok(plan.touching(node_resource(cx)).reaching(Reach::command(self.argv.program())))
    }

    fn member(&self, cx: NodeContext) -> Result<Arc<dyn Member>, PluginError> {
        let grace = self.stop_seconds.get();
        let mark = TreeMark::unique();
        let group = self.group(&mark, &cx)?;
        let program = Program { argv: self.argv.clone(), env: self.env.clone(), grace, group };
        Ok(Arc::new(ProcessMember { node: Supervisor::new(program, mark, cx), resources: Resources::default() }))
    }
}

impl ProcessNode {
    /// The group that it asks for. Touches nothing.
    fn group(&self, mark: &TreeMark, cx: &NodeContext) -> Result<Option<NodeGroup>, PluginError> {
        if !self.group && self.limits.is_none() {
            return Ok(None);
        }
        NodeGroup::plan(cx.cx().run_id(), cx.name(), mark, self.limits.unwrap_or_default()).map(Some)
    }
}

register_node!(ProcessNode, "process");

/// A started program, as a member.
#[derive(Debug)]
struct ProcessMember {
    node: Arc<Supervisor>,
    resources: Resources,
}

impl Member for ProcessMember {
    fn label(&self) -> String {
        format!("node `{}`", self.node.node().name())
    }

    fn start<'a>(&'a self, undo: &'a Undo) -> BoxFuture<'a, Result<(), PluginError>> {
        Box::pin(async move {
            if let Some(group) = self.node.group().cloned() {
                let remove = RemoveGroup::of(self.node.node().name(), &group.group);
                undo.perform(Effect::new(remove, Effect::blocking(move || group.make()))).await?;
            }
            let (step, starts) = (self.node.stop_step()?, Arc::clone(&self.node));
            undo.perform(Effect::new(step, async move { starts.spawn() })).await?;
            self.node.ready().await
        })
    }

    fn stop(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.node.stop())
    }

    fn bring_up(&self) -> BoxFuture<'_, Result<Undone, PluginError>> {
        Box::pin(self.node.bring_up())
    }

    fn standing(&self) -> BoxFuture<'_, NodeStanding> {
        Box::pin(std::future::ready(self.node.standing()))
    }

    fn process(&self) -> Option<&dyn ProcessFacet> {
        Some(self)
    }

    fn resources(&self) -> Option<&dyn ResourcesFacet> {
        Some(self)
    }
}

impl ProcessMember {
    /// Whose resources; `held` is its process, where that is up.
    fn subject(&self, held: Option<Arc<PidFd>>) -> Result<Subject<'_>, PluginError> {
        let group = self.node.group().map_or(GroupOf::Ours, |one| GroupOf::Own(&one.group));
        Ok(Subject {
            label: self.label(),
            held: held.map(|held| held::again(&held)).transpose()?,
            group,
            whole: Some(node_resource(self.node.node()).id),
            node: Some(&self.node),
        })
    }

    /// Its group's freezer; `None` when it is not up yet.
    fn freezer(&self) -> Result<Option<CgroupDir>, PluginError> {
        self.subject(self.node.up()?)?.freezer()
    }
}

impl ResourcesFacet for ProcessMember {
    fn plan(&self, act: ResourceAct) -> BoxFuture<'_, Result<Plan, PluginError>> {
        Box::pin(async move { Resources::plan(&self.subject(self.node.up()?)?, act) })
    }

    fn effect(&self, act: ResourceAct) -> BoxFuture<'_, Result<Effect, PluginError>> {
        Box::pin(async move { self.resources.effect(&self.subject(self.node.up()?)?, act) })
    }

    fn usage(&self) -> BoxFuture<'_, Result<ResourceUsage, PluginError>> {
        // One that is down uses nothing itself.
        Box::pin(async move { self.resources.usage(&self.subject(self.node.up().unwrap_or_default())?) })
    }

    fn counters(&self) -> BoxFuture<'_, Result<ResourceCounters, PluginError>> {
        Box::pin(async move { Ok(self.resources.counters(&self.subject(None)?)) })
    }
}

impl ProcessFacet for ProcessMember {
    fn plan(&self, act: ProcessAct) -> BoxFuture<'_, Result<Plan, PluginError>> {
        Box::pin(async move {
            let node = node_resource(self.node.node());
            if act == ProcessAct::Pause(PauseMethod::Freezer) {
                self.freezer()?;
            }
            let Some(held) = self.node.up()? else {
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
            let held = self.node.up()?.ok_or_else(|| self.node.not_up())?;
            let label = format!("{}, {}", self.label(), held::target(&held, act)?.label());
            let (step, node) = (StartNode { node: self.node.node().name().to_owned() }, Arc::clone(&self.node));
            Ok(match act {
                ProcessAct::Pause(PauseMethod::Freezer) => {
                    freeze(self.freezer()?.ok_or_else(|| self.node.not_up())?, self.label())
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
            match self.node.up() {
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
