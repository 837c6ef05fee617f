//! The kind `running`: a process that is there already.

use std::borrow::Cow;
use std::num::{NonZeroU16, NonZeroU32};
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use chaos_core::schemars::{Schema, SchemaGenerator};
use chaos_core::{
    BoxFuture, Effect, Locator, Member, NodeContext, NodeKind, NodeStanding, PauseMethod, Permission, Plan,
    PluginError, ProcessAct, ProcessFacet, ProcessStatus, Resource, ResourceAct, ResourceCounters, ResourceUsage,
    ResourcesFacet, Undo, exactly_one_of, register_attacher, register_node,
};
use chaos_host::PidFd;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::held;
use crate::locate::locate;
use crate::resources::{GroupOf, Resources, Subject};
use crate::thaw_group::freeze;

/// A node of the kind `running`: a process that is there already.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "RunningKeys", into = "RunningKeys")]
pub struct RunningNode {
    /// Where it is found.
    pub at: Locator,
}

/// A process that is there already: attached, not started, and never stopped by Squall.
///
/// # What it does
/// Faults on processes act on it. Each look finds the process anew, until a fault's effect is made; from then on that fault
/// means this process alone, whoever gets its pid.
///
/// # Limits
/// One of the four keys. Nobody starts it again, so that `kill_process` needs the permission `irreversible` and
/// `restart_process` is refused. A port is looked up in the network namespace of Squall, and processes of other users are
/// found by it only with root's rights. More than one process that fits is refused. Its output and its exits are not seen.
///
/// # Example
/// ```yaml
/// type: running
/// pid_file: /run/db.pid
/// ```
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RunningKeys {
    /// The process of that pid, in the pid namespace of Squall.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 4_294_967_295_u32))]
    pid: Option<NonZeroU32>,
    /// The process whose pid this file holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pid_file: Option<PathBuf>,
    /// The process that listens on this TCP port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 65_535))]
    port: Option<NonZeroU16>,
    /// The process with this command line, argument for argument.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    command: Option<Vec<String>>,
}

/// The keys of which a running node has exactly one.
const KEYS: [&str; 4] = ["pid", "pid_file", "port", "command"];

/// A running node that is found in no way, or in several.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected exactly one of {}", KEYS.map(|key| format!("`{key}`")).join(", "))]
struct RunningNodeError;

impl TryFrom<RunningKeys> for RunningNode {
    type Error = RunningNodeError;

    fn try_from(keys: RunningKeys) -> Result<Self, RunningNodeError> {
        let all = [
            keys.pid.map(Locator::Pid),
            keys.pid_file.map(Locator::PidFile),
            keys.port.map(Locator::Port),
            keys.command.filter(|argv| !argv.is_empty()).map(Locator::Command),
        ];
        let mut given = all.into_iter().flatten();
        match (given.next(), given.next()) {
            (Some(at), None) => Ok(Self { at }),
            _ => Err(RunningNodeError),
        }
    }
}

impl From<RunningNode> for RunningKeys {
    fn from(node: RunningNode) -> Self {
        let empty = Self::default();
        match node.at {
            Locator::Pid(pid) => Self { pid: Some(pid), ..empty },
            Locator::PidFile(path) => Self { pid_file: Some(path), ..empty },
            Locator::Port(port) => Self { port: Some(port), ..empty },
            Locator::Command(argv) => Self { command: Some(argv), ..empty },
        }
    }
}

impl JsonSchema for RunningNode {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "RunningNode".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = RunningKeys::json_schema(generator);
        exactly_one_of(&mut schema, &KEYS);
        schema
    }
}

impl NodeKind for RunningNode {
    async fn plan(&self, cx: &NodeContext) -> Result<Plan, PluginError> {
        let summary = format!("attach node `{}` to what {} is", cx.name(), self.at);
        Ok(Plan::new(summary).touching(node_resource(cx)))
    }

    fn member(&self, cx: NodeContext) -> Result<Arc<dyn Member>, PluginError> {
        Ok(Arc::new(RunningMember {
            node: Some(cx),
            at: self.at.clone(),
            pinned: OnceLock::new(),
            resources: Resources::default(),
        }))
    }
}

register_node!(RunningNode, "running");

fn attached(at: &Locator) -> Arc<dyn Member> {
    Arc::new(RunningMember { node: None, at: at.clone(), pinned: OnceLock::new(), resources: Resources::default() })
}

register_attacher!(attached);

/// A node of a run as a resource.
pub(crate) fn node_resource(cx: &NodeContext) -> Resource {
    Resource::node(cx.cx().run_id(), cx.name())
}

/// A process that is there already, as a member.
#[derive(Debug)]
struct RunningMember {
    /// `None` when a fault names it itself.
    node: Option<NodeContext>,
    at: Locator,
    /// The process that an effect was made on.
    pinned: OnceLock<PidFd>,
    resources: Resources,
}

impl RunningMember {
    /// Works with the process: the one that an effect was made on, or the one that is found now.
    fn with<T>(&self, work: impl FnOnce(&PidFd) -> Result<T, PluginError>) -> Result<T, PluginError> {
        match self.pinned.get() {
            Some(held) => work(held),
            None => work(&locate(&self.at)?),
        }
    }

    fn find(&self) -> Result<PidFd, PluginError> {
        self.with(held::again)
    }

    /// Whose resources.
    fn subject(&self) -> Result<Subject<'_>, PluginError> {
        let whole = self.node.as_ref().map(|cx| node_resource(cx).id);
        Ok(Subject { label: self.label(), held: Some(self.find()?), group: GroupOf::Found, whole, node: None })
    }

    /// The same, for what only reads: nothing of a process that is gone.
    fn seen(&self) -> Result<Subject<'_>, PluginError> {
        self.subject().or_else(|error| match error {
            PluginError::NotYet(_) | PluginError::Refused(_) => {
                let whole = self.node.as_ref().map(|cx| node_resource(cx).id);
                Ok(Subject { label: self.label(), held: None, group: GroupOf::Ours, whole, node: None })
            }
            error => Err(error),
        })
    }

    fn refuse_restart(&self) -> PluginError {
        let why = format!("{} was not started by this run, so nobody starts it again", self.label());
        PluginError::refused(format!("{why}; declare it as a node of type `process`"))
    }
}

impl Member for RunningMember {
    fn label(&self) -> String {
        let process = self.with(held::status).map_or_else(|_| self.at.to_string(), |status| status.label);
        self.node.as_ref().map_or(process, |cx| format!("node `{}`", cx.name()))
    }

    /// Only looks whether it is there, and waits until it is ready.
    fn start<'a>(&'a self, _undo: &'a Undo) -> BoxFuture<'a, Result<(), PluginError>> {
        Box::pin(async move {
            if !self.at.may_appear() {
                self.find()?;
            }
            match &self.node {
                Some(cx) => cx.ready().await,
                None => Ok(()),
            }
        })
    }

    fn standing(&self) -> BoxFuture<'_, NodeStanding> {
        let found = self.with(|held| Ok((held.pid(), held::node_state(held))));
        let ports = self.node.as_ref().map(|cx| cx.place().ports.clone()).unwrap_or_default();
        Box::pin(std::future::ready(match found {
            Ok((pid, state)) => NodeStanding { state, pid: Some(pid), ready: true, ports, ..NodeStanding::default() },
            Err(why) => NodeStanding { ports, detail: why.to_string(), ..NodeStanding::default() },
        }))
    }

    fn owns<'a>(&'a self, what: &'a Resource) -> BoxFuture<'a, bool> {
        let first = self.with(|held| Ok(held.pid())).ok();
        Box::pin(std::future::ready(held::is_of(what, first, None)))
    }

    fn process(&self) -> Option<&dyn ProcessFacet> {
        Some(self)
    }

    fn resources(&self) -> Option<&dyn ResourcesFacet> {
        Some(self)
    }
}

impl ResourcesFacet for RunningMember {
    fn plan(&self, act: ResourceAct) -> BoxFuture<'_, Result<Plan, PluginError>> {
        Box::pin(async move { Resources::plan(&self.subject()?, act) })
    }

    fn effect(&self, act: ResourceAct) -> BoxFuture<'_, Result<Effect, PluginError>> {
        Box::pin(async move {
            let subject = self.subject()?;
            let effect = self.resources.effect(&subject, act)?;
            // The first one counts; it is the same process.
            if let Some(held) = subject.held {
                let _ = self.pinned.set(held);
            }
            Ok(effect)
        })
    }

    fn usage(&self) -> BoxFuture<'_, Result<ResourceUsage, PluginError>> {
        Box::pin(async move { self.resources.usage(&self.seen()?) })
    }

    fn counters(&self) -> BoxFuture<'_, Result<ResourceCounters, PluginError>> {
        Box::pin(async move { Ok(self.resources.counters(&self.seen()?)) })
    }
}

impl ProcessFacet for RunningMember {
    fn plan(&self, act: ProcessAct) -> BoxFuture<'_, Result<Plan, PluginError>> {
        Box::pin(async move {
            if act == ProcessAct::Restart {
                return Err(self.refuse_restart());
            }
            let mut plan = self.with(|held| held::plan(held, act))?;
            if act == ProcessAct::Pause(PauseMethod::Freezer) {
                let subject = self.subject()?;
                if let Some(dir) = subject.freezer()? {
                    plan = plan.needing(Permission::Root, subject.shared_group());
                    plan.summary = format!("{} with everything in `{}`", plan.summary, dir.path.display());
                }
            }
            if let Some(cx) = &self.node {
                plan.touches = plan.touches.into_iter().map(|one| one.within(node_resource(cx).id)).collect();
                plan.summary = format!("node `{}`, {}", cx.name(), plan.summary);
            }
            Ok(match act {
                ProcessAct::Kill(_) => {
                    let why = format!("{} was not started by this run, so nobody starts it again", plan.summary);
                    plan.irreversible(why)
                }
                _ => plan,
            })
        })
    }

    fn effect(&self, act: ProcessAct) -> BoxFuture<'_, Result<Effect, PluginError>> {
        Box::pin(async move {
            if act == ProcessAct::Restart {
                return Err(self.refuse_restart());
            }
            let held = self.find()?;
            let label = held::target(&held, act)?.label();
            let effect = match act {
                ProcessAct::Kill(signal) => {
                    let victim = held::again(&held)?;
                    Effect::irreversible(Effect::blocking(move || held::kill(&victim, signal, &label)))
                }
                ProcessAct::Pause(PauseMethod::Freezer) => {
                    let dir = self.subject()?.freezer()?;
                    freeze(dir.ok_or_else(|| PluginError::refused(format!("{label} has ended")))?, label)
                }
                _ => held::pause(&held, act)?,
            };
            // The first one counts; it is the same process.
            let _ = self.pinned.set(held);
            Ok(effect)
        })
    }

    fn status(&self) -> BoxFuture<'_, Result<ProcessStatus, PluginError>> {
        Box::pin(async move {
            match self.with(held::status) {
                // What can't be looked at for another reason is an error.
                Err(PluginError::NotYet(why)) => Ok(held::gone(self.at.to_string(), why)),
                Err(PluginError::Refused(why))
                    if matches!(self.at, Locator::Pid(_)) && why.starts_with("there is no") =>
                {
                    Ok(held::gone(self.at.to_string(), why))
                }
                status => status,
            }
        })
    }
}
