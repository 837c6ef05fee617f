//! What the probes of an entry ask of the world while its fault is in force, and its trigger before that.

use std::time::Duration;

use chaos_core::{Ceiling, CeilingKind, ChaosSpec, Configured, DynProbe, PluginError, Reach, Sampling, StopProbe};

use crate::guarded::{Panicked, guarded_call};

/// How often `detect` is asked, and `abort_if` where its author does not say.
pub(crate) const POLL: Duration = Duration::from_millis(250);

/// How often a stop condition is asked.
pub(crate) fn watched_every(probe: &StopProbe) -> Duration {
    probe.extra().interval_seconds.map_or(POLL, |interval| interval.get().max(Sampling::LEAST_INTERVAL))
}

/// Why it can't be told what a probe or a trigger asks.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub(crate) enum NoReach {
    PlugIn(#[from] PluginError),
    Panicked(#[from] Panicked),
}

/// The requests a second, and the connections at the same time, of all probes of an entry.
pub(crate) fn probe_load(spec: &ChaosSpec) -> Result<[Ceiling; 2], NoReach> {
    let mut load = Load::default();
    for probe in &spec.during {
        load.add(probe, probe.extra().interval_seconds.get())?;
    }
    if let Some(probe) = &spec.detect {
        load.add(probe, POLL)?;
    }
    if let Some(probe) = &spec.abort_if {
        load.add(probe, watched_every(probe))?;
    }
    Ok(load.ceilings())
}

/// What waiting for the trigger of an entry asks, in the same figures.
pub(crate) fn trigger_load(spec: &ChaosSpec) -> Result<[Ceiling; 2], NoReach> {
    let mut load = Load::default();
    load.take(&guarded_call(|| spec.trigger.asks())??);
    Ok(load.ceilings())
}

/// The connections that one look at a probe of that reach opens.
pub(crate) fn at_once(reach: &Reach) -> Ceiling {
    let [_, at_once] = reach.asked_every(POLL);
    at_once
}

#[derive(Debug, Default)]
struct Load {
    a_second: f64,
    at_once: f64,
}

impl Load {
    fn add<X>(&mut self, probe: &Configured<dyn DynProbe, X>, interval: Duration) -> Result<(), NoReach> {
        self.take(&guarded_call(|| probe.reach())??.asked_every(interval));
        Ok(())
    }

    fn take(&mut self, ceilings: &[Ceiling]) {
        let sum =
            |kind| ceilings.iter().filter(|ceiling| ceiling.kind == kind).map(|ceiling| ceiling.value).sum::<f64>();
        self.a_second += sum(CeilingKind::Qps);
        self.at_once += sum(CeilingKind::Concurrency);
    }

    fn ceilings(&self) -> [Ceiling; 2] {
        [
            Ceiling { kind: CeilingKind::Qps, value: self.a_second },
            Ceiling { kind: CeilingKind::Concurrency, value: self.at_once },
        ]
    }
}
