//! One clause for each kind of event.

use chaos_core::EventKind;
use serde::Serialize;

/// What an event says beyond its name; empty where the name says it all.
pub(crate) fn detail(kind: &EventKind) -> String {
    match kind {
        EventKind::RunStarted { entries, .. } => entries.join(", "),
        EventKind::Recovered { steps } => steps.join("; "),
        EventKind::Waiting { trigger, .. } => trigger.clone(),
        EventKind::Fired { detail } => detail.clone(),
        EventKind::Planned { plan } => plan.summary.clone(),
        EventKind::Looked { look, sighting } => {
            format!("{}: {}: {}", word(look), word(&sighting.presence), sighting.evidence.summary)
        }
        EventKind::Armed { step } => step.clone(),
        EventKind::Injecting { fault } => fault.clone(),
        EventKind::Active { evidence } => evidence.summary.clone(),
        EventKind::Holding { seconds } => format!("for {seconds} s"),
        EventKind::Probed { role, probe, observation } => {
            format!("{} `{probe}`: {}: {}", word(role), word(&observation.answer), observation.detail)
        }
        EventKind::Aborted { reason } => reason.clone(),
        EventKind::Undoing { steps: 1 } => "1 step".to_owned(),
        EventKind::Undoing { steps } => format!("{steps} steps"),
        EventKind::Undid { step, undone, error } => {
            let outcome = undone.as_ref().map(chaos_core::Undone::detail).or(error.as_deref());
            format!("{step}: {}", outcome.unwrap_or_default())
        }
        EventKind::Note { text } => text.clone(),
        EventKind::RunEnded { verdict } => verdict.word().to_owned(),
        // Figures for a live display, and results that stand in the report anyway.
        _ => String::new(),
    }
}

/// The word that JSON has for it, with spaces.
pub(super) fn word(choice: &impl Serialize) -> String {
    let word = serde_json::to_value(choice).ok().and_then(|value| value.as_str().map(|word| word.replace('_', " ")));
    word.unwrap_or_default()
}
