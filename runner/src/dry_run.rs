//! What a run would touch, without touching it: the preflight, and nothing after it.

use std::path::Path;

use chaos_core::{Nodes, Plan, RunContext, Task};
use serde::Serialize;

use crate::nodes::RunNodes;
use crate::preflight;

/// What one entry would do.
#[derive(Debug, Clone, Serialize)]
pub struct DryEntry {
    /// Its name.
    pub name: String,
    /// The trigger's `type`.
    pub trigger: String,
    /// The fault's `type`.
    pub fault: String,
    /// What would be touched; `None` where the plan itself failed.
    pub plan: Option<Plan>,
    /// Why the target is not there yet, where it may appear until the trigger fires.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_yet: Option<String>,
    /// Why it would not run; `None` when it would.
    pub refusal: Option<String>,
}

/// What starting one node would do.
#[derive(Debug, Clone, Serialize)]
pub struct DryNode {
    /// Its name.
    pub name: String,
    /// What would be touched; `None` where it would not be started.
    pub plan: Option<Plan>,
    /// Why it would not be started; `None` when it would.
    pub refusal: Option<String>,
}

/// What a run would do.
#[derive(Debug, Clone, Serialize)]
pub struct DryRun {
    /// Its nodes, by name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub nodes: Vec<DryNode>,
    /// Its entries, in order.
    pub entries: Vec<DryEntry>,
    /// What is refused beside them: named checks, and probes of the steady state.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub refusals: Vec<String>,
}

impl DryRun {
    /// Whether the run would start: everything that it declares is allowed.
    pub fn allowed(&self) -> bool {
        self.refusals.is_empty()
            && self.nodes.iter().all(|node| node.refusal.is_none())
            && self.entries.iter().all(|entry| entry.refusal.is_none())
    }
}

pub(crate) async fn dry_run(mut task: Task, cx: &RunContext, folder: &Path) -> DryRun {
    let declared = RunNodes::declare(std::mem::take(&mut task.nodes), cx, &folder.join(cx.run_id()));
    let nodes = declared.plans().await.into_iter().map(|(name, plan)| match plan {
        Ok(plan) => DryNode { name, plan: Some(plan), refusal: None },
        Err(why) => DryNode { name, plan: None, refusal: Some(why.to_string()) },
    });
    let nodes: Vec<DryNode> = nodes.collect();
    let mut entries = Vec::with_capacity(task.entries.len());
    for (index, spec) in task.entries.iter().enumerate() {
        let cx = cx.child(task.position(index).trim_start_matches('/'), None);
        let found = preflight::entry(spec, &task.checks, &cx).await;
        entries.push(DryEntry {
            name: spec.name.clone(),
            trigger: spec.trigger.type_name().to_owned(),
            fault: spec.action.type_name().to_owned(),
            plan: found.plan,
            not_yet: found.not_yet,
            refusal: found.refusal.map(|why| why.to_string()),
        });
    }
    cx.services().get::<Nodes>().clear();
    let mut refusals = declared.refused().to_vec();
    refusals.extend(preflight::beside(&task.steady_state, &task.checks, cx).await);
    DryRun { nodes, entries, refusals }
}
