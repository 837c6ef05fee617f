//! A run in the background.

use std::thread::JoinHandle;

use chaos_core::{ActiveWatch, EventStream};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use crate::{Report, RunnerError};

/// A run in the background, on a thread of the engine's own; `T` is what it hands back.
///
/// Dropping it cancels the run, which then undoes on its own thread. Outside an async runtime the drop waits until
/// that is done; inside one it does not block, and what a process that ends too early leaves is undone by `recover`.
#[must_use = "dropping it cancels the run"]
#[derive(Debug)]
pub struct RunHandle<T = Report> {
    events: Option<EventStream>,
    actives: Vec<ActiveWatch>,
    cancel: CancellationToken,
    report: Option<oneshot::Receiver<T>>,
    engine: Option<JoinHandle<()>>,
}

impl<T> RunHandle<T> {
    pub(crate) fn new(
        events: EventStream,
        actives: Vec<ActiveWatch>,
        cancel: CancellationToken,
        report: oneshot::Receiver<T>,
        engine: JoinHandle<()>,
    ) -> Self {
        Self { events: Some(events), actives, cancel, report: Some(report), engine: Some(engine) }
    }

    /// The run's events from its first one on; only the first call gets them.
    pub fn take_events(&mut self) -> Option<EventStream> {
        self.events.take()
    }

    /// The signal of entry `index`; `None` when there is no such entry.
    pub fn active(&self, index: usize) -> Option<ActiveWatch> {
        self.actives.get(index).cloned()
    }

    /// Ends the run early: everything is undone and reported.
    pub fn cancel(&self) {
        self.cancel.cancel();
    }

    /// A token that ends the run early when it is cancelled, for a signal handler.
    pub fn cancel_token(&self) -> CancellationToken {
        self.cancel.clone()
    }

    /// Waits for the report.
    ///
    /// # Errors
    /// [`RunnerError::Died`] when the engine's thread is gone.
    pub async fn wait(mut self) -> Result<T, RunnerError> {
        match self.report.take() {
            Some(report) => report.await.map_err(|_| RunnerError::Died),
            None => Err(RunnerError::Died),
        }
    }

    /// The same, blocking; not from async code.
    pub fn wait_blocking(mut self) -> Result<T, RunnerError> {
        // Joining first keeps this usable inside a runtime too, where a blocking receive would panic.
        if let Some(engine) = self.engine.take() {
            engine.join().map_err(|_| RunnerError::Died)?;
        }
        let report = self.report.take().and_then(|mut report| report.try_recv().ok());
        report.ok_or(RunnerError::Died)
    }
}

impl<T> Drop for RunHandle<T> {
    fn drop(&mut self) {
        self.cancel.cancel();
        if tokio::runtime::Handle::try_current().is_err()
            && let Some(engine) = self.engine.take()
        {
            // Its panic has been printed already, and there is nobody to tell.
            let _ = engine.join();
        }
    }
}
