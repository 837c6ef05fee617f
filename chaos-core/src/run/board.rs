//! What the entries of one run show each other: when each fault was in force, and the figures of loads.

use std::fmt::Debug;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

/// An entry of a run; its `Arc` tells it from others of the same name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryId {
    /// Its position in the document, as a JSON pointer.
    pub path: String,
    /// Its name, for people.
    pub name: String,
}

/// Where a fault stands in the world. Between two looks nobody knows, so a fault comes and goes in two steps each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// It is about to be injected: absent at the last look, present at the next.
    Landing,
    /// A look has found it.
    InForce,
    /// It is about to be undone, or has run its course.
    Leaving,
    /// Nothing of it is left.
    Gone,
}

impl Stage {
    /// The word for it in results.
    pub fn word(self) -> &'static str {
        match self {
            Self::Landing => "landing",
            Self::InForce => "in force",
            Self::Leaving => "leaving",
            Self::Gone => "gone",
        }
    }
}

/// A moment at which a fault changed its stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edge {
    /// Whose fault.
    pub entry: Arc<EntryId>,
    /// The stage that began.
    pub stage: Stage,
    /// When, on the run's clock.
    pub at: Duration,
}

/// Figures of some calls of a load.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LoadSlice {
    /// Calls that were due; `None` where the load has no schedule.
    pub scheduled: Option<u64>,
    /// Calls that have ended, well or not.
    pub completed: u64,
    /// Those of them that failed.
    pub errors: u64,
    /// The percentile that was asked for, over the response times of ended calls; `None` without any.
    pub response: Option<Duration>,
    /// Calls that took longer than the limit, or have no answer after it: a call that hangs is not forgotten.
    pub slower: u64,
    /// Calls of which it is known whether they are slower: all that have ended, and those that hang for longer.
    pub judged: u64,
}

/// Figures of one load while it runs and after its end, apart by the edges of the run's other faults.
pub trait LoadFigures: Debug + Send + Sync {
    /// The edges at which its calls are cut, oldest first: segment 0 was due before the first one, segment `n` from
    /// edge `n - 1` on. `None` when there were too many to keep apart.
    fn cuts(&self) -> Option<Vec<Edge>>;

    /// The calls of these segments together, with a percentile (0 to 100) and a limit of the response time.
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

/// The board of a run; clones share it.
#[derive(Debug, Clone, Default)]
pub struct Board {
    edges: watch::Sender<Vec<Edge>>,
    shown: Arc<Mutex<Shown>>,
}

#[derive(Debug, Default)]
struct Shown {
    entries: Vec<Arc<EntryId>>,
    loads: Vec<PostedLoad>,
}

impl Board {
    /// Makes an entry known before anything of it happens.
    pub(crate) fn enroll(&self, entry: &Arc<EntryId>) {
        self.lock().entries.push(Arc::clone(entry));
    }

    /// The entries that are known so far.
    pub fn entries(&self) -> Vec<Arc<EntryId>> {
        self.lock().entries.clone()
    }

    /// Tells that a fault has changed its stage.
    pub(crate) fn tell(&self, edge: Edge) {
        self.edges.send_modify(|edges| edges.push(edge));
    }

    /// All edges so far, oldest first, and word of each new one.
    pub fn edges(&self) -> watch::Receiver<Vec<Edge>> {
        self.edges.subscribe()
    }

    /// Shows the figures of a load.
    pub fn post(&self, load: PostedLoad) {
        self.lock().loads.push(load);
    }

    /// The loads of this run, in the order of their starts.
    pub fn loads(&self) -> Vec<PostedLoad> {
        self.lock().loads.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Shown> {
        // Both lists stay usable whatever panicked while holding them.
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_comes_late_sees_the_edges_so_far_and_is_told_of_the_next() {
        let board = Board::default();
        let entry = Arc::new(EntryId { path: "/chaos_spec/0".into(), name: "pause".into() });
        let edge = |stage| Edge { entry: Arc::clone(&entry), stage, at: Duration::ZERO };
        board.clone().tell(edge(Stage::Landing));
        let mut edges = board.edges();
        assert_eq!(edges.borrow_and_update().len(), 1);
        assert!(!edges.has_changed().unwrap());
        board.tell(edge(Stage::InForce));
        assert!(edges.has_changed().unwrap());
        assert_eq!(edges.borrow().last().map(|edge| edge.stage), Some(Stage::InForce));
    }
}
