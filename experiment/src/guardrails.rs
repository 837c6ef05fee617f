//! What a step must pass before the engine sees it. The engine's own policy stands behind, and is asked again.

use chaos_core::{
    CeilingKind, ChaosSpec, FAULTS, FaultNode, HostPort, PluginError, Policy, Reach, RunContext, Seconds, Span,
};
use chaos_triggers::Immediate;
use serde_json::Value;

use crate::budget::Cost;
use crate::setup::Setup;

/// Why a step is refused. The text is for the model.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StepRefusal {
    #[error("fault `{name}` is not allowed here; allowed: {allowed}")]
    NotAllowed { name: &'static str, allowed: String },
    #[error("fault `{name}` may be used only as the experiment writes it: {pinned}")]
    Pinned { name: &'static str, pinned: Value },
    #[error("fault `{0}` runs to its own end; leave `duration_seconds` out")]
    Finite(&'static str),
    #[error("`{host}` is not the experiment's target; the only one is `{target}`")]
    Host { host: HostPort, target: HostPort },
    #[error(transparent)]
    Plan(#[from] PluginError),
    #[error(transparent)]
    Policy(#[from] chaos_core::Refusal),
}

/// Whether a planner may use a fault: it is allowed, and as the document writes it where the document does.
pub(crate) fn may_use(setup: &Setup, node: &FaultNode) -> Result<(), StepRefusal> {
    let name = node.type_name();
    if !setup.allow.iter().any(|allowed| allowed == name) {
        return Err(StepRefusal::NotAllowed { name, allowed: setup.allow.join(", ") });
    }
    if let Some(pinned) = &setup.fault
        && pinned.type_name() == name
        && !same(pinned, node)
    {
        return Err(StepRefusal::Pinned { name, pinned: parameters(pinned) });
    }
    Ok(())
}

/// Checks what a fault would do, and gives its entry and what it would cost.
pub(crate) async fn entry(
    setup: &Setup,
    node: &FaultNode,
    hold: Option<Seconds>,
    cx: &RunContext,
) -> Result<(ChaosSpec, Cost), StepRefusal> {
    let sustained = node.span() == Span::Sustained;
    if !sustained && hold.is_some() {
        return Err(StepRefusal::Finite(node.type_name()));
    }
    let plan = node.plan(cx).await?;
    plan.check(cx.policy())?;
    hosts(setup, &plan.reach)?;
    let mut entry = ChaosSpec::new(Immediate {}, node.clone());
    entry.duration_seconds = hold;
    let default_hold = Seconds::from(chaos_core::DEFAULT_HOLD_SECONDS);
    let time = if sustained { hold.map(Seconds::get) } else { plan.duration() };
    Ok((entry, Cost::of(plan.ceiling(CeilingKind::Qps), time.unwrap_or(default_hold.get()))))
}

/// A call with what the author has pinned of a fault of its type filled in, where the call leaves it out.
pub(crate) fn filled(written: &Value, pinned: Option<&FaultNode>) -> Value {
    let mut filled = written.clone();
    let named = written["type"].as_str().and_then(|name| FAULTS.get(name).ok());
    if let (Some(pinned), Some(named)) = (pinned, named)
        && pinned.type_name() == named.name
    {
        fill(&mut filled, &parameters(pinned));
    }
    filled
}

fn fill(written: &mut Value, pinned: &Value) {
    let (Value::Object(written), Value::Object(pinned)) = (written, pinned) else { return };
    for (key, value) in pinned {
        match written.get_mut(key) {
            Some(own) if !own.is_null() => fill(own, value),
            _ => drop(written.insert(key.clone(), value.clone())),
        }
    }
}

/// Whether two faults are the same but for their names.
pub(crate) fn same(one: &FaultNode, other: &FaultNode) -> bool {
    parameters(one) == parameters(other)
}

/// A fault as documents write it, without its name.
fn parameters(fault: &FaultNode) -> Value {
    serde_json::to_value(&**fault).unwrap_or_default()
}

/// Hosts that may be reached: the target at its own port, and what the document names.
pub(crate) fn hosts(setup: &Setup, reach: &Reach) -> Result<(), StepRefusal> {
    let target = setup.target.host();
    let other = reach.hosts.iter().find(|host| *host != target && !named(setup, host));
    other.map_or(Ok(()), |host| Err(StepRefusal::Host { host: host.clone(), target: target.clone() }))
}

/// Whether the document's own policy names a host.
fn named(setup: &Setup, host: &HostPort) -> bool {
    let policy = Policy { allow_hosts: setup.hosts.clone(), ..Policy::default() };
    let addresses: Vec<_> = host.ip().into_iter().collect();
    policy.check_host(host, &addresses).is_ok()
}
