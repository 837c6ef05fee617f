//! The run service that tells when each fault of the run came into force, and when it was gone.

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

/// What the path of a control leg has behind its entry's, and its name behind the fault's.
const CONTROL: (&str, &str) = ("#control", " (control)");

impl EntryId {
    /// What the control leg of this entry is known by: the edges of nothing, so that loads keep its time apart.
    pub(crate) fn control(&self) -> Self {
        Self { path: format!("{}{}", self.path, CONTROL.0), name: format!("{}{}", self.name, CONTROL.1) }
    }

    /// Whether it is a control leg: no fault of the run.
    pub fn is_control(&self) -> bool {
        self.path.ends_with(CONTROL.0) && self.name.ends_with(CONTROL.1)
    }

    /// Whether it is the control leg of that entry.
    pub fn is_control_of(&self, entry: &Self) -> bool {
        self.is_control() && self.path.strip_suffix(CONTROL.0) == Some(entry.path.as_str())
    }

    /// The name without the number that tells one event of a soak from the next: `pause` of `pause #3`.
    pub fn fault_name(&self) -> &str {
        match self.name.rsplit_once(" #") {
            Some((fault, number)) if !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()) => fault,
            _ => &self.name,
        }
    }
}

/// Whether a name is that of a control leg.
pub fn is_control_name(name: &str) -> bool {
    name.ends_with(CONTROL.1)
}

/// Where a fault is in its life, as far as checks show it. Between two checks nobody knows, so a fault comes and goes in
/// two steps each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// It is about to be injected: absent at the last check, present at the next.
    Landing,
    /// A check has found it.
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

/// The run service that holds the entries of a run and the edges of their faults.
#[derive(Debug, Default)]
pub struct FaultEdges {
    edges: watch::Sender<Vec<Edge>>,
    entries: Mutex<Vec<Arc<EntryId>>>,
}

impl FaultEdges {
    /// Makes an entry known before anything of it happens.
    pub(crate) fn enroll(&self, entry: &Arc<EntryId>) {
        self.lock().push(Arc::clone(entry));
    }

    /// The entries that are known so far.
    pub fn entries(&self) -> Vec<Arc<EntryId>> {
        self.lock().clone()
    }

    /// Tells that a fault has changed its stage.
    pub(crate) fn tell(&self, edge: Edge) {
        self.edges.send_modify(|edges| edges.push(edge));
    }

    /// All edges so far, oldest first, and a notice of each new one.
    pub fn watch(&self) -> watch::Receiver<Vec<Edge>> {
        self.edges.subscribe()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<EntryId>>> {
        // The list stays usable whatever panicked while holding it.
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_late_watcher_sees_the_edges_so_far_and_is_told_of_the_next() {
        let faults = FaultEdges::default();
        let entry = Arc::new(EntryId { path: "/chaos_spec/0".into(), name: "pause".into() });
        let edge = |stage| Edge { entry: Arc::clone(&entry), stage, at: Duration::ZERO };
        faults.tell(edge(Stage::Landing));
        let mut edges = faults.watch();
        assert_eq!(edges.borrow_and_update().len(), 1);
        assert!(!edges.has_changed().unwrap());
        faults.tell(edge(Stage::InForce));
        assert!(edges.has_changed().unwrap());
        assert_eq!(edges.borrow().last().map(|edge| edge.stage), Some(Stage::InForce));
    }
}
