//! `abort_if`: ends the fault as soon as it says yes, or can't tell.

use std::time::Duration;

use chaos_core::{Answer, Observation, ProbeRole, StopProbe, Verification};
use tokio::sync::watch;

use super::{EndedBy, Watcher};
use crate::ask::seconds;
use crate::probe_load::watched_every;

/// A stop condition that ended a fault.
#[derive(Debug, Clone)]
pub(crate) struct Turned {
    /// What it said.
    pub(crate) reason: String,
    /// When it was asked, on the run's clock.
    pub(crate) asked: Duration,
    /// How long before that nobody had asked: it may have turned then.
    pub(crate) unseen: Duration,
}

/// A stop condition whose answer was open for this long at the end has not watched over the fault.
const HANGS: Duration = Duration::from_secs(1);

impl Watcher {
    /// Says no (it deviates) as soon as the probe says yes or can't tell, and when it did not answer until the end;
    /// nothing when it was answering and the fault ended first.
    pub(super) async fn abort_if(
        &self,
        probe: &StopProbe,
        condition: &watch::Sender<Option<Turned>>,
    ) -> Option<Verification> {
        let (mut answers, mut last_no) = (0_u64, self.now());
        loop {
            let asked = self.now();
            let Some(seen) = self.ask(probe, ProbeRole::AbortIf).await else {
                let silent = self.unwatched(asked, answers)?;
                self.tell(ProbeRole::AbortIf, probe.label(), &silent);
                return Some(Verification::of(probe.label(), silent));
            };
            if seen.answer != Answer::No {
                let reason = format!("abort_if `{}`: {}", probe.label(), seen.detail);
                condition.send_replace(Some(Turned { reason, asked, unseen: asked.saturating_sub(last_no) }));
                let answer = Observation { answer: Answer::No, ..seen };
                return Some(Verification::of(probe.label(), answer));
            }
            (answers, last_no) = (answers + 1, asked);
            if !self.pause(watched_every(probe)).await {
                return None;
            }
        }
    }

    /// What an open question means at the end: a stop condition that could not be asked would have ended the fault.
    fn unwatched(&self, asked: Duration, answers: u64) -> Option<Observation> {
        let end = self.hold_end();
        let open = end.open(asked);
        let silent = format!("the stop condition gave no answer for {} of the hold", seconds(open));
        match (open >= HANGS, end.by) {
            (true, EndedBy::Time) => Some(Observation::no(silent)),
            (true, EndedBy::Release | EndedBy::Cut) => Some(Observation::unknown(silent)),
            (false, EndedBy::Time) if answers == 0 && !open.is_zero() => Some(Observation::unknown(silent)),
            (false, _) => None,
        }
    }
}
