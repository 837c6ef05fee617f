//! One family of metrics: values by labels, of which there are never too many.

use std::collections::BTreeMap;

/// Sets of labels of one family: a task with more entries than that has the rest of them as `other`, so that no run floods
/// a metrics store.
const MOST_SETS: usize = 200;

/// What stands for labels beyond those that are kept.
const OTHER: &str = "other";

/// Values by labels.
#[derive(Debug, Clone)]
pub(super) struct LabelSets<V, const N: usize>(BTreeMap<[String; N], V>);

impl<V: Default, const N: usize> LabelSets<V, N> {
    pub(super) fn new() -> Self {
        Self(BTreeMap::new())
    }

    /// The value of some labels.
    pub(super) fn of(&mut self, labels: [&str; N]) -> &mut V {
        let labels = labels.map(str::to_owned);
        let kept = self.0.contains_key(&labels) || self.0.len() < MOST_SETS;
        let labels = if kept { labels } else { labels.map(|_| OTHER.to_owned()) };
        self.0.entry(labels).or_default()
    }

    /// All values, by their labels in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&[String; N], &V)> {
        self.0.iter()
    }

    pub(super) fn values_mut(&mut self) -> impl Iterator<Item = &mut V> {
        self.0.values_mut()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_beyond_the_bound_are_counted_together() {
        let mut sets = LabelSets::<u64, 2>::new();
        for number in 0..MOST_SETS + 50 {
            *sets.of([&format!("entry {number}"), "load"]) += 1;
        }
        assert_eq!(sets.iter().count(), MOST_SETS + 1);
        assert_eq!(*sets.of([OTHER, OTHER]), 50);
        *sets.of(["entry 0", "load"]) += 1;
        assert_eq!(*sets.of(["entry 0", "load"]), 2);
    }
}
