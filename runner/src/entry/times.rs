//! Bounds of the times of an entry: a check says how the world was at that moment, and nothing of the time between two.

use chaos_core::{FaultTimes, Reverted, SecondsRange, TimeBounds};

use super::Record;

impl Record {
    /// The bounds that the edges of the fault and the answers of the probes give.
    pub(super) fn bounds(&self, times: &FaultTimes, reverted: Reverted) -> TimeBounds {
        // What somebody else undid was gone at a time that this process can't know.
        let gone = times
            .gone_seconds
            .filter(|_| matches!(reverted, Reverted::Reverted | Reverted::NothingToRevert) && !self.facts.taken_over);
        TimeBounds {
            in_force_seconds: in_force(times, gone, self.facts.landed),
            detect_seconds: detect(times, self),
            recover_seconds: recover(times, gone, self),
        }
    }
}

/// Of a fault that a check found: at least from that check to the last one that found it, at most from right before the
/// injection until it was undone. One that was gone at the end of its hold was there for an instant at least.
fn in_force(times: &FaultTimes, gone: Option<f64>, found_at_the_end: bool) -> Option<SecondsRange> {
    let (landing, in_force) = (times.landing_seconds?, times.in_force_seconds?);
    let found_for = times.leaving_seconds.filter(|_| found_at_the_end).map_or(0.0, |leaving| leaving - in_force);
    Some(match gone {
        Some(gone) => SecondsRange::new(found_for, gone - landing),
        None => SecondsRange::from(found_for),
    })
}

/// The system noticed after the last question that was answered with no, and before the answer yes.
fn detect(times: &FaultTimes, record: &Record) -> Option<SecondsRange> {
    let (landing, in_force) = (times.landing_seconds?, times.in_force_seconds?);
    let noticed = record.noticed?;
    let least = noticed.last_no.map_or(0.0, |asked| asked.as_secs_f64() - in_force);
    Some(SecondsRange::new(least, noticed.by.as_secs_f64() - landing))
}

/// The same of its recovery, from the undo on: that was at its end at the latest when everything was gone.
fn recover(times: &FaultTimes, gone: Option<f64>, record: &Record) -> Option<SecondsRange> {
    let (by, last_no) = record.recovered?;
    let least = last_no.zip(gone).map_or(0.0, |(asked, gone)| asked.as_secs_f64() - gone);
    Some(SecondsRange::new(least, by.as_secs_f64() - times.leaving_seconds?))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::watch::Noticed;

    fn times() -> FaultTimes {
        FaultTimes {
            landing_seconds: Some(1.0),
            in_force_seconds: Some(1.25),
            leaving_seconds: Some(5.25),
            gone_seconds: Some(6.0),
            ..FaultTimes::default()
        }
    }

    fn record(landed: bool) -> Record {
        let mut record = Record::default();
        record.facts.landed = landed;
        record
    }

    fn in_force(times: &FaultTimes, record: &Record, reverted: Reverted) -> Option<(f64, Option<f64>)> {
        record.bounds(times, reverted).in_force_seconds.map(|range| (range.at_least, range.at_most))
    }

    #[test]
    fn the_time_in_force_is_bounded_by_the_checks_that_found_it_and_those_that_did_not() {
        let reverted = Reverted::Reverted;
        assert_eq!(in_force(&times(), &record(true), reverted), Some((4.0, Some(5.0))));
        // Gone before its time: it was seen once.
        assert_eq!(in_force(&times(), &record(false), reverted), Some((0.0, Some(5.0))));
        // Never found.
        let unseen = FaultTimes { in_force_seconds: None, ..times() };
        assert_eq!(in_force(&unseen, &record(false), reverted), None);
    }

    #[test]
    fn what_nobody_saw_go_has_no_upper_bound() {
        let still_there = FaultTimes { gone_seconds: None, ..times() };
        assert_eq!(in_force(&still_there, &record(true), Reverted::Failed), Some((4.0, None)));
        assert_eq!(in_force(&times(), &record(true), Reverted::NotReversible), Some((4.0, None)));
        let mut others = record(true);
        others.facts.taken_over = true;
        assert_eq!(in_force(&times(), &others, Reverted::Reverted), Some((4.0, None)));
    }

    #[test]
    fn what_was_noticed_and_recovered_lies_between_the_last_no_and_the_yes() {
        let at = Duration::from_secs_f64;
        let mut record = record(true);
        record.noticed = Some(Noticed { last_no: Some(at(2.25)), by: at(2.5) });
        record.recovered = Some((at(7.5), Some(at(7.0))));
        let found = record.bounds(&times(), Reverted::Reverted);
        assert_eq!(found.detect_seconds, Some(SecondsRange::new(1.0, 1.5)));
        assert_eq!(found.recover_seconds, Some(SecondsRange::new(1.0, 2.25)));
        // The first answer was yes: perhaps it was so at once.
        record.noticed = Some(Noticed { last_no: None, by: at(1.5) });
        record.recovered = Some((at(6.5), None));
        let found = record.bounds(&times(), Reverted::Reverted);
        assert_eq!(found.detect_seconds, Some(SecondsRange::new(0.0, 0.5)));
        assert_eq!(found.recover_seconds, Some(SecondsRange::new(0.0, 1.25)));
    }
}
