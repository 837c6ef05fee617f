//! What the engine does for leaf steps: entries and checks have one life, in a workflow and out of it.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::context::StepContext;
use crate::{BoxFuture, ChaosResult, ChaosSpec, Check, PluginError, Undo, Verification};

/// What the engine does for a leaf step.
pub trait StepHost: Send + Sync {
    /// Runs an entry to its end, undone whatever happens; a step that is cancelled ends it early.
    fn entry<'a>(&'a self, cx: &'a StepContext, entry: ChaosSpec) -> BoxFuture<'a, Result<ChaosResult, PluginError>>;

    /// The undo log of the run: for effects that outlive the step which makes them. They are undone when the workflow has
    /// ended, after every `finally`; where the run dies, by its guardian or by a recovery.
    ///
    /// # Errors
    /// Nobody would undo them if this process died; then nothing may be done.
    fn undo(&self) -> BoxFuture<'_, Result<Undo, PluginError>>;

    /// Judges a check by its mode.
    fn check<'a>(&'a self, cx: &'a StepContext, check: Check) -> BoxFuture<'a, Verification>;
}

/// The run service in which the engine stands while it runs a workflow.
#[derive(Default)]
pub struct StepHosts(Mutex<Option<Weak<dyn StepHost>>>);

impl StepHosts {
    /// Puts the engine in, for as long as it lives.
    pub fn set(&self, host: &Arc<dyn StepHost>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::downgrade(host));
    }

    /// The engine.
    ///
    /// # Errors
    /// No workflow runs.
    pub fn host(&self) -> Result<Arc<dyn StepHost>, PluginError> {
        let host = self.0.lock().unwrap_or_else(PoisonError::into_inner).as_ref().and_then(Weak::upgrade);
        host.ok_or_else(|| PluginError::failed("no workflow runs here"))
    }
}

impl fmt::Debug for StepHosts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StepHosts").finish_non_exhaustive()
    }
}
