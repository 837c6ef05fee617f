//! Faults: three verbs, a typed face for authors and an erased face for the engine.

use std::any::Any;
use std::fmt::Debug;

use serde::{Deserialize, Serialize};

use super::error::PluginError;
use super::evidence::{Evidence, Sighting};
use super::plan::Plan;
use super::requirement::Requirement;
use crate::{BoxFuture, InjectContext, LoadReport, RunContext, Undo};

/// How a fault ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Span {
    /// In force until the engine undoes it.
    Sustained,
    /// Runs to its own end.
    Finite,
}

/// A fault as its author writes it.
///
/// `plan` and `witness` only read; only `inject` acts, and every effect that could outlive this process is
/// armed first: `let effect = undo.arm(step).await?;`, with the permit held while the effect is being made.
pub trait Fault: Debug + Send + Sync + 'static {
    /// Whether the engine holds and undoes it, or it runs to its own end.
    const SPAN: Span;

    /// What the machine must offer.
    const NEEDS: &'static [Requirement] = &[];

    /// Says what would be touched. May look, never touches.
    fn plan(&self, cx: &RunContext) -> impl Future<Output = Result<Plan, PluginError>> + Send;

    /// Does it.
    fn inject(&self, cx: &InjectContext, undo: &Undo) -> impl Future<Output = Result<Injection, PluginError>> + Send;

    /// Looks whether the fault is in the world; reads the world, never the injector's own bookkeeping.
    fn witness(&self, cx: &RunContext) -> impl Future<Output = Sighting> + Send;
}

/// What `inject` returns.
#[derive(Debug)]
pub enum Injection {
    /// The fault is in force now; the engine holds it and undoes it.
    InForce(InForce),
    /// The fault ran to its own end.
    Finished(Outcome),
}

impl Injection {
    /// In force, with nothing in this process to release.
    pub fn in_force() -> Self {
        Self::InForce(InForce { held: None })
    }

    /// In force for as long as `held` lives: an in-process effect that its `Drop` releases.
    pub fn in_force_while(held: impl Any + Send) -> Self {
        Self::InForce(InForce { held: Some(Box::new(held)) })
    }
}

/// Holds the in-process part of a fault; dropping it releases that part, before the undo steps are replayed.
#[must_use = "dropping it releases the fault"]
pub struct InForce {
    held: Option<Box<dyn Any + Send>>,
}

impl Debug for InForce {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("InForce").field("holds_something", &self.held.is_some()).finish()
    }
}

/// How a finite fault ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// Whether it demonstrably landed.
    pub sighting: Sighting,
    /// Text for the result's `output`; for a model-driven fault its final text.
    pub output: String,
    /// What the load gave, when the fault made one.
    pub load: Option<Box<LoadReport>>,
    /// Why it did not run its course, in one clause; `None` when it did.
    pub error: Option<String>,
}

impl Outcome {
    /// It ran its course and landed, and this shows it.
    pub fn landed(evidence: Evidence) -> Self {
        Self { sighting: Sighting::present(evidence), output: String::new(), load: None, error: None }
    }

    /// It ended without landing, for the reason given.
    pub fn missed(error: impl Into<String>, evidence: Evidence) -> Self {
        Self { sighting: Sighting::absent(evidence), output: String::new(), load: None, error: Some(error.into()) }
    }

    /// Adds the text for the result's `output`.
    #[must_use]
    pub fn with_output(mut self, output: impl Into<String>) -> Self {
        self.output = output.into();
        self
    }

    /// Adds what the load gave.
    #[must_use]
    pub fn with_load(mut self, load: LoadReport) -> Self {
        self.load = Some(Box::new(load));
        self
    }
}

/// What the engine calls; implemented for every [`Fault`].
pub trait ErasedFault: Debug + Send + Sync + Any {
    /// See [`Fault::SPAN`].
    fn span(&self) -> Span;
    /// See [`Fault::plan`].
    fn plan<'a>(&'a self, cx: &'a RunContext) -> BoxFuture<'a, Result<Plan, PluginError>>;
    /// See [`Fault::inject`].
    fn inject<'a>(&'a self, cx: &'a InjectContext, undo: &'a Undo) -> BoxFuture<'a, Result<Injection, PluginError>>;
    /// See [`Fault::witness`].
    fn witness<'a>(&'a self, cx: &'a RunContext) -> BoxFuture<'a, Sighting>;
}

impl<T: Fault> ErasedFault for T {
    fn span(&self) -> Span {
        T::SPAN
    }

    fn plan<'a>(&'a self, cx: &'a RunContext) -> BoxFuture<'a, Result<Plan, PluginError>> {
        Box::pin(Fault::plan(self, cx))
    }

    fn inject<'a>(&'a self, cx: &'a InjectContext, undo: &'a Undo) -> BoxFuture<'a, Result<Injection, PluginError>> {
        Box::pin(Fault::inject(self, cx, undo))
    }

    fn witness<'a>(&'a self, cx: &'a RunContext) -> BoxFuture<'a, Sighting> {
        Box::pin(Fault::witness(self, cx))
    }
}

/// A registered fault: [`ErasedFault`] plus its wire form. Written by [`crate::register_fault!`] only.
#[typetag::serialize(tag = "type")]
pub trait DynFault: ErasedFault {}
