//! Leaf steps of a workflow: what plug-ins add to the control steps.

use std::any::Any;
use std::fmt::Debug;
use std::time::Duration;

use super::context::StepContext;
use super::outcome::StepEnd;
use crate::{BoxFuture, PluginError, Reach};

/// A leaf step as its author writes it.
pub trait Step: Debug + Send + Sync + 'static {
    /// Does it once. Obeys cancellation; the engine owns the deadline.
    fn run(&self, cx: &StepContext) -> impl Future<Output = StepEnd> + Send;

    /// Hosts and commands that it would use, for the policy.
    fn reach(&self) -> Result<Reach, PluginError> {
        Ok(Reach::default())
    }

    /// The least time that it takes, for the linter.
    fn at_least(&self) -> Duration {
        Duration::ZERO
    }

    /// The entry that it runs, a [`crate::ChaosSpec`], for the preflight.
    fn entry(&self) -> Option<&dyn Any> {
        None
    }
}

/// What the engine calls; implemented for every [`Step`].
pub trait ErasedStep: Debug + Send + Sync {
    /// See [`Step::run`].
    fn run<'a>(&'a self, cx: &'a StepContext) -> BoxFuture<'a, StepEnd>;
    /// See [`Step::reach`].
    fn reach(&self) -> Result<Reach, PluginError>;
    /// See [`Step::at_least`].
    fn at_least(&self) -> Duration;
    /// See [`Step::entry`].
    fn entry(&self) -> Option<&dyn Any>;
}

impl<T: Step> ErasedStep for T {
    fn run<'a>(&'a self, cx: &'a StepContext) -> BoxFuture<'a, StepEnd> {
        Box::pin(Step::run(self, cx))
    }

    fn reach(&self) -> Result<Reach, PluginError> {
        Step::reach(self)
    }

    fn at_least(&self) -> Duration {
        Step::at_least(self)
    }

    fn entry(&self) -> Option<&dyn Any> {
        Step::entry(self)
    }
}

/// A registered leaf step. Written by [`crate::register_step!`] only.
#[typetag::serialize(tag = "type")]
pub trait DynStep: ErasedStep {}
