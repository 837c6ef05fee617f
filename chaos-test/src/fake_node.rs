//! A node kind whose world is a file: what it holds is what the node is doing.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chaos_core::{
    BoxFuture, Effect, Member, NodeContext, NodeKind, Nodes, Plan, PluginError, ProcessAct, ProcessFacet, ProcessState,
    ProcessStatus, Resource, ResourceId, Undo, UndoContext, UndoStep, Undone, register_node, register_undo_step,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A node whose process is a file `state` in its folder.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "each is a quirk of its own")]
pub struct FakeNode {
    /// Acts on it have no effect, though they say so.
    #[serde(default)]
    pub no_effect: bool,
    /// It does not come up.
    #[serde(default)]
    pub stays_down: bool,
    /// It has no facet.
    #[serde(default)]
    pub bare: bool,
    /// Nobody starts it again.
    #[serde(default)]
    pub unsupervised: bool,
}

impl NodeKind for FakeNode {
    async fn plan(&self, cx: &NodeContext) -> Result<Plan, PluginError> {
        Ok(Plan::new(format!("start node `{}`", cx.name())))
    }

    fn member(&self, cx: NodeContext) -> Result<Arc<dyn Member>, PluginError> {
        Ok(Arc::new(FakeMember { kind: self.clone(), cx }))
    }
}

register_node!(FakeNode, "test_node");

/// Makes the file of a fake node hold `state`, or be gone.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct FakeNodeStep {
    /// The node.
    pub node: String,
    /// The file.
    pub file: PathBuf,
    /// What it is to hold; gone where absent.
    pub state: Option<String>,
}

impl FakeNodeStep {
    fn make(&self) -> Result<Undone, PluginError> {
        let there = read(&self.file);
        if there == self.state {
            return Ok(Undone::NothingToDo(format!("node `{}` is {there:?}", self.node)));
        }
        write(&self.file, self.state.as_deref())?;
        Ok(Undone::Reverted(format!("node `{}` is {:?} again", self.node, self.state)))
    }
}

impl UndoStep for FakeNodeStep {
    async fn undo(&self, cx: &UndoContext) -> Result<Undone, PluginError> {
        // What is to be up is brought up by who supervises it.
        if self.state.is_some() && cx.services().get::<Nodes>().member(&self.node).is_none() {
            return Ok(Undone::NothingToDo(format!("node `{}` is stopped with its run", self.node)));
        }
        self.make()
    }

    fn describe(&self) -> String {
        format!("make node `{}` {:?}", self.node, self.state)
    }
}

register_undo_step!(FakeNodeStep, "test_node_step");

#[derive(Debug)]
struct FakeMember {
    kind: FakeNode,
    cx: NodeContext,
}

fn read(file: &Path) -> Option<String> {
    fs::read_to_string(file).ok()
}

fn write(file: &Path, state: Option<&str>) -> Result<(), PluginError> {
    let written = match state {
        Some(state) => fs::write(file, state),
        None => fs::remove_file(file).or_else(|error| match error.kind() {
            io::ErrorKind::NotFound => Ok(()),
            _ => Err(error),
        }),
    };
    written.map_err(|error| PluginError::io("write the state of the fake node", &error))
}

impl FakeMember {
    fn file(&self) -> PathBuf {
        self.cx.place().dir.join("state")
    }

    fn step(&self, state: Option<&str>) -> FakeNodeStep {
        FakeNodeStep { node: self.cx.name().to_owned(), file: self.file(), state: state.map(str::to_owned) }
    }
}

impl Member for FakeMember {
    fn label(&self) -> String {
        format!("node `{}`", self.cx.name())
    }

    fn start<'a>(&'a self, undo: &'a Undo) -> BoxFuture<'a, Result<(), PluginError>> {
        Box::pin(async move {
            let folder = &self.cx.place().dir;
            fs::create_dir_all(folder).map_err(|error| PluginError::io("make the folder", &error))?;
            let (file, up) = (self.file(), !self.kind.stays_down);
            undo.perform(Effect::new(self.step(None), async move { write(&file, up.then_some("up")) })).await?;
            if !up {
                return Err(PluginError::failed("it does not come up"));
            }
            self.cx.ready().await
        })
    }

    fn process(&self) -> Option<&dyn ProcessFacet> {
        (!self.kind.bare).then_some(self)
    }
}

impl ProcessFacet for FakeMember {
    fn plan(&self, act: ProcessAct) -> BoxFuture<'_, Result<Plan, PluginError>> {
        let plan = Plan::new(self.label()).touching(Resource::node(self.cx.cx().run_id(), self.cx.name()));
        let ends = matches!(act, ProcessAct::Kill(_)) && self.kind.unsupervised;
        let plan = if ends { plan.irreversible("nobody starts it again") } else { plan };
        Box::pin(std::future::ready(Ok(plan)))
    }

    fn effect(&self, act: ProcessAct) -> BoxFuture<'_, Result<Effect, PluginError>> {
        let state = match act {
            ProcessAct::Pause(_) => Some("paused"),
            ProcessAct::Kill(_) => None,
            ProcessAct::Restart => Some("restarted"),
        };
        let (file, none) = (self.file(), self.kind.no_effect);
        let act = async move { if none { Ok(()) } else { write(&file, state) } };
        let back = if state == Some("restarted") { state } else { Some("up") };
        let effect = if self.kind.unsupervised { Effect::irreversible(act) } else { Effect::new(self.step(back), act) };
        Box::pin(std::future::ready(Ok(effect)))
    }

    fn status(&self) -> BoxFuture<'_, Result<ProcessStatus, PluginError>> {
        let there = read(&self.file());
        let state = match there.as_deref() {
            None => ProcessState::Gone,
            Some("paused") => ProcessState::Stopped,
            Some(_) => ProcessState::Running,
        };
        let label = self.label();
        let identity = there.as_ref().map(|there| ResourceId::Other { of: "fake".into(), identity: there.clone() });
        let detail = there.unwrap_or_else(|| format!("{label} is down"));
        Box::pin(std::future::ready(Ok(ProcessStatus { label, state, detail, identity })))
    }
}
