//! The name of an event, and one clause on what it says.

use serde::Serialize;

use crate::{EventKind, TimelinePoint};

impl EventKind {
    /// Its name, as JSON has it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::RunStarted { .. } => "run_started",
            Self::Recovered { .. } => "recovered",
            Self::Waiting { .. } => "waiting",
            Self::Fired { .. } => "fired",
            Self::Planned { .. } => "planned",
            Self::Looked { .. } => "looked",
            Self::Armed { .. } => "armed",
            Self::Injecting { .. } => "injecting",
            Self::Active { .. } => "active",
            Self::Holding { .. } => "holding",
            Self::Progress { .. } => "progress",
            Self::Probed { .. } => "probed",
            Self::Aborted { .. } => "aborted",
            Self::Undoing { .. } => "undoing",
            Self::Undid { .. } => "undid",
            Self::Released => "released",
            Self::Ended { .. } => "ended",
            Self::Note { .. } => "note",
            Self::RunEnded { .. } => "run_ended",
            Self::Dropped { .. } => "dropped",
        }
    }

    /// What it says beyond its name; empty where the name says it all.
    pub fn detail(&self) -> String {
        match self {
            Self::RunStarted { entries, .. } => entries.join(", "),
            Self::Recovered { steps } => steps.join("; "),
            Self::Waiting { trigger, .. } => trigger.clone(),
            Self::Fired { detail } => detail.clone(),
            Self::Planned { plan } => plan.summary.clone(),
            Self::Looked { look, sighting } => {
                format!("{}: {}: {}", word(look), word(&sighting.presence), sighting.evidence.summary)
            }
            Self::Armed { step } => step.clone(),
            Self::Injecting { fault } => fault.clone(),
            Self::Active { evidence } => evidence.summary.clone(),
            Self::Holding { seconds } => format!("for {seconds} s"),
            Self::Probed { role, probe, observation, .. } => {
                format!("{} `{probe}`: {}: {}", word(role), word(&observation.answer), observation.detail)
            }
            Self::Aborted { reason } => reason.clone(),
            Self::Undoing { steps: 1 } => "1 step".to_owned(),
            Self::Undoing { steps } => format!("{steps} steps"),
            Self::Undid { step, undone, error } => {
                let outcome = undone.as_ref().map(crate::Undone::detail).or(error.as_deref());
                format!("{step}: {}", outcome.unwrap_or_default())
            }
            Self::Note { text } => text.clone(),
            Self::RunEnded { verdict } => verdict.word().to_owned(),
            Self::Dropped { events } => format!("{events} events were dropped: this consumer was too slow"),
            // Figures for a live display, and results that stand in the report anyway.
            Self::Progress { .. } | Self::Ended { .. } | Self::Released => String::new(),
        }
    }

    /// Its point on the timeline of its entry; `None` for figures that only a live display wants, and for the end.
    pub(crate) fn point(&self) -> Option<TimelinePoint> {
        let kept = !matches!(self, Self::Progress { .. } | Self::Ended { .. });
        kept.then(|| TimelinePoint { at_seconds: 0.0, event: self.name().into(), detail: self.detail() })
    }
}

/// The word that JSON has for it, with spaces.
fn word(choice: &impl Serialize) -> String {
    let word = serde_json::to_value(choice).ok().and_then(|value| value.as_str().map(|word| word.replace('_', " ")));
    word.unwrap_or_default()
}
