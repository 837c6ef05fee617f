//! The looks of an entry: before the injection, and the four at a sustained fault.

use std::time::Duration;

use chaos_core::{Answer, EventKind, LookAt, Presence, ProbeRole, Sighting};

use super::Entry;
use crate::guarded::guarded;
use crate::verify::ask;

/// How long one look may take.
const LOOK_DEADLINE: Duration = Duration::from_secs(30);

impl Entry {
    /// The brake must be off, and the system must not have "noticed" already.
    pub(super) async fn look_before(&self) -> Result<(), String> {
        if let Some(probe) = &self.spec.abort_if {
            let seen = ask(probe, &self.cx.child("abort_if", None)).await;
            self.probed(ProbeRole::AbortIf, probe.label(), &seen);
            if seen.answer != Answer::No {
                return Err(format!("refused: abort_if `{}` before the fault: {}", probe.label(), seen.detail));
            }
        }
        if let Some(probe) = &self.spec.detect {
            let seen = ask(probe, &self.cx.child("detect", None)).await;
            self.probed(ProbeRole::Detect, probe.label(), &seen);
            if seen.answer == Answer::Yes {
                return Err(format!("detect `{}` said yes before the fault: {}", probe.label(), seen.detail));
            }
        }
        Ok(())
    }

    pub(super) fn probed(&self, role: ProbeRole, probe: &str, seen: &chaos_core::Observation) {
        self.cx.emit(EventKind::Probed { role, probe: probe.to_owned(), observation: seen.clone() });
    }

    pub(super) async fn absent_before(&self) -> Result<(), String> {
        let sighting = self.look(LookAt::BeforeInject).await;
        match sighting.presence {
            Presence::Absent => Ok(()),
            Presence::Present => Err(format!("refused: already there before the fault: {}", sighting.evidence.summary)),
            Presence::Unknown => {
                Err(format!("refused: nobody can tell whether it is there already: {}", sighting.evidence.summary))
            }
        }
    }

    /// One look at the world; a panic or a late answer is "unknown".
    pub(super) async fn look(&self, look: LookAt) -> Sighting {
        let witness = guarded(self.spec.action.witness(&self.cx));
        let sighting = match self.cx.clock().timeout(LOOK_DEADLINE, witness).await {
            Some(Ok(sighting)) => sighting,
            Some(Err(panic)) => Sighting::unknown(panic),
            None => Sighting::unknown(format!("the look did not end within {} s", LOOK_DEADLINE.as_secs())),
        };
        self.cx.emit(EventKind::Looked { look, sighting: sighting.clone() });
        sighting
    }
}
