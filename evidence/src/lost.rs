//! Stretches of time of which evidence is missing.

use crate::moment::Moment;
use crate::window::Window;

/// How many stretches are told apart; more of them run together, so that an answer is unknown rather than wrong.
const MOST: usize = 32;

/// Stretches of time of which something was not kept, or could not be read.
#[derive(Debug, Default, Clone)]
pub struct Lost {
    /// Sorted, and apart from each other.
    stretches: Vec<(Moment, Moment)>,
    count: u64,
}

impl Lost {
    /// Notes that `count` records from one moment to another are missing.
    pub fn add(&mut self, from: Moment, to: Moment, count: u64) {
        self.count = self.count.saturating_add(count);
        let (mut from, mut to) = (from, to);
        self.stretches.retain(|stretch| {
            let apart = stretch.1 < from || to < stretch.0;
            if !apart {
                (from, to) = (from.min(stretch.0), to.max(stretch.1));
            }
            apart
        });
        let at = self.stretches.partition_point(|stretch| stretch.0 < from);
        self.stretches.insert(at, (from, to));
        if self.stretches.len() > MOST {
            let oldest = self.stretches.remove(0);
            if let Some(next) = self.stretches.first_mut() {
                next.0 = oldest.0;
            }
        }
    }

    /// How many are missing.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Whether some may be missing of that window.
    pub fn touches(&self, window: Window) -> bool {
        self.stretches.iter().any(|(from, to)| *from <= window.to && window.from <= *to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(from: i64, to: i64) -> Window {
        Window { from: Moment(from), to: Moment(to) }
    }

    #[test]
    fn only_windows_that_meet_a_stretch_are_touched() {
        let mut lost = Lost::default();
        for (from, to) in [(100, 200), (10, 20), (15, 30), (300, 300)] {
            lost.add(Moment(from), Moment(to), 2);
        }
        let rows = [
            (0, 9, false),
            (0, 10, true),
            (30, 99, true),
            (31, 99, false),
            (150, 160, true),
            (201, 299, false),
            (300, 400, true),
        ];
        for (from, to, touched) in rows {
            assert_eq!(lost.touches(window(from, to)), touched, "{from}..{to}");
        }
        assert_eq!((lost.count(), lost.stretches.len()), (8, 3));
    }

    #[test]
    fn one_that_bridges_two_makes_them_one_and_too_many_run_together() {
        let mut lost = Lost::default();
        lost.add(Moment(0), Moment(1), 1);
        lost.add(Moment(5), Moment(6), 1);
        lost.add(Moment(1), Moment(5), 1);
        assert_eq!(lost.stretches, [(Moment(0), Moment(6))]);
        for at in 1..100 {
            lost.add(Moment(at * 100), Moment(at * 100), 1);
        }
        assert_eq!(lost.stretches.len(), MOST);
        assert!(lost.touches(window(50, 50)), "forgotten stretches are counted as lost as a whole");
        assert!(!lost.touches(window(9_850, 9_850)));
    }
}
