//! The end of a hold, and what it means for a question that is still open.

use std::time::Duration;

use chaos_core::Observation;

use crate::ask::seconds;

/// What is said of a fault that ended before anything could be asked.
pub(super) const TOO_SHORT: &str = "the fault ended before the first answer";

/// A hold that was shorter than this was over before a service in order could have answered.
const LEAST_HOLD: Duration = Duration::from_millis(100);

/// What ended a hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EndedBy {
    /// Its own time, or the fault's own end.
    Time,
    /// Somebody released it.
    Release,
    /// A stop condition, an interruption, a failure.
    Cut,
}

/// When a hold ended, and why.
#[derive(Debug, Clone, Copy)]
pub(super) struct HoldEnd {
    /// On the run's clock.
    pub(super) at: Duration,
    pub(super) by: EndedBy,
}

impl HoldEnd {
    /// How long a question that was asked at `asked` had been open.
    pub(super) fn open(self, asked: Duration) -> Duration {
        self.at.saturating_sub(asked)
    }

    /// What a question that was still open at the end says of a probe that must be yes all the time: it is a no if
    /// nothing was answered during the whole hold, or it had been open for an interval. The end of a hold that was ended
    /// early is nobody's fault: there one answer is enough, and none is unknown.
    pub(super) fn left_open(self, asked: Duration, interval: Duration, answers: u64) -> Option<Observation> {
        let open = self.open(asked);
        if open.is_zero() {
            return None;
        }
        let early = self.by != EndedBy::Time;
        let silent = format!("no answer for {} of the hold", seconds(open));
        if answers == 0 {
            return Some(match early {
                true => Observation::unknown(format!("the fault was ended before the first answer: {silent}")),
                false if open < LEAST_HOLD => Observation::unknown(TOO_SHORT),
                false => Observation::no(silent),
            });
        }
        let before = if answers == 1 { "1 answer before".to_owned() } else { format!("{answers} answers before") };
        let silent = format!("{silent} ({before})");
        match (open >= interval, early) {
            (true, _) => Some(Observation::no(silent)),
            (false, false) => Some(Observation::unknown(silent)),
            (false, true) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use chaos_core::Answer;

    use super::*;

    #[test]
    fn an_open_question_is_judged_by_how_long_it_was_open_and_by_what_ended_the_hold() {
        use Answer::{No, Unknown};
        let ms = Duration::from_millis;
        // Asked, answers before, what ended it at 3 s, the answer.
        let rows = [
            (0, 0, EndedBy::Time, Some(No)),
            (0, 0, EndedBy::Release, Some(Unknown)),
            (0, 0, EndedBy::Cut, Some(Unknown)),
            (2950, 0, EndedBy::Time, Some(Unknown)),
            (2000, 2, EndedBy::Time, Some(No)),
            (2000, 2, EndedBy::Release, Some(No)),
            (2500, 2, EndedBy::Time, Some(Unknown)),
            (2500, 2, EndedBy::Release, None),
            (2500, 1, EndedBy::Cut, None),
            (3000, 3, EndedBy::Time, None),
        ];
        for (asked, answers, by, want) in rows {
            let seen = HoldEnd { at: ms(3000), by }.left_open(ms(asked), ms(1000), answers);
            assert_eq!(seen.map(|seen| seen.answer), want, "asked at {asked}, {answers} answers, {by:?}");
        }
        let seen = HoldEnd { at: ms(6000), by: EndedBy::Time }.left_open(ms(3000), ms(1000), 3);
        assert_eq!(seen.unwrap().detail, "no answer for 3 s of the hold (3 answers before)");
    }
}
