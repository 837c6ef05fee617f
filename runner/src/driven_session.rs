//! The run service that holds the session of a driven run, for plug-ins that start entries themselves.

use std::sync::{Mutex, MutexGuard, PoisonError};

use chaos_core::ChaosResult;

use crate::session::Session;

/// The session in which a run is driven; there is one as long as its work goes on.
#[derive(Debug, Default)]
pub struct DrivenSession(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    session: Option<Session>,
    results: Vec<ChaosResult>,
}

impl DrivenSession {
    /// The session, for work that ends before that of the run.
    pub fn session(&self) -> Option<Session> {
        self.lock().session.clone()
    }

    /// Adds the results of entries that were started in it to those of the run.
    pub fn add_results(&self, results: Vec<ChaosResult>) {
        self.lock().results.extend(results);
    }

    pub(crate) fn begin(&self, session: Session) {
        self.lock().session = Some(session);
    }

    /// Lets go of the session, which holds what holds this; gives the results.
    pub(crate) fn end(&self) -> Vec<ChaosResult> {
        let State { session, results } = std::mem::take(&mut *self.lock());
        // Not under the lock.
        drop(session);
        results
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
