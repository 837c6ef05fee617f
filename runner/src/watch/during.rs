//! `during`: must say yes at every sample, until the hold ends.

use std::time::Duration;

use chaos_core::{Answer, Observation, ProbeRole, SampledProbe, Sampling, Verification};
use serde_json::json;

use super::Watcher;
use super::end::TOO_SHORT;

/// Closer than this to the end of a hold nothing is asked any more: the answer would come too late.
const LAST_QUESTION: Duration = Duration::from_millis(50);

/// The samples so far.
#[derive(Default)]
struct Samples {
    answers: u64,
    no: u64,
    unknown: u64,
    /// The first of the worst answer.
    worst: Option<Observation>,
    longest: Duration,
}

impl Samples {
    fn add(&mut self, seen: Observation) {
        self.no += u64::from(seen.answer == Answer::No);
        self.unknown += u64::from(seen.answer == Answer::Unknown);
        let lower =
            self.worst.as_ref().is_none_or(|w| w.answer != seen.answer && w.answer.and(seen.answer) == seen.answer);
        if lower {
            self.worst = Some(seen);
        }
    }
}

impl Watcher {
    /// Must be yes at every sample; the first sample that was not is the one that is told.
    pub(super) async fn during(&self, probe: &SampledProbe) -> Verification {
        let interval = probe.extra().interval_seconds.get().max(Sampling::LEAST_INTERVAL);
        let planned_end = self.lasts.map(|lasts| self.now().saturating_add(lasts));
        let mut samples = Samples::default();
        loop {
            let asked = self.now();
            let Some(seen) = self.ask(probe, ProbeRole::During).await else {
                if let Some(silent) = self.hold_end().left_open(asked, interval, samples.answers) {
                    self.tell(ProbeRole::During, probe.label(), &silent);
                    samples.add(silent);
                }
                break;
            };
            samples.answers += 1;
            samples.add(seen);
            samples.longest = samples.longest.max(self.now().saturating_sub(asked));
            if !self.pause(until_next(self.now(), interval, planned_end, samples.longest)).await {
                break;
            }
        }
        let counts = json!({ "samples": samples.answers, "no": samples.no, "unknown": samples.unknown });
        let worst = samples.worst.unwrap_or_else(|| Observation::unknown(TOO_SHORT));
        Verification::of(probe.label(), worst.with_value(counts))
    }
}

/// How long to wait for the next sample. One whose answer would come about when the fault ends is left out, so that a
/// question that is open at the end is one that took longer than those before.
fn until_next(now: Duration, interval: Duration, planned_end: Option<Duration>, longest: Duration) -> Duration {
    let margin = longest.saturating_mul(2).max(LAST_QUESTION).min(interval);
    let close = planned_end.is_some_and(|end| (now + interval).abs_diff(end) < margin);
    if close { interval.saturating_add(margin) } else { interval }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_sample_is_taken_whose_answer_would_come_when_the_fault_ends() {
        let ms = Duration::from_millis;
        // Now, end, longest answer, the wait; the interval is 1 s.
        let rows = [
            (8003, Some(10_000), 3, 1000),
            (9003, Some(10_000), 3, 1050),
            (8900, Some(10_000), 100, 1200),
            (8900, Some(10_000), 2, 1000),
            (9003, None, 3, 1000),
            (11_000, Some(10_000), 3, 1000),
        ];
        for (now, end, longest, want) in rows {
            assert_eq!(until_next(ms(now), ms(1000), end.map(ms), ms(longest)), ms(want), "{now} {end:?} {longest}");
        }
    }
}
