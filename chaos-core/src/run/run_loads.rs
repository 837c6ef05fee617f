//! The run service that shows the figures of the run's loads while they go on.

use std::fmt::Debug;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::{EntryId, FaultStandings, LoadFailure, LoadFailureKind};

/// Figures of some requests of a load.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LoadSlice {
    /// Requests that were due; `None` where the load has no schedule.
    pub scheduled: Option<u64>,
    /// Requests that have ended, well or not.
    pub completed: u64,
    /// Those of them that failed.
    pub errors: u64,
    /// The percentile that was asked for, over the response times of ended requests; `None` without any.
    pub response: Option<Duration>,
    /// Requests that took longer than the limit, or have no answer after it: one that hangs is not forgotten.
    pub slower: u64,
    /// Requests of which it is known whether they are slower: all that have ended, and those that hang for longer.
    pub judged: u64,
    /// The percentile that was asked for, over the requests that were answered well; `None` without any.
    pub ok_response: Option<Duration>,
    /// Requests that were answered well, and took longer than the limit.
    pub ok_slower: u64,
    /// How long the load had gone on when these figures were taken; `None` where that is not known.
    pub elapsed: Option<Duration>,
    /// After this time a request is given up: how long it would have taken is not known.
    pub timeout: Option<Duration>,
    /// Failures by cause, the most frequent first.
    pub failures: Vec<LoadFailure>,
}

impl LoadSlice {
    /// Requests that were given up at the timeout.
    pub fn timed_out(&self) -> u64 {
        self.failures.iter().filter(|failure| failure.kind == LoadFailureKind::Timeout).map(|row| row.count).sum()
    }
}

/// Figures of one load while it runs and after its end, kept apart by where the run's other faults stood.
pub trait LoadFigures: Debug + Send + Sync {
    /// Where the other faults stood when the requests of each segment were due; no two segments have the same.
    fn segments(&self) -> Vec<FaultStandings>;

    /// The requests of these segments together, with a percentile (0 to 100) and a limit of the response time.
    fn slice(&self, segments: &[usize], percentile: f64, limit: Duration) -> LoadSlice;
}

/// A load of this run.
#[derive(Debug, Clone)]
pub struct PostedLoad {
    /// Whose load.
    pub entry: Arc<EntryId>,
    /// Its figures.
    pub figures: Arc<dyn LoadFigures>,
}

/// The run service that holds the loads of a run.
#[derive(Debug, Default)]
pub struct RunLoads(Mutex<Vec<PostedLoad>>);

impl RunLoads {
    /// Shows the figures of a load.
    pub fn post(&self, load: PostedLoad) {
        self.lock().push(load);
    }

    /// The loads of this run, in the order of their starts.
    pub fn all(&self) -> Vec<PostedLoad> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<PostedLoad>> {
        // The list stays usable whatever panicked while holding it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
