//! `detect`: must turn to yes in time after the fault became active.

use std::time::Duration;

use chaos_core::{Answer, Observation, ProbeRole, Verification, WithinProbe};
use serde_json::json;

use super::{EndedBy, Watcher};
use crate::ask::seconds;
use crate::probe_load::POLL;

/// When the system noticed, on the run's clock.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Noticed {
    /// When the last answer that was no was asked for; none where the first one was yes.
    pub(crate) last_no: Option<Duration>,
    /// When the answer yes came.
    pub(crate) by: Duration,
}

impl Watcher {
    /// Must turn to yes in time, and before the fault ends. A yes after the window does not count, and a question that is
    /// open when the window closes is a no. A fault that was ended early before the window had passed leaves it unknown.
    pub(super) async fn detect(&self, probe: &WithinProbe) -> Verification {
        let start = self.now();
        let within = probe.extra().within_seconds.get();
        let mut last: Option<Observation> = None;
        let mut last_no = None;
        let (waited, seen) = loop {
            let asked = self.now();
            let left = within.saturating_sub(asked.saturating_sub(start));
            let seen = self.cx.clock().timeout(left, self.ask(probe, ProbeRole::Detect)).await;
            let waited = self.now().saturating_sub(start);
            match seen {
                None => {
                    let open = seconds(self.now().saturating_sub(asked));
                    let silent = format!("not noticed within {}: no answer for {open}", seconds(within));
                    break (waited, self.told(probe, Observation::no(silent)));
                }
                Some(None) => {
                    let end = self.hold_end();
                    let waited = end.open(start);
                    let seen = unfinished(end.by, waited, within, end.open(asked), last.as_ref());
                    break (waited, self.told(probe, seen));
                }
                Some(Some(seen)) if seen.answer == Answer::Yes => {
                    // Asked once for each fault, so it is set once.
                    let _ = self.noticed.set(Noticed { last_no, by: start.saturating_add(waited) });
                    break (waited, Observation::yes(format!("noticed after {}: {}", tenths(waited), seen.detail)));
                }
                Some(Some(seen)) if waited + POLL > within => {
                    let detail = format!("not noticed within {}: {}", seconds(within), seen.detail);
                    let answer = if seen.answer == Answer::Unknown { Answer::Unknown } else { Answer::No };
                    break (waited, Observation { answer, detail, ..seen });
                }
                Some(Some(seen)) => {
                    last_no = (seen.answer == Answer::No).then_some(asked).or(last_no);
                    last = Some(seen);
                    self.pause(POLL).await;
                }
            }
        };
        let value = json!({ "after_seconds": waited.as_secs_f64() });
        Verification::of(probe.label(), seen.with_value(value))
    }

    fn told(&self, probe: &WithinProbe, seen: Observation) -> Observation {
        self.tell(ProbeRole::Detect, probe.label(), &seen);
        seen
    }
}

/// The hold ended before the window did.
fn unfinished(
    by: EndedBy,
    waited: Duration,
    within: Duration,
    open: Duration,
    last: Option<&Observation>,
) -> Observation {
    let early = match by {
        EndedBy::Time => None,
        EndedBy::Release => Some("released"),
        EndedBy::Cut => Some("ended early"),
    };
    if let Some(early) = early.filter(|_| waited < within) {
        let why = format!("{early} after {}, before its {} had passed", tenths(waited), seconds(within));
        return Observation::unknown(why);
    }
    let mut detail = "the fault ended before the system noticed".to_owned();
    if open >= POLL {
        detail = format!("{detail}: no answer for {} of the hold", seconds(open));
    } else if let Some(last) = last {
        detail = format!("{detail}: {}", last.detail);
        if last.answer == Answer::Unknown {
            return Observation::unknown(detail);
        }
    }
    Observation::no(detail)
}

fn tenths(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}
