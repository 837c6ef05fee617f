//! Probes: read-only questions about the system under test.

use std::fmt::Debug;
use std::time::Duration;

use super::error::PluginError;
use super::observation::Observation;
use super::plan::Reach;
use crate::{BoxFuture, RunContext};

/// How long one answer may take of a probe that has no timeout of its own.
pub const PROBE_TIMEOUT: Duration = Duration::from_secs(30);

/// A probe as its author writes it. It never changes what it observes.
pub trait Probe: Debug + Send + Sync + 'static {
    /// Asks once.
    fn observe(&self, cx: &RunContext) -> impl Future<Output = Observation> + Send;

    /// Hosts and commands that asking would use, for the policy.
    fn reach(&self) -> Result<Reach, PluginError> {
        Ok(Reach::default())
    }

    /// How long one answer takes at the most, by the probe's own timeout. `None` where it has none; the engine waits for
    /// [`PROBE_TIMEOUT`] then.
    fn at_most(&self) -> Option<Duration> {
        None
    }
}

/// What the engine calls; implemented for every [`Probe`].
pub trait ErasedProbe: Debug + Send + Sync {
    /// See [`Probe::observe`].
    fn observe<'a>(&'a self, cx: &'a RunContext) -> BoxFuture<'a, Observation>;
    /// See [`Probe::reach`].
    fn reach(&self) -> Result<Reach, PluginError>;
    /// See [`Probe::at_most`].
    fn at_most(&self) -> Option<Duration>;
}

impl<T: Probe> ErasedProbe for T {
    fn observe<'a>(&'a self, cx: &'a RunContext) -> BoxFuture<'a, Observation> {
        Box::pin(Probe::observe(self, cx))
    }

    fn reach(&self) -> Result<Reach, PluginError> {
        Probe::reach(self)
    }

    fn at_most(&self) -> Option<Duration> {
        Probe::at_most(self)
    }
}

/// A registered probe. Written by [`crate::register_probe!`] only.
#[typetag::serialize(tag = "type")]
pub trait DynProbe: ErasedProbe {}
