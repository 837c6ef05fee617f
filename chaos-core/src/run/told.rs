//! The run service that holds what somebody outside has told the run.

use tokio::sync::watch;

/// The names of events that were told, oldest first: a harness says so that its agent acted.
#[derive(Debug, Default)]
pub struct ToldEvents(watch::Sender<Vec<String>>);

impl ToldEvents {
    /// Tells one.
    pub fn tell(&self, name: impl Into<String>) {
        let name = name.into();
        self.0.send_modify(|told| told.push(name));
    }

    /// All so far, oldest first, and a notice of each new one.
    pub fn watch(&self) -> watch::Receiver<Vec<String>> {
        self.0.subscribe()
    }
}
