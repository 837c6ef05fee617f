//! What the engine does for leaf steps: entries and checks have one life, in a workflow and out of it.

use std::fmt;
use std::sync::{Arc, OnceLock};

use crate::{BoxFuture, ChaosResult, ChaosSpec, Check, PluginError, Verification};

/// What the engine does for a leaf step.
pub trait StepHost: Send + Sync {
    /// Runs an entry to its end, undone whatever happens.
    fn entry(&self, entry: ChaosSpec) -> BoxFuture<'_, Result<ChaosResult, PluginError>>;

    /// Judges a check by its mode.
    fn check(&self, name: String, check: Check) -> BoxFuture<'_, Verification>;
}

/// The run service in which the engine stands while it runs a workflow.
#[derive(Default)]
pub struct StepHosts(OnceLock<Arc<dyn StepHost>>);

impl StepHosts {
    /// Puts the engine in; the first one stays.
    pub fn set(&self, host: Arc<dyn StepHost>) {
        let _ = self.0.set(host);
    }

    /// The engine.
    ///
    /// # Errors
    /// No workflow runs.
    pub fn host(&self) -> Result<Arc<dyn StepHost>, PluginError> {
        self.0.get().cloned().ok_or_else(|| PluginError::failed("no workflow runs here"))
    }
}

impl fmt::Debug for StepHosts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StepHosts").finish_non_exhaustive()
    }
}
