//! One act on every member of a target.

use std::sync::Arc;
use std::time::Duration;

use chaos_core::{
    Evidence, FaultTarget, Member, Plan, PluginError, ProcessAct, ProcessState, ProcessStatus, Reversible, RunContext,
    Sighting, Undo,
};

use crate::shows::{Shows, together};

/// What the act would touch, of all members together. `verb` is what it does to them: "stop".
pub(super) async fn plan(
    target: &FaultTarget,
    act: ProcessAct,
    verb: &str,
    cx: &RunContext,
) -> Result<Plan, PluginError> {
    let (mut all, mut labels, mut reasons) = (Plan::default(), Vec::new(), Vec::new());
    for member in target.resolve(cx)? {
        let plan = member.process_facet()?.plan(act).await?;
        labels.push(plan.summary);
        all.touches.extend(plan.touches);
        all.permissions.extend(plan.permissions);
        all.reach = all.reach.and(plan.reach);
        if let Reversible::No(why) = plan.reversible {
            reasons.push(why);
        }
    }
    all.summary = format!("{verb} {}", labels.join("; "));
    Ok(if reasons.is_empty() { all } else { all.irreversible(reasons.join("; ")) })
}

/// Does it to all of them at the same time; gives how long that took, once every step was on disk.
pub(super) async fn perform(
    target: &FaultTarget,
    act: ProcessAct,
    undo: &Undo,
    cx: &RunContext,
) -> Result<Duration, PluginError> {
    let mut effects = Vec::new();
    for member in target.resolve(cx)? {
        effects.push(member.process_facet()?.effect(act).await?);
    }
    undo.perform_all(effects).await
}

/// What the processes are doing; an error says why that can't be told.
pub(super) async fn statuses(target: &FaultTarget, cx: &RunContext) -> Result<Vec<ProcessStatus>, PluginError> {
    let members: Vec<Arc<dyn Member>> = target.resolve(cx)?;
    let mut statuses = Vec::with_capacity(members.len());
    for member in &members {
        statuses.push(member.process_facet()?.status().await?);
    }
    Ok(statuses)
}

/// The sighting of all of them: present where each shows it, absent where none does.
pub(super) async fn sighting(target: &FaultTarget, cx: &RunContext, of: impl Fn(&ProcessStatus) -> Shows) -> Sighting {
    let statuses = match statuses(target, cx).await {
        Ok(statuses) => statuses,
        // Nothing that could be hit is there yet.
        Err(PluginError::NotYet(why)) => return Sighting::absent(Evidence::new(why)),
        Err(error) => return Sighting::unknown(error.to_string()),
    };
    together(statuses.iter().map(of))
}

/// Whether a process has ended, as a fault that ends it shows itself.
pub(super) fn shows_end(status: &ProcessStatus) -> Shows {
    match status.state {
        ProcessState::Gone => Shows::Yes(status.detail.clone()),
        _ => Shows::No(format!("{} is there ({})", status.label, status.detail)),
    }
}
