//! What is waited for, each thing from its own moment on.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// How long a container may wait for what may come yet: an image, a config map. How long it may take until what has become of chaos
/// is seen, and until it is recovered.
pub(super) const WAITING: Duration = Duration::from_secs(20);

/// A node, and the uid of its pod; no uid where it is its chaos that is waited for.
type Thing = (String, String);

/// What is waited for, and since when.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    since: BTreeMap<Thing, Duration>,
    /// The same by time, without those that were told to be late.
    order: BTreeSet<(Duration, Thing)>,
}

impl Waiting {
    /// Since when it is waited for: from now on, unless it is already.
    pub(super) fn begin(&mut self, node: &str, pod: &str, now: Duration) -> Duration {
        let thing = (node.to_owned(), pod.to_owned());
        if let Some(since) = self.since.get(&thing) {
            return *since;
        }
        self.order.insert((now, thing.clone()));
        self.since.insert(thing, now);
        now
    }

    /// It is waited for no more.
    pub(super) fn end(&mut self, node: &str, pod: &str) {
        let thing = (node.to_owned(), pod.to_owned());
        if let Some(since) = self.since.remove(&thing) {
            self.order.remove(&(since, thing));
        }
    }

    /// The nodes of what is late by now, each thing once.
    pub(super) fn late(&mut self, now: Duration) -> Vec<String> {
        let mut nodes = Vec::new();
        while let Some((since, _)) = self.order.first()
            && now.saturating_sub(*since) >= WAITING
            && let Some((_, (node, _))) = self.order.pop_first()
        {
            nodes.push(node);
        }
        nodes
    }

    /// When the next thing is late.
    pub(super) fn due(&self) -> Option<Duration> {
        self.order.first().map(|(since, _)| *since + WAITING)
    }
}
