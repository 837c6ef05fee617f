//! Acts on the resources of every member of a target.

use chaos_core::{
    Evidence, FaultTarget, Plan, PluginError, ResourceAct, ResourceUsage, Reversible, RunContext, Sighting, Undo,
};

use crate::shows::{Shows, together};

/// What the acts would touch, of all members together. `verb` is what they do to them: "limit".
pub(super) async fn plan(
    target: &FaultTarget,
    acts: &[ResourceAct],
    verb: &str,
    cx: &RunContext,
) -> Result<Plan, PluginError> {
    let (mut all, mut labels, mut reasons) = (Plan::default(), Vec::<String>::new(), Vec::new());
    for member in target.resolve(cx)? {
        for act in acts {
            let plan = member.resources_facet()?.plan(*act).await?;
            if !labels.contains(&plan.summary) {
                labels.push(plan.summary);
            }
            all.touches.extend(plan.touches);
            for need in plan.permissions {
                if !all.permissions.contains(&need) {
                    all.permissions.push(need);
                }
            }
            for ceiling in plan.ceilings {
                let before = all.ceiling(ceiling.kind).unwrap_or_default();
                all = all.at_most(ceiling.kind, before + ceiling.value);
            }
            if let Reversible::No(why) = plan.reversible {
                reasons.push(why);
            }
        }
    }
    all.summary = format!("{verb} {}", labels.join("; "));
    Ok(if reasons.is_empty() { all } else { all.irreversible(reasons.join("; ")) })
}

/// Does them to all of them at the same time.
pub(super) async fn perform(
    target: &FaultTarget,
    acts: &[ResourceAct],
    undo: &Undo,
    cx: &RunContext,
) -> Result<(), PluginError> {
    let mut effects = Vec::new();
    for member in target.resolve(cx)? {
        for act in acts {
            effects.push(member.resources_facet()?.effect(*act).await?);
        }
    }
    undo.perform_all(effects).await.map(drop)
}

/// The sighting of all of them, from what they use and may use.
pub(super) async fn sighting(target: &FaultTarget, cx: &RunContext, of: impl Fn(&ResourceUsage) -> Shows) -> Sighting {
    match usages(target, cx).await {
        Ok(usages) => together(usages.iter().map(of)),
        Err(error) => unseen(error),
    }
}

/// The sighting where something could not be read.
pub(super) fn unseen(error: PluginError) -> Sighting {
    match error {
        // Nothing that could be hit is there yet.
        PluginError::NotYet(why) => Sighting::absent(Evidence::new(why)),
        error => Sighting::unknown(error.to_string()),
    }
}

async fn usages(target: &FaultTarget, cx: &RunContext) -> Result<Vec<ResourceUsage>, PluginError> {
    let mut usages = Vec::new();
    for member in target.resolve(cx)? {
        usages.push(member.resources_facet()?.usage().await?);
    }
    Ok(usages)
}
