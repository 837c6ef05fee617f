//! Before anything is touched: what the fault plans, whether the policy allows it, whether somebody else holds it.

use std::sync::{Arc, Mutex, PoisonError};

use chaos_core::{ChaosSpec, Plan, PluginError, Reach, Resource, ResourceLock, RunContext, Span, StateDir};

use crate::guarded::{guarded, guarded_call};

/// Resources in force, in this run and in other live ones.
#[derive(Debug, Clone)]
pub(crate) struct Resources {
    state: Option<StateDir>,
    here: Arc<Mutex<Vec<Resource>>>,
}

/// Resources that one entry holds; free again when dropped.
#[derive(Debug)]
pub(crate) struct Held {
    resources: Vec<Resource>,
    here: Arc<Mutex<Vec<Resource>>>,
    files: Vec<ResourceLock>,
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut here = self.here.lock().unwrap_or_else(PoisonError::into_inner);
        here.retain(|held| !self.resources.contains(held));
    }
}

impl Resources {
    /// Held in `state`, so that other processes see them; in this process alone without.
    pub(crate) fn new(state: Option<StateDir>) -> Self {
        Self { state, here: Arc::default() }
    }

    /// Takes all of a plan's resources, or none.
    pub(crate) fn hold(&self, plan: &Plan) -> Result<Held, String> {
        let mut held = Held { resources: Vec::new(), here: Arc::clone(&self.here), files: Vec::new() };
        {
            let mut here = self.here.lock().unwrap_or_else(PoisonError::into_inner);
            for resource in &plan.touches {
                if let Some(other) = here.iter().find(|other| other.overlaps(resource)) {
                    return Err(held_elsewhere(resource, other));
                }
            }
            here.extend(plan.touches.iter().cloned());
            held.resources.clone_from(&plan.touches);
        }
        if let Some(state) = &self.state {
            held.files.push(state.lock(&plan.touches).map_err(|error| error.to_string())?);
        }
        Ok(held)
    }
}

fn held_elsewhere(resource: &Resource, other: &Resource) -> String {
    if resource.id == other.id {
        return format!("`{resource}` is already held by another fault of this run");
    }
    format!("`{resource}` overlaps `{other}`, which is already held by another fault of this run")
}

/// What the fault plans, with the engine's own hold filled in.
pub(crate) async fn plan(spec: &ChaosSpec, cx: &RunContext) -> Result<Plan, String> {
    let planned = guarded(spec.action.plan(cx)).await.and_then(|plan| plan.map_err(|error| error.to_string()));
    let mut plan = planned.map_err(|error| format!("`{}` can't be planned: {error}", spec.action.type_name()))?;
    if spec.action.span() == Span::Sustained {
        plan = plan.lasting(crate::entry::hold_time(spec));
    } else if spec.duration_seconds.is_some() {
        let fault = spec.action.type_name();
        return Err(format!("`duration_seconds` does not fit `{fault}`, which runs to its own end; remove it"));
    }
    Ok(plan)
}

/// Asks the policy about a plan and about every probe of the entry.
pub(crate) async fn check(spec: &ChaosSpec, plan: &Plan, cx: &RunContext) -> Result<(), String> {
    let policy = cx.policy();
    policy.check_fault(spec.action.type_name()).map_err(|refusal| refusal.to_string())?;
    plan.check(policy).map_err(|refusal| refusal.to_string())?;
    check_reach(|| Ok(plan.reach.clone()), cx).await?;
    for probe in &spec.during {
        check_reach(|| probe.reach(), cx).await?;
    }
    if let Some(probe) = &spec.detect {
        check_reach(|| probe.reach(), cx).await?;
    }
    if let Some(probe) = &spec.abort_if {
        check_reach(|| probe.reach(), cx).await?;
    }
    Ok(())
}

/// Asks the policy about the hosts, commands and paths of one plug-in.
pub(crate) async fn check_reach(
    reach: impl FnOnce() -> Result<Reach, PluginError>,
    cx: &RunContext,
) -> Result<(), String> {
    let reach = guarded_call(reach)?.map_err(|error| error.to_string())?;
    reach.check_commands(cx.policy()).map_err(|refusal| refusal.to_string())?;
    reach.paths.iter().try_for_each(|path| cx.check_path(path)).map_err(|refusal| refusal.to_string())?;
    for host in &reach.hosts {
        cx.allowed_addresses(host).await.map_err(|refusal| refusal.to_string())?;
    }
    Ok(())
}
