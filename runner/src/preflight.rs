//! The preflight: plans, and what the policy says of everything declared, before anything starts.

use std::collections::BTreeMap;

use chaos_core::{
    ChaosSpec, Check, CheckBody, Configured, DynProbe, Nodes, Plan, PluginError, Reach, Refusal, RunContext, Sources,
    Span, SteadyProbe,
};

use crate::guarded::{Panicked, guarded, guarded_call};
use crate::hold_time::hold_time;
use crate::probe_load::{NoReach, at_once, probe_load, trigger_load};

/// Why something declared would not be allowed, or could not be done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refused {
    #[error("`{fault}` can't be planned: {why}")]
    Plan { fault: String, why: PlanFailure },
    #[error("`duration_seconds` does not fit `{0}`, which runs to its own end; remove it")]
    Duration(String),
    #[error("`control` needs a fault whose length is known beforehand, and `{0}` plans none; remove `control`")]
    ControlLength(String),
    #[error(transparent)]
    Policy(#[from] Refusal),
    #[error(transparent)]
    PlugIn(#[from] PluginError),
    #[error(transparent)]
    Panicked(#[from] Panicked),
    #[error(transparent)]
    Probes(#[from] NoReach),
}

impl Refused {
    /// Whether it may be otherwise later: a plan that failed, and was not refused.
    pub(crate) fn may_pass(&self) -> bool {
        matches!(self, Self::Plan { why: PlanFailure::PlugIn(PluginError::Failed(_) | PluginError::NotYet(_)), .. })
    }
}

/// Why a fault's plan failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PlanFailure {
    #[error(transparent)]
    PlugIn(PluginError),
    #[error(transparent)]
    Panicked(Panicked),
}

/// What the preflight found of one entry.
#[derive(Debug, Default)]
pub(crate) struct Finding {
    /// What would be touched; `None` where the plan itself failed.
    pub(crate) plan: Option<Plan>,
    /// Why the target is not there yet, where it may appear until the trigger fires.
    pub(crate) not_yet: Option<String>,
    /// Why it would not run.
    pub(crate) refusal: Option<Refused>,
}

/// Asks about what is declared beside the entries: named checks, and probes of the steady state. Gives the refusals.
pub(crate) async fn beside(
    steady_state: &[SteadyProbe],
    checks: &BTreeMap<String, Check>,
    cx: &RunContext,
) -> Vec<String> {
    let mut refused = Vec::new();
    for probe in steady_state {
        if let Err(why) = probe_allowed(probe, cx).await {
            refused.push(format!("steady_state `{}`: {why}", probe.label()));
        }
    }
    for (name, check) in checks {
        if let CheckBody::Probe(probe) = &check.body
            && let Err(why) = probe_allowed(probe, cx).await
        {
            refused.push(format!("check `{name}`: {why}"));
        }
    }
    refused
}

/// Asks about one entry.
pub(crate) async fn entry(spec: &ChaosSpec, checks: &BTreeMap<String, Check>, cx: &RunContext) -> Finding {
    let mut found = Finding::default();
    match plan(spec, cx).await {
        Ok(plan) => found.plan = Some(plan),
        Err(Refused::Plan { why: PlanFailure::PlugIn(PluginError::NotYet(why)), .. }) => found.not_yet = Some(why),
        Err(why) => found.refusal = Some(why),
    }
    if found.refusal.is_none() {
        found.refusal = allowed(spec, checks, found.plan.as_ref(), cx).await.err();
    }
    found
}

async fn allowed(
    spec: &ChaosSpec,
    checks: &BTreeMap<String, Check>,
    plan: Option<&Plan>,
    cx: &RunContext,
) -> Result<(), Refused> {
    reach(|| spec.trigger.reach(), cx).await?;
    trigger_load(spec)?.into_iter().try_for_each(|ceiling| cx.policy().check_probes(ceiling))?;
    cx.policy().check_fault(spec.action.type_name())?;
    if let Some(plan) = plan {
        plan_allowed(plan, cx).await?;
    }
    for probe in &spec.during {
        probe_allowed(probe, cx).await?;
    }
    if let Some(probe) = &spec.detect {
        probe_allowed(probe, cx).await?;
    }
    if let Some(probe) = &spec.abort_if {
        probe_allowed(probe, cx).await?;
    }
    probe_load(spec)?.into_iter().try_for_each(|ceiling| cx.policy().check_probes(ceiling))?;
    let verify = spec.verify.as_ref().and_then(|name| checks.get(name));
    match verify.map(|check| &check.body) {
        Some(CheckBody::Probe(probe)) => probe_allowed(probe, cx).await,
        _ => Ok(()),
    }
}

async fn probe_allowed<X>(probe: &Configured<dyn DynProbe, X>, cx: &RunContext) -> Result<(), Refused> {
    let reach = guarded_call(|| probe.reach())??;
    cx.policy().check_probes(at_once(&reach))?;
    reach_allowed(&reach, cx).await
}

/// Asks the policy about a plan: by name at the preflight, by identity right before the injection.
pub(crate) async fn plan_allowed(plan: &Plan, cx: &RunContext) -> Result<(), Refused> {
    plan.check(cx.policy())?;
    spares_the_protected(plan, cx).await?;
    reach_allowed(&plan.reach, cx).await
}

/// Refuses what acts on a protected node under another name: its process by pid, its folder by path.
async fn spares_the_protected(plan: &Plan, cx: &RunContext) -> Result<(), PluginError> {
    for (name, protected, member) in cx.services().get::<Nodes>().all() {
        for touched in plan.touches.iter().filter(|_| protected) {
            if member.owns(touched).await {
                let what = &plan.summary;
                let why = format!("{what}: that is of node `{name}`, which is protected, so no fault may act on it");
                return Err(PluginError::refused(why));
            }
        }
    }
    Ok(())
}

/// What the fault plans, with the engine's own hold filled in.
pub(crate) async fn plan(spec: &ChaosSpec, cx: &RunContext) -> Result<Plan, Refused> {
    let planned = match guarded(spec.action.plan(cx)).await {
        Ok(planned) => planned.map_err(PlanFailure::PlugIn),
        Err(panicked) => Err(PlanFailure::Panicked(panicked)),
    };
    let fault = || spec.action.type_name().to_owned();
    let mut plan = planned.map_err(|why| Refused::Plan { fault: fault(), why })?;
    if spec.action.span() == Span::Sustained {
        plan = plan.lasting(hold_time(spec));
    } else if spec.duration_seconds.is_some() {
        return Err(Refused::Duration(fault()));
    }
    if spec.control && plan.duration().is_none() {
        return Err(Refused::ControlLength(fault()));
    }
    Ok(plan)
}

/// Asks the policy about the hosts, commands and paths of one plug-in.
pub(crate) async fn reach(asked: impl FnOnce() -> Result<Reach, PluginError>, cx: &RunContext) -> Result<(), Refused> {
    reach_of(asked, cx).await.map(drop)
}

/// The same, and gives them.
pub(crate) async fn reach_of(
    asked: impl FnOnce() -> Result<Reach, PluginError>,
    cx: &RunContext,
) -> Result<Reach, Refused> {
    let reach = guarded_call(asked)??;
    reach_allowed(&reach, cx).await?;
    Ok(reach)
}

async fn reach_allowed(reach: &Reach, cx: &RunContext) -> Result<(), Refused> {
    reach.check_commands(cx.policy())?;
    reach.clusters.iter().try_for_each(|cluster| cx.policy().check_cluster(cluster))?;
    reach.paths.iter().try_for_each(|path| cx.check_path(path))?;
    let sources = cx.services().get::<Sources>();
    reach.evidence.iter().try_for_each(|need| sources.check(need))?;
    for host in &reach.hosts {
        cx.allowed_addresses(host).await?;
    }
    Ok(())
}
