//! What a source took in and a store did not keep.

use crate::{Moment, Window};

/// What of one source was lost: how much, when, and why first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Losses {
    count: u64,
    span: Option<(Moment, Moment)>,
    why: String,
}

impl Losses {
    /// Counts what was lost in that stretch of time.
    pub(crate) fn add(&mut self, count: u64, from: Moment, to: Moment, why: &str) {
        if count == 0 {
            return;
        }
        self.count = self.count.saturating_add(count);
        self.span = Some(self.span.map_or((from, to), |(first, last)| (first.min(from), last.max(to))));
        if self.why.is_empty() {
            why.clone_into(&mut self.why);
        }
    }

    /// How many were lost.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The first reason; empty where nothing was lost.
    pub fn why(&self) -> &str {
        &self.why
    }

    /// Whether some of it may have been in that window. Between the first and the last loss every moment counts as one.
    pub fn touch(&self, window: Window) -> bool {
        self.span.is_some_and(|(first, last)| first <= window.to && last >= window.from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loss_counts_from_the_first_to_the_last() {
        let mut losses = Losses::default();
        let touches = |losses: &Losses, from, to| losses.touch(Window { from: Moment(from), to: Moment(to) });
        assert!(!touches(&losses, 0, 100));
        losses.add(0, Moment(1), Moment(1), "nothing");
        assert_eq!((losses.count(), losses.why()), (0, ""));
        losses.add(2, Moment(10), Moment(12), "full");
        losses.add(1, Moment(20), Moment(20), "unreadable");
        assert_eq!((losses.count(), losses.why()), (3, "full"));
        let rows = [(0, 9, false), (0, 10, true), (14, 16, true), (20, 30, true), (21, 30, false)];
        for (from, to, want) in rows {
            assert_eq!(touches(&losses, from, to), want, "{from} to {to}");
        }
    }
}
