//! The moment from which a fault is in force, as something to wait for.

use tokio::sync::watch;

use crate::Evidence;

/// Where an entry stands.
#[derive(Debug, Clone, PartialEq)]
pub enum ActiveState {
    /// Not in force yet.
    Pending,
    /// In force, and this shows it.
    Active(Evidence),
    /// Over, whether or not it ever was in force.
    Ended,
}

/// The engine's side: says that a fault is active, and that it ended.
#[derive(Debug, Clone)]
pub struct ActiveSignal(watch::Sender<ActiveState>);

impl ActiveSignal {
    /// A signal and the side that waits for it.
    pub fn new() -> (Self, ActiveWatch) {
        let (tx, rx) = watch::channel(ActiveState::Pending);
        (Self(tx), ActiveWatch(rx))
    }

    /// Says that it is in force. Only the first call counts, and none after the end. Returns whether this one did.
    pub fn activate(&self, evidence: Evidence) -> bool {
        self.0.send_if_modified(|state| {
            let pending = *state == ActiveState::Pending;
            if pending {
                *state = ActiveState::Active(evidence);
            }
            pending
        })
    }

    /// Says that it is over.
    pub fn end(&self) {
        self.0.send_replace(ActiveState::Ended);
    }

    /// Another side that waits for it.
    pub fn watch(&self) -> ActiveWatch {
        ActiveWatch(self.0.subscribe())
    }
}

/// The waiting side.
#[derive(Debug, Clone)]
pub struct ActiveWatch(watch::Receiver<ActiveState>);

impl ActiveWatch {
    /// Waits until the fault is in force: `Some` with the evidence, `None` if the entry ended without. Never waits for
    /// ever: an engine that is gone counts as an end.
    pub async fn active(&mut self) -> Option<Evidence> {
        let state = self.0.wait_for(|state| *state != ActiveState::Pending).await.ok()?;
        match &*state {
            ActiveState::Active(evidence) => Some(evidence.clone()),
            _ => None,
        }
    }

    /// Waits until the entry is over.
    pub async fn ended(&mut self) {
        // A dropped engine is an end too, so the error needs no other answer.
        let _ = self.0.wait_for(|state| *state == ActiveState::Ended).await;
    }

    /// Where it stands now.
    pub fn state(&self) -> ActiveState {
        self.0.borrow().clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn waiting_ends_when_the_entry_ends_without_being_active() {
        let (signal, mut watch) = ActiveSignal::new();
        signal.end();
        assert_eq!(watch.active().await, None);
        assert!(!signal.activate(Evidence::new("late")), "active after the end");
    }

    #[tokio::test]
    async fn waiting_ends_when_the_engine_is_dropped() {
        let (signal, mut watch) = ActiveSignal::new();
        drop(signal);
        assert_eq!(watch.active().await, None);
        watch.ended().await;
    }

    #[tokio::test]
    async fn the_first_evidence_counts() {
        let (signal, mut watch) = ActiveSignal::new();
        assert!(signal.activate(Evidence::new("first")));
        assert!(!signal.activate(Evidence::new("second")));
        assert_eq!(watch.active().await, Some(Evidence::new("first")));
    }
}
