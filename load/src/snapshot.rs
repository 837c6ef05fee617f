//! The state of a run in progress.

use std::sync::Arc;
use std::time::Duration;

use crate::clock::nanos;
use crate::control::Mark;
use crate::failure::FailureKind;
use crate::latency::Latency;
use crate::plan::LoadPlan;
use crate::program::Program;
use crate::result::{FailureCount, Phase, phases};
use crate::tally::Tally;

/// Two percentiles of many requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Spread {
    /// Half of the requests were at most this long.
    pub p50: Duration,
    /// 99 of 100 requests were at most this long.
    pub p99: Duration,
}

impl Spread {
    pub(crate) fn of(latency: &Latency) -> Self {
        let at = |percentile| latency.percentile(percentile).unwrap_or_default();
        Self { p50: at(50.0), p99: at(99.0) }
    }
}

/// How far a run is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment {
    /// Nanoseconds since the start.
    pub(crate) elapsed: u64,
    pub(crate) scheduled: u64,
    pub(crate) started: u64,
}

/// The state of a run, refreshed each second and once more at its end.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct Snapshot {
    /// Time since the start; zero while connections are warming up.
    pub elapsed: Duration,
    /// Requests that were due so far.
    pub scheduled: u64,
    /// Requests that have started.
    pub started: u64,
    /// Requests that have ended, well or not.
    pub completed: u64,
    /// Requests that were due and have not started: they wait for a connection, or
    /// will never start.
    pub missed: u64,
    /// Requests that were answered well.
    pub ok: u64,
    /// Requests that failed, or were answered with an error status.
    pub errors: u64,
    /// Requests that were sent once more.
    pub retries: u64,
    /// Target rate in requests a second; `None` at full speed.
    pub target_qps: Option<f64>,
    /// Requests completed a second, over the time since the last snapshot.
    pub achieved_qps: f64,
    /// From the start of a request to its end, over the whole run.
    pub service: Spread,
    /// From the time at which a request was due to its end, over the whole run.
    pub response: Spread,
    /// The same over the time since the last snapshot.
    pub recent_response: Spread,
    /// The requests so far by phase; the first one is the time before any mark.
    pub phases: Arc<Vec<Phase>>,
    /// Kinds of failures with the first one's cause in words.
    pub failures: Vec<(FailureKind, String)>,
    /// The run has ended; this is its last snapshot.
    pub finished: bool,
    /// When each phase began or went on.
    pub(crate) marks: Arc<Vec<Mark>>,
    /// What tells how many requests were due by a moment.
    pub(crate) schedule: Option<(Arc<LoadPlan>, Program)>,
}

/// Figures of the requests of some phases.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PhaseFigures {
    /// Calls that were due; `None` at full speed.
    pub scheduled: Option<u64>,
    /// Requests that have ended, well or not.
    pub completed: u64,
    /// Those of them that failed, or were answered with an error status.
    pub errors: u64,
    /// The percentile that was asked for, over the response times of ended requests.
    pub response: Option<Duration>,
    /// Requests whose response time is above the limit: those that ended, and those that have been waiting for longer.
    pub slower: u64,
    /// Requests of which it is known whether they are slower.
    pub judged: u64,
    /// The percentile that was asked for, over the response times of the requests that were answered well.
    pub ok_response: Option<Duration>,
    /// Requests that were answered well, with a response time above the limit.
    pub ok_slower: u64,
    /// After this time a request is given up.
    pub timeout: Option<Duration>,
    /// Failures by kind, the most frequent first.
    pub failures: Vec<FailureCount>,
}

impl Snapshot {
    /// The state of a run by its counts, but for the figures since the last snapshot.
    pub(crate) fn of(load: &Arc<LoadPlan>, program: Program, tally: &Tally, marks: Vec<Mark>, moment: Moment) -> Self {
        let Moment { elapsed, scheduled, started } = moment;
        Self {
            elapsed: Duration::from_nanos(elapsed),
            scheduled,
            started,
            completed: tally.completed(),
            missed: scheduled.saturating_sub(started),
            ok: tally.ok,
            errors: tally.errors,
            retries: tally.retries,
            target_qps: load.rate.qps(),
            service: Spread::of(&tally.service()),
            response: Spread::of(&tally.response()),
            phases: Arc::new(phases(tally, &marks)),
            marks: Arc::new(marks),
            failures: tally.failures().into_iter().map(|(kind, failure)| (kind, failure.first)).collect(),
            schedule: Some((load.clone(), program)),
            ..Self::default()
        }
    }

    /// Adds up phases, by their positions in [`Snapshot::phases`], with a percentile (0 to 100) and a limit of the
    /// response time.
    ///
    /// A request that hangs is not left out: it counts as slower as soon as it has been due for longer than the limit, or
    /// when the run is over. Which requests hang is not known, so they are taken for the last ones that were due.
    pub fn over(&self, phases: &[usize], percentile: f64, limit: Duration) -> PhaseFigures {
        let mut sum = PhaseFigures::default();
        let (mut response, mut ok) = (Latency::new(), Latency::new());
        let mut overdue = 0;
        for (index, phase) in phases.iter().filter_map(|index| Some((*index, self.phases.get(*index)?))) {
            let completed = phase.ok + phase.errors;
            sum.completed += completed;
            sum.errors += phase.errors;
            response.add(&phase.response);
            ok.add(&phase.ok_response);
            add_failures(&mut sum.failures, &phase.failures);
            if let Some(due) = self.due_in(index, Duration::ZERO) {
                *sum.scheduled.get_or_insert(0) += due;
                let young =
                    if self.finished { Some(0) } else { self.due_in(index, self.elapsed.saturating_sub(limit)) };
                overdue += due.saturating_sub(completed).saturating_sub(young.unwrap_or(0));
            }
        }
        sum.response = response.percentile(percentile);
        sum.slower = response.count_above(limit) + overdue;
        sum.judged = sum.completed + overdue;
        sum.ok_response = ok.percentile(percentile);
        sum.ok_slower = ok.count_above(limit);
        sum.timeout = self.schedule.as_ref().map(|(load, _)| load.timeout);
        sum.failures.sort_by_key(|failure| std::cmp::Reverse(failure.count));
        sum
    }

    /// How many requests of a phase were due after a moment and by now.
    fn due_in(&self, index: usize, after: Duration) -> Option<u64> {
        let (load, program) = self.schedule.as_ref()?;
        let by = |end: Option<u64>| end.map_or(Some(0), |end| program.due_by(load, end));
        let starts = std::iter::once((0, 0)).chain(self.marks.iter().map(|mark| (mark.phase, mark.at)));
        let ends = self.marks.iter().map(|mark| mark.at.checked_sub(1)).chain([Some(nanos(self.elapsed))]);
        let after = Some(nanos(after)).filter(|after| *after > 0);
        let mut due = None;
        // A phase has the requests that were due from each of its starts on, and before the next mark.
        for ((_, start), end) in starts.zip(ends).filter(|((phase, _), _)| *phase == index) {
            let begin = start.checked_sub(1).max(after);
            *due.get_or_insert(0) += by(end)?.saturating_sub(by(begin)?);
        }
        due
    }
}

fn add_failures(sum: &mut Vec<FailureCount>, more: &[FailureCount]) {
    for failure in more {
        match sum.iter_mut().find(|known| known.kind == failure.kind) {
            Some(known) => known.count += failure.count,
            None => sum.push(failure.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::Outcome;
    use crate::plan::{Rate, Stop};
    use crate::tally::Times;

    const SECOND: u64 = 1_000_000_000;
    const LIMIT: Duration = Duration::from_millis(250);

    /// 100 requests a second, answered after 1 ms unless they are due in the second second, which hang.
    fn stalled(elapsed: u64, finished: bool) -> Snapshot {
        let mut load = LoadPlan::to("http://h/").unwrap();
        load.rate = Rate::Qps(100.0);
        load.stop = Stop::After(Duration::from_secs(3));
        let mut tally = Tally::new(&load);
        for due in (0..elapsed).step_by(10_000_000).filter(|due| !(SECOND..2 * SECOND).contains(due)) {
            let phase = if due < SECOND { 0 } else { 2 };
            tally.record(Times { due, sent: due, done: due + 1_000_000 }, phase, &Outcome::answered(200, 0));
        }
        let mark = |name: &str, phase, at| Mark { name: Some(name.to_owned()), phase, at };
        // Between two requests, as an edge of a real fault lies.
        let marks = [mark("in force", 1, 995_000_000), mark("gone", 2, 1_995_000_000)];
        let marks: Vec<Mark> = marks.into_iter().filter(|mark| mark.at <= elapsed).collect();
        let program = Program::of(&load);
        Snapshot {
            elapsed: Duration::from_nanos(elapsed),
            phases: Arc::new(phases(&tally, &marks)),
            marks: Arc::new(marks),
            schedule: Some((Arc::new(load), program)),
            finished,
            ..Snapshot::default()
        }
    }

    #[test]
    fn calls_that_hang_count_as_slower_once_they_are_overdue() {
        // 1.5 s: of the 51 requests due since the stall, those of the last quarter second may still be in time.
        let live = stalled(3 * SECOND / 2, false).over(&[1], 99.0, LIMIT);
        assert_eq!((live.scheduled, live.completed, live.response), (Some(51), 0, None));
        assert_eq!((live.slower, live.judged), (26, 26));
        let over = stalled(3 * SECOND, true).over(&[1], 99.0, LIMIT);
        assert_eq!((over.scheduled, over.slower, over.judged), (Some(100), 100, 100));
    }

    #[test]
    fn phases_keep_their_calls_apart_and_add_up() {
        let snapshot = stalled(3 * SECOND, false);
        let of = |phases: &[usize]| snapshot.over(phases, 99.0, LIMIT);
        assert_eq!((of(&[0]).scheduled, of(&[0]).judged, of(&[0]).slower), (Some(100), 100, 0));
        assert_eq!((of(&[2]).scheduled, of(&[2]).completed), (Some(100), 100));
        let all = of(&[0, 1, 2]);
        assert_eq!((all.scheduled, all.completed, all.slower), (Some(300), 200, 100));
        assert!(all.response.unwrap() < Duration::from_millis(2), "over the calls that ended");
        assert_eq!((of(&[7]).completed, of(&[7]).scheduled), (0, None), "a phase that has not begun");
    }

    #[test]
    fn a_phase_that_goes_on_has_the_requests_of_all_its_times() {
        let mut snapshot = stalled(3 * SECOND, false);
        let again = Mark { name: None, phase: 1, at: 2_495_000_000 };
        Arc::make_mut(&mut snapshot.marks).push(again);
        let due = |phase: usize| snapshot.due_in(phase, Duration::ZERO);
        assert_eq!([due(0), due(1), due(2), due(3)], [Some(100), Some(150), Some(50), None]);
        let late = |phase: usize| snapshot.due_in(phase, Duration::from_millis(1_495));
        assert_eq!([late(0), late(1), late(2)], [Some(0), Some(100), Some(50)]);
    }
}
