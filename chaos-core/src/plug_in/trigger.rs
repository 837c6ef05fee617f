//! Triggers: what an entry waits for.

use std::fmt::Debug;
use std::time::Duration;

use crate::{BoxFuture, PluginError, Reach, RunContext};

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

    /// Hosts and commands that waiting would use, for the policy.
    fn reach(&self) -> Result<Reach, PluginError> {
        Ok(Reach::default())
    }
}

/// What the engine calls; implemented for every [`Trigger`].
pub trait ErasedTrigger: Debug + Send + Sync {
    /// See [`Trigger::wait`].
    fn wait<'a>(&'a self, cx: &'a RunContext) -> BoxFuture<'a, Result<Fired, PluginError>>;
    /// See [`Trigger::at_least`].
    fn at_least(&self) -> Duration;
    /// See [`Trigger::reach`].
    fn reach(&self) -> Result<Reach, PluginError>;
}

impl<T: Trigger> ErasedTrigger for T {
    fn wait<'a>(&'a self, cx: &'a RunContext) -> BoxFuture<'a, Result<Fired, PluginError>> {
        Box::pin(Trigger::wait(self, cx))
    }

    fn at_least(&self) -> Duration {
        Trigger::at_least(self)
    }

    fn reach(&self) -> Result<Reach, PluginError> {
        Trigger::reach(self)
    }
}

/// A registered trigger. Written by [`crate::register_trigger!`] only.
#[typetag::serialize(tag = "type")]
pub trait DynTrigger: ErasedTrigger {}
