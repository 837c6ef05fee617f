//! What a step must pass before the engine sees it. The engine's own policy stands behind, and is asked again.

use chaos_core::{CeilingKind, ChaosSpec, FAULTS, FaultNode, HostPort, Reach, RunContext, Seconds, Span, TriggerNode};
use serde_json::{Value, json};

use crate::budget::Cost;
use crate::setup::Setup;

/// What names a file, a program or another planner: the document's author may write it, a model may not.
const AUTHORS_OWN: [&str; 3] = ["/target/tls", "/engine", "/allow_command"];

/// Checks a fault, and gives its entry and what it would cost. The refusal's text is for the model.
pub(crate) async fn fault(
    setup: &Setup,
    action: &Value,
    hold: Option<Seconds>,
    cx: &RunContext,
) -> Result<(ChaosSpec, Cost), String> {
    let name = action["type"].as_str().unwrap_or_default();
    let descriptor = FAULTS.get(name).map_err(|error| error.to_string())?;
    if !setup.allow.iter().any(|allowed| allowed == descriptor.name) {
        return Err(format!("fault `{name}` is not allowed here; allowed: {}", setup.allow.join(", ")));
    }
    if let Some(pinned) = &setup.fault
        && pinned["type"] == descriptor.name
        && pinned != action
    {
        return Err(format!("fault `{name}` may be used only as the experiment writes it: {pinned}"));
    }
    let pinned = setup.fault.as_ref() == Some(action);
    if let Some(own) = AUTHORS_OWN.iter().find(|own| !pinned && action.pointer(own).is_some()) {
        return Err(format!("`{own}` is not for an experiment's planner to choose; leave it out"));
    }
    let node: FaultNode = chaos_core::parse(action).map_err(|error| error.to_string())?;
    if !is_sustained(&node) && hold.is_some() {
        return Err(format!("fault `{name}` runs to its own end; leave `duration_seconds` out"));
    }
    let plan = node.plan(cx).await.map_err(|error| error.to_string())?;
    plan.check(cx.policy()).map_err(|refusal| refusal.to_string())?;
    ports(setup, &plan.reach)?;
    let mut entry = ChaosSpec::new(at_once()?, node);
    entry.duration_seconds = hold;
    let default_hold = Seconds::from(chaos_core::DEFAULT_HOLD_SECONDS);
    let time = match plan.duration() {
        _ if is_sustained(&entry.action) => hold.unwrap_or(default_hold).get(),
        Some(time) => time,
        None => default_hold.get(),
    };
    Ok((entry, Cost::of(plan.ceiling(CeilingKind::Qps), time)))
}

/// Hosts that may be named: the target at its own port, and what the document names.
pub(crate) fn ports(setup: &Setup, reach: &Reach) -> Result<(), String> {
    let target = setup.target.host();
    for host in &reach.hosts {
        if host != target && !named(setup, host) {
            return Err(format!("`{host}` is not the experiment's target; the only one is `{target}`"));
        }
    }
    Ok(())
}

/// Whether the document's own policy names a host.
fn named(setup: &Setup, host: &HostPort) -> bool {
    let policy = chaos_core::Policy { allow_hosts: setup.hosts.clone(), ..chaos_core::Policy::default() };
    let addresses: Vec<_> = host.ip().into_iter().collect();
    policy.check_host(host, &addresses).is_ok()
}

/// The trigger of every step.
fn at_once() -> Result<TriggerNode, String> {
    chaos_core::parse(&json!({ "type": "immediate" })).map_err(|error| error.to_string())
}

/// Whether a fault is held, and does not end by itself.
fn is_sustained(node: &FaultNode) -> bool {
    node.span() == Span::Sustained
}
