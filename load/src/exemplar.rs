//! The requests worth a look in the traces of the target: the slowest, and the first that failed.

use std::time::Duration;

use crate::call::Outcome;
use crate::failure::FailureKind;
use crate::trace_context::TraceIds;

/// Requests of each sort that are kept: enough to see whether they have a cause in common.
const KEPT: usize = 5;

/// One request, and where it stands in the traces of the system that it went to.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TracedRequest {
    /// Its ids.
    pub ids: TraceIds,
    /// When it was sent, after the start of the run.
    pub sent: Duration,
    /// Time from there to its end.
    pub took: Duration,
    /// Status of the answer, or -1.
    pub code: i32,
    /// Why it counts as failed; `None` when it does not.
    pub failure: Option<FailureKind>,
}

/// A few requests of a run that carried trace context.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Exemplars {
    /// The slowest of those that were answered well, by their service time; the slowest first, at most 5.
    pub slowest: Vec<TracedRequest>,
    /// The first that failed, in the order in which they were sent; at most 5.
    pub failed: Vec<TracedRequest>,
}

impl Exemplars {
    /// Takes a request that was sent so many nanoseconds after the start and took so many, where it is one of those that
    /// are kept.
    pub(crate) fn record(&mut self, sent: u64, took: u64, outcome: &Outcome) {
        let Some(ids) = outcome.trace else { return };
        let full = |kept: &Vec<TracedRequest>| kept.len() == KEPT;
        let last = |kept: &Vec<TracedRequest>, of: fn(&TracedRequest) -> Duration| kept.last().map(of);
        // One comparison for nearly every request of a long run.
        let passed_over = match outcome.failure {
            None => full(&self.slowest) && last(&self.slowest, |one| one.took) >= Some(Duration::from_nanos(took)),
            Some(_) => full(&self.failed) && last(&self.failed, |one| one.sent) <= Some(Duration::from_nanos(sent)),
        };
        if passed_over {
            return;
        }
        self.take(TracedRequest {
            ids,
            sent: Duration::from_nanos(sent),
            took: Duration::from_nanos(took),
            code: outcome.code,
            failure: outcome.failure.as_ref().map(|failure| failure.kind),
        });
    }

    fn take(&mut self, request: TracedRequest) {
        if request.failure.is_none() {
            let place = self.slowest.partition_point(|one| one.took >= request.took);
            self.slowest.insert(place, request);
            self.slowest.truncate(KEPT);
        } else {
            let place = self.failed.partition_point(|one| one.sent <= request.sent);
            self.failed.insert(place, request);
            self.failed.truncate(KEPT);
        }
    }

    /// Adds those of another part of the run.
    pub(crate) fn add(&mut self, other: &Self) {
        for request in other.slowest.iter().chain(&other.failed) {
            self.take(request.clone());
        }
    }

    pub(crate) fn clear(&mut self) {
        self.slowest.clear();
        self.failed.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Failure;
    use crate::random::Random;

    fn request(random: &mut Random, failed: bool) -> Outcome {
        let mut outcome = Outcome::answered(200, 0);
        outcome.trace = Some(TraceIds::draw(random));
        outcome.failure = failed.then(|| Failure::new(FailureKind::Timeout, "t"));
        outcome
    }

    fn millis(requests: &[TracedRequest], of: fn(&TracedRequest) -> Duration) -> Vec<u128> {
        requests.iter().map(|one| of(one).as_millis()).collect()
    }

    #[test]
    fn the_slowest_and_the_first_failures_are_kept_over_parts_of_a_run() {
        let mut random = Random::new(1, 1);
        let (mut whole, mut part) = (Exemplars::default(), Exemplars::default());
        for (index, took) in [3, 9, 1, 8, 2, 7, 6, 5].into_iter().enumerate() {
            let sent = index as u64 * 1_000_000;
            let took = took * 1_000_000;
            let into = if index % 2 == 0 { &mut whole } else { &mut part };
            into.record(sent, took, &request(&mut random, false));
            into.record(sent, took, &request(&mut random, true));
        }
        part.add(&whole);
        assert_eq!(millis(&part.slowest, |one| one.took), [9, 8, 7, 6, 5]);
        assert_eq!(millis(&part.failed, |one| one.sent), [0, 1, 2, 3, 4]);
        assert!(part.slowest.iter().all(|one| one.failure.is_none()));
        part.clear();
        assert_eq!(part, Exemplars::default());
    }

    #[test]
    fn a_request_without_trace_context_is_not_kept() {
        let mut kept = Exemplars::default();
        kept.record(0, 9, &Outcome::answered(200, 0));
        assert_eq!(kept, Exemplars::default());
    }
}
