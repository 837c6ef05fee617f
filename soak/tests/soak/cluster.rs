//! A cluster in memory: nodes that real faults pause and kill under virtual time, and what shows a bug of it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chaos_core::{
    BoxFuture, Effect, Member, NodeContext, NodeExit, NodeKind, Nodes, Observation, Plan, PluginError, Probe,
    ProcessAct, ProcessFacet, ProcessState, ProcessStatus, Resource, ResourceId, RunContext, Undo, UndoContext,
    UndoStep, Undone, register_node, register_probe, register_undo_step,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is known of one cluster.
#[derive(Debug, Default)]
struct World {
    /// What each node that was started is doing.
    nodes: BTreeMap<String, ProcessState>,
    /// What faults did, in that order.
    acts: Vec<String>,
}

/// The cluster of each run.
static WORLDS: Mutex<BTreeMap<String, World>> = Mutex::new(BTreeMap::new());

fn worlds() -> MutexGuard<'static, BTreeMap<String, World>> {
    WORLDS.lock().unwrap_or_else(PoisonError::into_inner)
}

fn put(run: &str, node: &str, state: Option<ProcessState>) -> bool {
    let mut worlds = worlds();
    let nodes = &mut worlds.entry(run.to_owned()).or_default().nodes;
    let before = match state {
        Some(state) => nodes.insert(node.to_owned(), state),
        None => nodes.remove(node),
    };
    before != state
}

/// A member of it.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct MemoryNode {
    /// It ends by itself when so many acts were done on any node.
    #[serde(default)]
    pub dies_after: Option<usize>,
}

impl NodeKind for MemoryNode {
    async fn plan(&self, cx: &NodeContext) -> Result<Plan, PluginError> {
        Ok(Plan::new(format!("start node `{}`", cx.name())))
    }

    fn member(&self, cx: NodeContext) -> Result<Arc<dyn Member>, PluginError> {
        Ok(Arc::new(MemoryMember { dies_after: self.dies_after, cx }))
    }
}

register_node!(MemoryNode, "test_memory_node");

#[derive(Debug)]
struct MemoryMember {
    dies_after: Option<usize>,
    cx: NodeContext,
}

/// Lets a node be up again, or takes it away.
#[derive(Debug, Serialize, Deserialize)]
struct MemoryStep {
    run: String,
    node: String,
    up: bool,
}

impl UndoStep for MemoryStep {
    async fn undo(&self, _cx: &UndoContext) -> Result<Undone, PluginError> {
        let changed = put(&self.run, &self.node, self.up.then_some(ProcessState::Running));
        let said = format!("node `{}` is up: {}", self.node, self.up);
        Ok(if changed { Undone::Reverted(said) } else { Undone::NothingToDo(said) })
    }

    fn describe(&self) -> String {
        format!("make node `{}` up: {}", self.node, self.up)
    }
}

register_undo_step!(MemoryStep, "test_memory_step");

impl MemoryMember {
    fn run(&self) -> String {
        self.cx.cx().run_id().to_owned()
    }

    fn step(&self, up: bool) -> MemoryStep {
        MemoryStep { run: self.run(), node: self.cx.name().to_owned(), up }
    }
}

/// Notes an act, and lets the nodes end whose time has come.
fn acted(cx: &RunContext, node: &str, act: &str) {
    let count = {
        let mut worlds = worlds();
        let acts = &mut worlds.entry(cx.run_id().to_owned()).or_default().acts;
        acts.push(format!("{node} {act}"));
        acts.len()
    };
    for (name, _, member) in cx.services().get::<Nodes>().all() {
        if member.label() == format!("node `{name}`, which dies after {count}") {
            put(cx.run_id(), &name, None);
            let exit = NodeExit { node: name, how: "exit code 7".to_owned(), at: cx.clock().now() };
            cx.services().get::<Nodes>().ended(exit);
        }
    }
}

impl Member for MemoryMember {
    fn label(&self) -> String {
        let name = self.cx.name();
        self.dies_after.map_or_else(|| format!("node `{name}`"), |n| format!("node `{name}`, which dies after {n}"))
    }

    fn start<'a>(&'a self, undo: &'a Undo) -> BoxFuture<'a, Result<(), PluginError>> {
        let (run, node) = (self.run(), self.cx.name().to_owned());
        let act = async move {
            put(&run, &node, Some(ProcessState::Running));
            Ok(())
        };
        Box::pin(undo.perform(Effect::new(self.step(false), act)))
    }

    fn needs_real_time(&self) -> bool {
        false
    }

    fn process(&self) -> Option<&dyn ProcessFacet> {
        Some(self)
    }
}

impl ProcessFacet for MemoryMember {
    fn plan(&self, _act: ProcessAct) -> BoxFuture<'_, Result<Plan, PluginError>> {
        let plan = Plan::new(self.label()).touching(Resource::node(self.cx.cx().run_id(), self.cx.name()));
        Box::pin(std::future::ready(Ok(plan)))
    }

    fn effect(&self, act: ProcessAct) -> BoxFuture<'_, Result<Effect, PluginError>> {
        let (state, word) = match act {
            ProcessAct::Pause(_) => (ProcessState::Stopped, "paused"),
            ProcessAct::Kill(_) | ProcessAct::Restart => (ProcessState::Gone, "killed"),
        };
        let (cx, node) = (self.cx.cx().clone(), self.cx.name().to_owned());
        let act = async move {
            put(cx.run_id(), &node, Some(state));
            acted(&cx, &node, word);
            Ok(())
        };
        Box::pin(std::future::ready(Ok(Effect::new(self.step(true), act))))
    }

    fn status(&self) -> BoxFuture<'_, Result<ProcessStatus, PluginError>> {
        let state = worlds().get(&self.run()).and_then(|world| world.nodes.get(self.cx.name()).copied());
        let state = state.unwrap_or(ProcessState::Gone);
        let identity = (state != ProcessState::Gone)
            .then(|| ResourceId::Other { of: "memory".into(), identity: self.cx.name().to_owned() });
        let status = ProcessStatus { label: self.label(), state, detail: format!("{state:?}"), identity };
        Box::pin(std::future::ready(Ok(status)))
    }
}

/// Says no when fewer nodes run than these, or once these acts were done in this order, others between them or not.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ClusterIsWell {
    /// How many must run.
    #[serde(default)]
    pub least: usize,
    /// What brings the bug about.
    #[serde(default)]
    pub bug: Vec<String>,
}

impl Probe for ClusterIsWell {
    async fn observe(&self, cx: &RunContext) -> Observation {
        let worlds = worlds();
        let Some(world) = worlds.get(cx.run_id()) else { return Observation::unknown("no node was started") };
        let up = world.nodes.values().filter(|state| **state == ProcessState::Running).count();
        let mut wanted = self.bug.iter().peekable();
        for act in &world.acts {
            wanted.next_if(|want| *want == act);
        }
        let shows = !self.bug.is_empty() && wanted.peek().is_none();
        if shows || up < self.least {
            return Observation::no(format!("{up} nodes run, the bug shows: {shows}"));
        }
        Observation::yes(format!("{up} nodes run"))
    }
}

register_probe!(ClusterIsWell, "test_cluster");
