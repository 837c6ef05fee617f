//! The kind `process`: a program that the run starts, watches and stops.

use std::collections::BTreeMap;
use std::sync::Arc;

use chaos_core::{
    BoxFuture, Effect, Member, NodeContext, NodeKind, NodeStanding, Plan, PluginError, ProcessAct, ProcessFacet,
    ProcessStatus, Reach, Seconds, Undo, Undone, register_node,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::argv::NodeArgv;
use crate::held;
use crate::running::node_resource;
use crate::start_node::StartNode;
use crate::supervisor::{Program, Supervisor};

/// Starts a program as a node of the run, watches it, and stops it at the end.
///
/// # What it does
/// The program is started without a shell, in the folder of the node, in a process group of its own, with the environment of
/// the run (without API keys and secrets) and `env`. Its output goes to `NAME.stdout.log` and `NAME.stderr.log`, readable
/// for this user alone. It counts as up once `ready` says yes. A fault that kills it has it started again as the same node:
/// same command line, environment, folder and ports.
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
}

fn five_seconds() -> Seconds {
    Seconds::from(5)
}

impl NodeKind for ProcessNode {
    async fn plan(&self, cx: &NodeContext) -> Result<Plan, PluginError> {
        let plan = Plan::new(format!("start node `{}` (`{}`)", cx.name(), self.argv.program()));
        Ok(plan.touching(node_resource(cx)).reaching(Reach::command(self.argv.program())))
    }

    fn member(&self, cx: NodeContext) -> Result<Arc<dyn Member>, PluginError> {
        let grace = self.stop_seconds.get();
        let program = Program { argv: self.argv.clone(), env: self.env.clone(), grace };
        Ok(Arc::new(ProcessMember(Supervisor::new(program, cx)?)))
    }
}

register_node!(ProcessNode, "process");

/// A started program, as a member.
#[derive(Debug)]
struct ProcessMember(Arc<Supervisor>);

impl Member for ProcessMember {
    fn label(&self) -> String {
        format!("node `{}`", self.0.node().name())
    }

    fn start<'a>(&'a self, undo: &'a Undo) -> BoxFuture<'a, Result<(), PluginError>> {
        Box::pin(async move {
            let (step, starts) = (self.0.stop_step()?, Arc::clone(&self.0));
            undo.perform(Effect::new(step, async move { starts.spawn() })).await?;
            self.0.ready().await
        })
    }

    fn stop(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.0.stop())
    }

    fn bring_up(&self) -> BoxFuture<'_, Result<Undone, PluginError>> {
        Box::pin(self.0.bring_up())
    }

    fn standing(&self) -> BoxFuture<'_, NodeStanding> {
        Box::pin(std::future::ready(self.0.standing()))
    }

    fn process(&self) -> Option<&dyn ProcessFacet> {
        Some(self)
    }
}

impl ProcessFacet for ProcessMember {
    fn plan(&self, act: ProcessAct) -> BoxFuture<'_, Result<Plan, PluginError>> {
        Box::pin(async move {
            let node = node_resource(self.0.node());
            let Some(held) = self.0.up()? else {
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
            let held = self.0.up()?.ok_or_else(|| self.0.not_up())?;
            let label = format!("{}, {}", self.label(), held::target(&held, act)?.label());
            let (step, node) = (StartNode { node: self.0.node().name().to_owned() }, Arc::clone(&self.0));
            Ok(match act {
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
            match self.0.up() {
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
