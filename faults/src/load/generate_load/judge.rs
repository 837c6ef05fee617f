//! From what became of the load, and of the conversation about it, to the fault's outcome.

use chaos_agent::{EndReason, LoopOutcome};
use chaos_core::{Evidence, Outcome};
use serde_json::{Value, json};

use super::super::outcome::{self, Data};
use super::one_load::LoadState;

/// The outcome: landed exactly when requests were answered.
pub(super) fn outcome(state: LoadState, conversation: &LoopOutcome, transcript: &str) -> Outcome {
    let ended = conversation.end.error().map(ToString::to_string);
    let mut data = Data::from_iter([
        ("transcript".to_owned(), json!(transcript)),
        ("conversation_end".to_owned(), json!(conversation.end.code())),
        ("tool_calls".to_owned(), json!(conversation.calls.len())),
    ]);
    if let Some(why) = &ended {
        data.insert("conversation_error".to_owned(), json!(why));
    }
    let why = state.shortfall().unwrap_or_default();
    let outcome = if let LoadState::Made(report) = state {
        outcome::of(*report, data)
    } else {
        let summary = match (&conversation.end, ended) {
            (EndReason::Finished, _) => why.clone(),
            (end, None) => format!("{why} (the conversation ended with {})", end.code()),
            (end, Some(error)) => format!("{why} (the conversation ended with {}: {error})", end.code()),
        };
        Outcome::missed(why, Evidence::new(summary).with_data(Value::Object(data)))
    };
    outcome.with_output(&conversation.text)
}
