//! Triggers: what an entry waits for.

use std::fmt::Debug;
use std::time::{Duration, SystemTime};

use crate::{BoxFuture, Ceiling, PluginError, Reach, RunContext};

/// What a trigger saw when it fired, in one clause ("5 s have passed").
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fired(pub String);

/// A trigger as its author writes it.
pub trait Trigger: Debug + Send + Sync + 'static {
    /// Waits until it is time. Obeys cancellation; the engine owns the deadline.
    fn wait(&self, cx: &RunContext) -> impl Future<Output = Result<Fired, PluginError>> + Send;

    /// The least time that `wait` takes; the engine adds it to its deadline.
    fn at_least(&self) -> Duration {
        Duration::ZERO
    }

    /// The least time that a `wait` takes that begins at this wall-clock time. Another than [`Trigger::at_least`] only where the
    /// trigger is for a time of day: the engine's deadline is not to pass before it comes.
    fn at_least_from(&self, wall: SystemTime) -> Duration {
        let _ = wall;
        self.at_least()
    }

    /// Hosts and commands that waiting would use, for the policy.
    fn reach(&self) -> Result<Reach, PluginError> {
        Ok(Reach::default())
    }

    /// How much waiting asks of the hosts in its reach, for the operator's ceilings: see [`Reach::asked_every`]. Several of one
    /// kind add up.
    fn asks(&self) -> Result<Vec<Ceiling>, PluginError> {
        Ok(Vec::new())
    }
}

/// What the engine calls; implemented for every [`Trigger`].
pub trait ErasedTrigger: Debug + Send + Sync {
    /// See [`Trigger::wait`].
    fn wait<'a>(&'a self, cx: &'a RunContext) -> BoxFuture<'a, Result<Fired, PluginError>>;
    /// See [`Trigger::at_least`].
    fn at_least(&self) -> Duration;
    /// See [`Trigger::at_least_from`].
    fn at_least_from(&self, wall: SystemTime) -> Duration;
    /// See [`Trigger::reach`].
    fn reach(&self) -> Result<Reach, PluginError>;
    /// See [`Trigger::asks`].
    fn asks(&self) -> Result<Vec<Ceiling>, PluginError>;
}

impl<T: Trigger> ErasedTrigger for T {
    fn wait<'a>(&'a self, cx: &'a RunContext) -> BoxFuture<'a, Result<Fired, PluginError>> {
        Box::pin(Trigger::wait(self, cx))
    }

    fn at_least(&self) -> Duration {
        Trigger::at_least(self)
    }

    fn at_least_from(&self, wall: SystemTime) -> Duration {
        Trigger::at_least_from(self, wall)
    }

    fn reach(&self) -> Result<Reach, PluginError> {
        Trigger::reach(self)
    }

    fn asks(&self) -> Result<Vec<Ceiling>, PluginError> {
        Trigger::asks(self)
    }
}

/// A registered trigger. Written by [`crate::register_trigger!`] only.
#[typetag::serialize(tag = "type")]
pub trait DynTrigger: ErasedTrigger {}
