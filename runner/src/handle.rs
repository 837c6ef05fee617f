//! What a caller holds of a run, and of an entry that it started in one.

use std::ops::{Deref, DerefMut};
use std::thread::JoinHandle;

use chaos_core::{ChaosResult, EventStream};
use tokio::sync::oneshot;

use crate::control::{EntryControl, RunControl};
use crate::errors::RunnerError;
use crate::report::Report;

/// An entry that was started in a session. Dropping it cancels the entry; its undo is waited for all the same.
#[must_use = "dropping it cancels the entry"]
#[derive(Debug)]
pub struct EntryHandle {
    control: EntryControl,
    done: tokio::task::JoinHandle<ChaosResult>,
}

impl EntryHandle {
    pub(crate) fn new(control: EntryControl, done: tokio::task::JoinHandle<ChaosResult>) -> Self {
        Self { control, done }
    }

    /// What ends it early, to be kept while somebody waits for its result.
    pub fn control(&self) -> EntryControl {
        self.control.clone()
    }

    /// Waits for the entry's result; a caller that drops this future ends the entry early.
    ///
    /// # Errors
    /// [`RunnerError::Died`] when the engine is gone.
    pub async fn done(mut self) -> Result<ChaosResult, RunnerError> {
        (&mut self.done).await.map_err(|_| RunnerError::Died)
    }
}

impl Deref for EntryHandle {
    type Target = EntryControl;

    fn deref(&self) -> &EntryControl {
        &self.control
    }
}

impl DerefMut for EntryHandle {
    fn deref_mut(&mut self) -> &mut EntryControl {
        &mut self.control
    }
}

impl Drop for EntryHandle {
    fn drop(&mut self) {
        self.control.cancel();
    }
}

/// A run in the background, on a thread of the engine's own; `T` is what it hands back.
///
/// Dropping it cancels the run, which then undoes on its own thread. Outside an async runtime the drop waits until
/// that is done; inside one it does not block, and what a process that ends too early leaves is undone by `recover`.
#[must_use = "dropping it cancels the run"]
#[derive(Debug)]
pub struct RunHandle<T = Report> {
    run_id: String,
    events: Option<EventStream>,
    entries: Vec<EntryControl>,
    control: RunControl,
    done: Option<oneshot::Receiver<T>>,
    engine: Option<JoinHandle<()>>,
}

/// What the engine's thread says once the run can begin.
#[derive(Debug)]
pub(crate) struct Started {
    pub(crate) run_id: String,
    pub(crate) events: EventStream,
    pub(crate) entries: Vec<EntryControl>,
    pub(crate) control: RunControl,
}

impl<T> RunHandle<T> {
    pub(crate) fn new(started: Started, done: oneshot::Receiver<T>, engine: JoinHandle<()>) -> Self {
        let Started { run_id, events, entries, control } = started;
        Self { run_id, events: Some(events), entries, control, done: Some(done), engine: Some(engine) }
    }

    /// Id of the run.
    pub fn run_id(&self) -> &str {
        &self.run_id
    }

    /// The run's events from its first one on; only the first call gets them.
    pub fn take_events(&mut self) -> Option<EventStream> {
        self.events.take()
    }

    /// Entry `index` of the task; `None` when there is no such entry.
    pub fn entry(&self, index: usize) -> Option<EntryControl> {
        self.entries.get(index).cloned()
    }

    /// What ends the run or its entries early, for a signal handler.
    pub fn control(&self) -> RunControl {
        self.control.clone()
    }

    /// Releases every entry; see [`EntryControl::release`].
    pub fn release(&self) {
        self.control.release();
    }

    /// Ends the run early: everything is undone and reported.
    pub fn cancel(&self) {
        self.control.cancel();
    }

    /// Waits for the report.
    ///
    /// # Errors
    /// [`RunnerError::Died`] when the engine's thread is gone.
    pub async fn wait(mut self) -> Result<T, RunnerError> {
        match self.done.take() {
            Some(done) => done.await.map_err(|_| RunnerError::Died),
            None => Err(RunnerError::Died),
        }
    }

    /// The same, blocking; not from async code.
    pub fn wait_blocking(mut self) -> Result<T, RunnerError> {
        // Joining first keeps this usable inside a runtime too, where a blocking receive would panic.
        if let Some(engine) = self.engine.take() {
            engine.join().map_err(|_| RunnerError::Died)?;
        }
        let done = self.done.take().and_then(|mut done| done.try_recv().ok());
        done.ok_or(RunnerError::Died)
    }
}

impl<T> Drop for RunHandle<T> {
    fn drop(&mut self) {
        self.control.cancel();
        if tokio::runtime::Handle::try_current().is_err()
            && let Some(engine) = self.engine.take()
        {
            // Its panic has been printed already, and there is nobody to tell.
            let _ = engine.join();
        }
    }
}
