//! What is to be reconciled, and when: each key once, in the order it came due, later after each failure.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

/// The pause after the first failure; it doubles with each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
/// The longest pause between failures. The real controllers wait up to 1,000 s; tests would not.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// One object to be reconciled.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    /// Which kind of object.
    pub(super) kind: Kind,
    /// Where it is.
    pub(super) namespace: String,
    /// What it is called.
    pub(super) name: String,
}

/// Kinds of objects that are reconciled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// A Workflow.
    Workflow,
    /// One of its nodes.
    Node,
    /// A status check.
    Check,
    /// A Schedule.
    Schedule,
    /// A chaos object of that kind.
    Chaos(&'static str),
}

/// Keys that wait.
#[derive(Debug, Default)]
pub(super) struct Queue {
    due: BTreeMap<Key, (Instant, u64)>,
    failures: BTreeMap<Key, u32>,
    added: u64,
}

impl Queue {
    /// Adds a key. One that waits already is due at the earlier of both times.
    pub(super) fn add(&mut self, key: Key, at: Instant) {
        self.added += 1;
        let entry = (at, self.added);
        let due = self.due.entry(key).or_insert(entry);
        *due = entry.min(*due);
    }

    /// Adds a key because its object has changed. A chaos object that failed keeps its pause: the failure is written into it, and
    /// that is such a change.
    pub(super) fn wake(&mut self, key: Key, now: Instant) {
        if !(matches!(key.kind, Kind::Chaos(_)) && self.failures.contains_key(&key)) {
            self.add(key, now);
        }
    }

    /// Takes the key that has been due longest.
    pub(super) fn take(&mut self, now: Instant) -> Option<Key> {
        let (key, (at, _)) = self.due.iter().min_by_key(|(_, due)| **due)?;
        let key = (*at <= now).then(|| key.clone())?;
        self.due.remove(&key);
        Some(key)
    }

    /// When the next key is due.
    pub(super) fn next(&self) -> Option<Instant> {
        self.due.values().map(|(at, _)| *at).min()
    }

    /// Notes that a key was reconciled.
    pub(super) fn succeeded(&mut self, key: &Key) {
        self.failures.remove(key);
    }

    /// Adds a key again after a failure, with a pause that doubles.
    pub(super) fn failed(&mut self, key: Key, now: Instant) {
        let failures = self.failures.entry(key.clone()).or_default();
        let pause = FIRST_PAUSE.saturating_mul(1 << (*failures).min(16)).min(LONGEST_PAUSE);
        *failures = failures.saturating_add(1);
        self.add(key, now + pause);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> Key {
        Key { kind: Kind::Node, namespace: "here".into(), name: name.into() }
    }

    #[test]
    fn model_keys_come_once_and_in_order() {
        let (mut queue, now) = (Queue::default(), Instant::now());
        let second = Duration::from_secs(1);
        queue.add(key("b"), now);
        queue.add(key("a"), now);
        queue.add(key("b"), now);
        queue.add(key("late"), now + second);
        assert_eq!(queue.take(now), Some(key("b")), "the first that came, not the first by name");
        assert_eq!(queue.take(now), Some(key("a")));
        assert_eq!(queue.take(now), None);
        assert_eq!(queue.next(), Some(now + second));
        queue.add(key("late"), now);
        assert_eq!(queue.take(now), Some(key("late")), "the earlier time counts");
        assert_eq!(queue.next(), None);
    }

    #[test]
    fn model_a_change_ends_the_pause_of_all_but_chaos_that_failed() {
        let (mut queue, now) = (Queue::default(), Instant::now());
        let chaos = Key { kind: Kind::Chaos("PodChaos"), ..key("a") };
        for (key, at) in [(key("a"), now), (chaos.clone(), now + FIRST_PAUSE)] {
            queue.failed(key.clone(), now);
            queue.wake(key.clone(), now);
            assert_eq!(queue.next(), Some(at), "{key:?}");
            queue.take(now + FIRST_PAUSE).unwrap();
        }
        queue.succeeded(&chaos);
        queue.wake(chaos, now);
        assert_eq!(queue.next(), Some(now), "it succeeded in between");
    }

    #[test]
    fn model_pauses_after_failures_double_up_to_a_bound() {
        let (mut queue, now) = (Queue::default(), Instant::now());
        let mut pauses = Vec::new();
        for _ in 0..30 {
            queue.failed(key("a"), now);
            pauses.push(queue.next().unwrap() - now);
            queue.take(now + LONGEST_PAUSE).unwrap();
        }
        assert_eq!(pauses[..3], [FIRST_PAUSE, FIRST_PAUSE * 2, FIRST_PAUSE * 4]);
        assert_eq!(pauses[29], LONGEST_PAUSE);
        queue.succeeded(&key("a"));
        queue.failed(key("a"), now);
        assert_eq!(queue.next(), Some(now + FIRST_PAUSE));
    }
}
