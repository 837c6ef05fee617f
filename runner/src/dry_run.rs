//! What a run would touch, without touching it.

use chaos_core::{Plan, RunContext, Task};
use serde::Serialize;

use crate::admission;

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
    /// Why it would not run; `None` when it would.
    pub refusal: Option<String>,
}

/// What a run would do.
#[derive(Debug, Clone, Serialize)]
pub struct DryRun {
    /// Its entries, in order.
    pub entries: Vec<DryEntry>,
}

impl DryRun {
    /// Whether every entry would be allowed to run.
    pub fn allowed(&self) -> bool {
        self.entries.iter().all(|entry| entry.refusal.is_none())
    }
}

pub(crate) async fn dry_run(task: &Task, cx: &RunContext) -> DryRun {
    let mut entries = Vec::new();
    for (index, spec) in task.entries.iter().enumerate() {
        let cx = cx.child(task.position(index).trim_start_matches('/'), None);
        let (plan, refusal) = match admission::plan(spec, &cx).await {
            Ok(plan) => {
                let trigger = admission::check_reach(|| spec.trigger.reach(), &cx).await;
                let checked = match trigger {
                    Ok(()) => admission::check(spec, &plan, &cx).await,
                    refused => refused,
                };
                (Some(plan), checked.err())
            }
            Err(error) => (None, Some(error)),
        };
        entries.push(DryEntry {
            name: spec.name.clone(),
            trigger: spec.trigger.type_name().to_owned(),
            fault: spec.action.type_name().to_owned(),
            plan,
            refusal,
        });
    }
    DryRun { entries }
}
