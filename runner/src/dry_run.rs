//! What a run would touch, without touching it: the preflight, and nothing after it.

use std::collections::BTreeMap;
use std::path::Path;

use chaos_core::{
    ChaosSpec, Check, Late, Nodes, Plan, ProbeNode, RunContext, StepBody, StepNode, StepOutputs, Task, WorkflowStep,
};
use serde::Serialize;

use crate::nodes::RunNodes;
use crate::preflight::{self, Refused, reach_of};
use crate::sources::RunSources;

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

/// What starting one node or one source of evidence would do.
#[derive(Debug, Clone, Serialize)]
pub struct DryNode {
    /// Its name.
    pub name: String,
    /// What would be touched; `None` where it would not be started.
    pub plan: Option<Plan>,
    /// Why it would not be started; `None` when it would.
    pub refusal: Option<String>,
}

impl DryNode {
    fn of((name, plan): (String, Result<Plan, Refused>)) -> Self {
        match plan {
            Ok(plan) => Self { name, plan: Some(plan), refusal: None },
            Err(why) => Self { name, plan: None, refusal: Some(why.to_string()) },
        }
    }
}

/// What one leaf step of a workflow would do.
#[derive(Debug, Clone, Serialize)]
pub struct DryStep {
    /// Its name.
    pub name: String,
    /// Its position in the document, as a JSON pointer.
    pub at: String,
    /// Its `type`; `None` where outputs of earlier steps are needed to read it.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// What would be touched; `None` where that is not known before the steps ahead of it ran.
    pub plan: Option<Plan>,
    /// Why it is not known yet, or the target is not there yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_yet: Option<String>,
    /// Why it would not run; `None` when it would.
    pub refusal: Option<String>,
}

/// What a run would do.
#[derive(Debug, Clone, Serialize)]
pub struct DryRun {
    /// Its sources of evidence, by name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<DryNode>,
    /// Its nodes, by name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub nodes: Vec<DryNode>,
    /// Its entries, in order.
    pub entries: Vec<DryEntry>,
    /// The leaf steps of its workflow, in order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<DryStep>,
    /// What is refused beside them: named checks, and probes of the steady state.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub refusals: Vec<String>,
}

impl DryRun {
    /// Whether the run would start: everything that it declares is allowed.
    pub fn allowed(&self) -> bool {
        self.refusals.is_empty()
            && self.sources.iter().all(|source| source.refusal.is_none())
            && self.nodes.iter().all(|node| node.refusal.is_none())
            && self.entries.iter().all(|entry| entry.refusal.is_none())
            && self.steps.iter().all(|step| step.refusal.is_none())
    }
}

pub(crate) async fn dry_run(mut task: Task, cx: &RunContext, folder: &Path) -> DryRun {
    let sources = RunSources::declare(std::mem::take(&mut task.evidence), cx);
    let sources: Vec<DryNode> = sources.plans().await.into_iter().map(DryNode::of).collect();
    let declared = RunNodes::declare(std::mem::take(&mut task.nodes), cx, &folder.join(cx.run_id()));
    let nodes: Vec<DryNode> = declared.plans().await.into_iter().map(DryNode::of).collect();
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
    let steps = match &task.workflow {
        Some(workflow) => steps(workflow, &task.checks, cx).await,
        None => Vec::new(),
    };
    cx.services().get::<Nodes>().clear();
    let mut refusals = declared.refused().to_vec();
    refusals.extend(preflight::beside(&task.steady_state, &task.checks, cx).await);
    DryRun { sources, nodes, entries, steps, refusals }
}

/// The leaf steps of a workflow, as far as they are known before it runs.
pub(crate) async fn steps(workflow: &WorkflowStep, checks: &BTreeMap<String, Check>, cx: &RunContext) -> Vec<DryStep> {
    let mut dry = Vec::new();
    for step in workflow.all() {
        match &step.body {
            StepBody::Leaf(late) => dry.push(leaf(step, late, checks, cx).await),
            StepBody::Branch { when, .. } => dry.extend(branch(step, when, cx).await),
            _ => {}
        }
    }
    dry
}

async fn leaf(
    step: &WorkflowStep,
    late: &Late<StepNode>,
    checks: &BTreeMap<String, Check>,
    cx: &RunContext,
) -> DryStep {
    let mut dry = DryStep {
        name: step.name.clone(),
        at: step.at.clone(),
        kind: None,
        plan: None,
        not_yet: needed(late),
        refusal: None,
    };
    if dry.not_yet.is_some() {
        return dry;
    }
    let node = match late.read(&StepOutputs::new()) {
        Ok(node) => node,
        Err(error) => return DryStep { refusal: Some(error.to_string()), ..dry },
    };
    dry.kind = Some(node.type_name().to_owned());
    let cx = cx.child(step.at.trim_start_matches('/'), None);
    match node.entry().and_then(|entry| entry.downcast_ref::<ChaosSpec>()) {
        Some(entry) => {
            let found = preflight::entry(entry, checks, &cx).await;
            dry.plan = found.plan;
            dry.not_yet = found.not_yet;
            match found.refusal {
                // What an earlier step makes is not there before.
                Some(why) if why.may_pass() => dry.not_yet = Some(why.to_string()),
                why => dry.refusal = why.map(|why| why.to_string()),
            }
        }
        None => match reach_of(|| node.reach(), &cx).await {
            Ok(reach) => {
                let mut plan = Plan::new(format!("run step `{}`", step.name));
                plan.reach = reach;
                dry.plan = Some(plan);
            }
            Err(why) => dry.refusal = Some(why.to_string()),
        },
    }
    dry
}

/// The probe of a branch, where it would be refused.
async fn branch(step: &WorkflowStep, when: &Late<ProbeNode>, cx: &RunContext) -> Option<DryStep> {
    let probe = if needed(when).is_none() { when.read(&StepOutputs::new()).ok()? } else { return None };
    let refused = preflight::reach(|| probe.reach(), cx).await.err()?;
    let kind = Some("branch".to_owned());
    let refusal = Some(refused.to_string());
    Some(DryStep { name: step.name.clone(), at: step.at.clone(), kind, plan: None, not_yet: None, refusal })
}

/// Which outputs it waits for.
fn needed<T>(late: &Late<T>) -> Option<String> {
    let (step, key) = late.needs().into_iter().next()?;
    Some(format!("needs output `{key}` of step `{step}`"))
}
