//! `abort_if`: ends the fault as soon as it says yes, or can't tell.

use std::time::Duration;

use chaos_core::{Answer, Observation, ProbeNode, ProbeRole, Verification};
use tokio::sync::watch;

use super::{EndedBy, Watcher};
use crate::ask::seconds;
use crate::probe_load::POLL;

/// A stop condition whose answer was open for this long at the end has not watched over the fault.
const HANGS: Duration = Duration::from_secs(1);

impl Watcher {
    /// Says no (it deviates) as soon as the probe says yes or can't tell, and when it did not answer until the end;
    /// nothing when it was answering and the fault ended first.
    pub(super) async fn abort_if(
        &self,
        probe: &ProbeNode,
        condition: &watch::Sender<Option<String>>,
    ) -> Option<Verification> {
        let mut answers = 0_u64;
        loop {
            let asked = self.now();
            let Some(seen) = self.ask(probe, ProbeRole::AbortIf).await else {
                let silent = self.unwatched(asked, answers)?;
                self.tell(ProbeRole::AbortIf, probe.label(), &silent);
                return Some(Verification::of(probe.label(), silent));
            };
            if seen.answer != Answer::No {
                condition.send_replace(Some(format!("abort_if `{}`: {}", probe.label(), seen.detail)));
                let answer = Observation { answer: Answer::No, ..seen };
                return Some(Verification::of(probe.label(), answer));
            }
            answers += 1;
            if !self.pause(POLL).await {
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
