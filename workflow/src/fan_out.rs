//! When a `parallel` is decided, and how.

use chaos_core::{ParallelSuccess, StepEnd, StepOutcome};

/// The ends of the steps so far.
#[derive(Debug)]
pub(crate) struct Tally {
    success: ParallelSuccess,
    total: usize,
    ended: usize,
    passed: usize,
    /// The first failure, else the first that did not pass, with the name of its step: it names the cause.
    first: Option<(String, StepOutcome, String)>,
}

impl Tally {
    pub(crate) fn of(success: ParallelSuccess, total: usize) -> Self {
        Self { success, total, ended: 0, passed: 0, first: None }
    }

    /// One more step has ended.
    pub(crate) fn add(&mut self, name: &str, end: &StepEnd) {
        self.ended += 1;
        if end.outcome == StepOutcome::Pass {
            self.passed += 1;
            return;
        }
        let names_the_cause = match &self.first {
            None => true,
            Some((_, outcome, _)) => !outcome.is_failure() && end.outcome.is_failure(),
        };
        if names_the_cause {
            self.first = Some((name.to_owned(), end.outcome, end.detail.clone()));
        }
    }

    fn needed(&self) -> usize {
        match self.success {
            ParallelSuccess::All => self.total,
            ParallelSuccess::BestEffort => 1,
            ParallelSuccess::Quorum(count) => usize::try_from(count).unwrap_or(usize::MAX),
        }
    }

    /// Whether more ends can't change it, so that the steps that still run are ended.
    pub(crate) fn is_decided(&self) -> bool {
        let left = self.total - self.ended;
        match self.success {
            // Its steps are wanted for what they do.
            ParallelSuccess::BestEffort => left == 0,
            ParallelSuccess::All => self.passed < self.ended || left == 0,
            ParallelSuccess::Quorum(_) => self.passed >= self.needed() || self.passed + left < self.needed(),
        }
    }

    /// What it came to.
    pub(crate) fn end(self) -> StepEnd {
        let said = format!("{} of {} steps passed", self.passed, self.total);
        if self.passed >= self.needed() {
            return StepEnd::new(StepOutcome::Pass, said);
        }
        match &self.first {
            Some((name, outcome, detail)) => {
                let outcome = if outcome.is_failure() { *outcome } else { StepOutcome::InfraFail };
                StepEnd::new(outcome, format!("{said}, {} needed; first `{name}`: {detail}", self.needed()))
            }
            None => StepEnd::new(StepOutcome::InfraFail, said),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All orders of `items`.
    fn orders(items: &[StepOutcome]) -> Vec<Vec<StepOutcome>> {
        if items.is_empty() {
            return vec![Vec::new()];
        }
        let mut all = Vec::new();
        for (index, first) in items.iter().enumerate() {
            let mut rest = items.to_vec();
            rest.remove(index);
            for mut order in orders(&rest) {
                order.insert(0, *first);
                all.push(order);
            }
        }
        all
    }

    /// The end, and after how many ends it was decided.
    fn decided(success: ParallelSuccess, order: &[StepOutcome]) -> (StepEnd, usize) {
        let mut tally = Tally::of(success, order.len());
        for (index, outcome) in order.iter().enumerate() {
            tally.add(&format!("s{index}"), &StepEnd::new(*outcome, "x"));
            if tally.is_decided() {
                return (tally.end(), index + 1);
            }
        }
        (tally.end(), order.len())
    }

    #[test]
    fn whether_it_passes_does_not_depend_on_the_order() {
        let five = [
            StepOutcome::Pass,
            StepOutcome::TaskFail,
            StepOutcome::InfraFail,
            StepOutcome::TimedOut,
            StepOutcome::Skipped,
        ];
        let policies = [ParallelSuccess::All, ParallelSuccess::BestEffort].into_iter();
        let policies: Vec<_> = policies.chain((1..=5).map(ParallelSuccess::Quorum)).collect();
        // Every multiset of five outcomes, in every order.
        for code in 0..5_usize.pow(5) {
            let outcomes: Vec<_> = (0..5).map(|place| five[code / 5_usize.pow(place) % 5]).collect();
            if !outcomes.is_sorted_by_key(|outcome| five.iter().position(|one| one == outcome)) {
                continue;
            }
            let passed = outcomes.iter().filter(|outcome| **outcome == StepOutcome::Pass).count();
            for policy in &policies {
                let want = match policy {
                    ParallelSuccess::All => passed == 5,
                    ParallelSuccess::BestEffort => passed >= 1,
                    ParallelSuccess::Quorum(count) => passed >= *count as usize,
                };
                for order in orders(&outcomes) {
                    let (end, after) = decided(*policy, &order);
                    assert_eq!(end.outcome == StepOutcome::Pass, want, "{policy:?} {order:?}");
                    assert!(end.outcome == StepOutcome::Pass || end.outcome.is_failure());
                    if *policy == ParallelSuccess::BestEffort {
                        assert_eq!(after, 5, "all of them run");
                    }
                    if *policy == ParallelSuccess::All && !want {
                        let first = order.iter().position(|outcome| *outcome != StepOutcome::Pass).unwrap();
                        assert_eq!(after, first + 1, "the first failure decides");
                    }
                }
            }
        }
    }
}
