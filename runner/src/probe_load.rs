//! What the probes of an entry ask of the world while its fault is in force.

use std::time::Duration;

use chaos_core::{Ceiling, CeilingKind, ChaosSpec, Configured, DynProbe, PluginError};

use crate::guarded::{Panicked, guarded_call};

/// How often `detect` and `abort_if` are asked.
pub(crate) const POLL: Duration = Duration::from_millis(250);

/// Why it can't be told what a probe asks.
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
        load.add(probe, POLL)?;
    }
    let Load { a_second, at_once } = load;
    Ok([
        Ceiling { kind: CeilingKind::Qps, value: a_second },
        Ceiling { kind: CeilingKind::Concurrency, value: at_once },
    ])
}

/// The connections that one look at a probe opens.
pub(crate) fn at_once<X>(probe: &Configured<dyn DynProbe, X>) -> Result<Ceiling, NoReach> {
    let mut load = Load::default();
    load.add(probe, POLL)?;
    Ok(Ceiling { kind: CeilingKind::Concurrency, value: load.at_once })
}

#[derive(Debug, Default)]
struct Load {
    a_second: f64,
    at_once: f64,
}

impl Load {
    /// A probe asks each host that it names once in an interval.
    fn add<X>(&mut self, probe: &Configured<dyn DynProbe, X>, interval: Duration) -> Result<(), NoReach> {
        let hosts = guarded_call(|| probe.reach())??.hosts.len();
        let hosts = f64::from(u32::try_from(hosts).unwrap_or(u32::MAX));
        self.a_second += hosts / interval.as_secs_f64();
        self.at_once += hosts;
        Ok(())
    }
}
