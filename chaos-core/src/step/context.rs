//! What a leaf step sees of its run.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::{BoxFuture, ChaosResult, ChaosSpec, Check, RunContext, Verification};

/// What the engine does for a leaf step; entries and checks have one life, in and out of a workflow.
pub trait StepHost: Send + Sync {
    /// Runs an entry to its end, undone whatever happens. `Err` says why the engine can't.
    fn entry(&self, entry: ChaosSpec) -> BoxFuture<'_, Result<ChaosResult, String>>;

    /// Judges a check by its mode.
    fn check(&self, name: String, check: Check) -> BoxFuture<'_, Verification>;
}

/// The context of a leaf step.
#[derive(Clone)]
pub struct StepContext {
    run: RunContext,
    host: Arc<dyn StepHost>,
    folder: PathBuf,
    name: String,
}

impl StepContext {
    /// A context for the step of that name, whose files are in `folder`.
    pub fn new(run: RunContext, host: Arc<dyn StepHost>, folder: PathBuf, name: impl Into<String>) -> Self {
        Self { run, host, folder, name: name.into() }
    }

    /// Clock, randomness, policy, cancellation.
    pub fn run(&self) -> &RunContext {
        &self.run
    }

    /// What the engine does for steps.
    pub fn host(&self) -> &dyn StepHost {
        &*self.host
    }

    /// The folder of the run's workflow, with its ledger.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The name of the step.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl fmt::Debug for StepContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StepContext").field("name", &self.name).finish_non_exhaustive()
    }
}
