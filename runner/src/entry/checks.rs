//! The checks of an entry: its probes before the injection, and the four of a sustained fault.

use std::sync::Arc;
use std::time::Duration;

use chaos_core::{Answer, EventKind, LookAt, Observation, Presence, ProbeRole, Sighting};

use super::Entry;
use crate::ask::ask;
use crate::cause::Cause;
use crate::guarded::guarded;

/// How long one check may take.
const CHECK_DEADLINE: Duration = Duration::from_secs(30);
/// The same of the one at the end of the hold, since the undo waits for it, and of the last one of an interrupted run.
const LAST_CHECK_DEADLINE: Duration = Duration::from_secs(10);
/// The same of one that the undo waits for, once the run is interrupted.
const INTERRUPTED: Duration = Duration::from_secs(1);

impl Entry {
    /// The stop condition must say no, and the system must not have "noticed" already.
    pub(super) async fn check_probes_before(&self) -> Result<(), Cause> {
        if let Some(probe) = &self.spec.abort_if {
            let asked = self.cx().clock().now();
            let seen = ask(probe, &self.cx().child("abort_if", None)).await;
            self.probed(ProbeRole::AbortIf, probe.label(), &seen, asked);
            if seen.answer != Answer::No {
                let label = probe.label();
                return Err(Cause::Before(format!("refused: abort_if `{label}` before the fault: {}", seen.detail)));
            }
        }
        if let Some(probe) = &self.spec.detect {
            let asked = self.cx().clock().now();
            let seen = ask(probe, &self.cx().child("detect", None)).await;
            self.probed(ProbeRole::Detect, probe.label(), &seen, asked);
            if seen.answer == Answer::Yes {
                let label = probe.label();
                return Err(Cause::Before(format!("detect `{label}` said yes before the fault: {}", seen.detail)));
            }
        }
        Ok(())
    }

    /// Says what a probe answered that was asked at that time of the run's clock.
    pub(super) fn probed(&self, role: ProbeRole, probe: &str, seen: &Observation, asked: Duration) {
        let took_seconds = Some(self.cx().clock().now().saturating_sub(asked).as_secs_f64());
        let (probe, observation) = (probe.to_owned(), seen.clone());
        self.life.scope().emit(EventKind::Probed { role, probe, observation, took_seconds });
    }

    pub(super) async fn absent_before(&self) -> Result<(), Cause> {
        let sighting = self.check(LookAt::BeforeInject).await;
        let why = match sighting.presence {
            Presence::Absent => return Ok(()),
            Presence::Present => "already there before the fault",
            Presence::Unknown => "unknown whether it is there already",
        };
        Err(Cause::Before(format!("refused: {why}: {}", sighting.evidence.summary)))
    }

    /// One check of the world; a panic or a late answer is "unknown".
    pub(super) async fn check(&self, look: LookAt) -> Sighting {
        let (spec, cx) = (Arc::clone(&self.spec), self.cx().clone());
        let witness = self.shared.plug_ins.run_fault(async move { guarded(spec.action.witness(&cx)).await });
        let limit = match look {
            LookAt::EndOfHold => LAST_CHECK_DEADLINE,
            LookAt::AfterUndo if self.cx().cancel_token().is_cancelled() => LAST_CHECK_DEADLINE,
            _ => CHECK_DEADLINE,
        };
        let witness = self.cx().clock().timeout(limit, witness);
        let interrupted = async {
            // The undo comes next, and does not wait for a look at what it ends.
            if !matches!(look, LookAt::AfterInject | LookAt::EndOfHold) {
                std::future::pending::<()>().await;
            }
            self.cx().cancelled().await;
            self.cx().clock().sleep(INTERRUPTED).await;
        };
        let seen = tokio::select! {
            biased;
            seen = witness => seen,
            () = interrupted => Some(Ok(Sighting::unknown("interrupted before the check had ended"))),
        };
        let sighting = match seen {
            Some(Ok(sighting)) => sighting,
            Some(Err(panicked)) => Sighting::unknown(panicked.to_string()),
            None => Sighting::unknown(format!("the check did not end within {} s", limit.as_secs())),
        };
        self.life.scope().emit(EventKind::Looked { look, sighting: sighting.clone() });
        sighting
    }
}
