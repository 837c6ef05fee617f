//! What the engine does for leaf steps: entries and checks have one life, in a workflow and out of it.

use std::sync::{Mutex, PoisonError};

use chaos_core::{BoxFuture, ChaosResult, ChaosSpec, Check, PluginError, StepContext, StepHost, Undo, Verification};
use chaos_runner::Session;

/// The session as leaf steps see it.
#[derive(Debug)]
pub(crate) struct SessionHost {
    session: Session,
    results: Mutex<Vec<ChaosResult>>,
}

impl SessionHost {
    pub(crate) fn new(session: Session) -> Self {
        Self { session, results: Mutex::default() }
    }

    /// The results of the entries so far, for the report of the run.
    pub(crate) fn take_results(&self) -> Vec<ChaosResult> {
        std::mem::take(&mut *self.results.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl StepHost for SessionHost {
    fn entry<'a>(
        &'a self,
        cx: &'a StepContext,
        mut entry: ChaosSpec,
    ) -> BoxFuture<'a, Result<ChaosResult, PluginError>> {
        Box::pin(async move {
            if entry.name.is_empty() {
                cx.name().clone_into(&mut entry.name);
            }
            // It ends with the step; its undo is waited for.
            let started = self.session.within(cx.run()).start_at(entry, "entry");
            let result = started.done().await.map_err(|error| PluginError::failed(error.to_string()))?;
            self.results.lock().unwrap_or_else(PoisonError::into_inner).push(result.clone());
            Ok(result)
        })
    }

    fn undo(&self) -> BoxFuture<'_, Result<Undo, PluginError>> {
        Box::pin(async move { self.session.undo().await.map_err(|error| PluginError::failed(error.with_cause())) })
    }

    fn check<'a>(&'a self, cx: &'a StepContext, check: Check) -> BoxFuture<'a, Verification> {
        Box::pin(async move { self.session.within(cx.run()).check(cx.name(), check).await })
    }
}
