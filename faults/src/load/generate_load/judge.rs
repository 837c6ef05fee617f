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
    if conversation.retries > 0 {
        data.insert("model_retries".to_owned(), json!(conversation.retries));
    }
    let outcome = match state {
        LoadState::Made(report) => outcome::of(*report, data),
        state => {
            let why = missed(&state, &conversation.end);
            Outcome::missed(why.clone(), Evidence::new(why).with_data(Value::Object(data)))
        }
    };
    outcome.with_output(&conversation.text)
}

/// Why there is no load. Where it was not asked for, the cause is what ended the conversation.
fn missed(state: &LoadState, end: &EndReason) -> String {
    let why = state.shortfall().unwrap_or_default();
    let cause = match end {
        EndReason::Finished => return why,
        EndReason::CallAsText => "the model wrote its tool calls as text, which its server should have read".to_owned(),
        EndReason::CutOff => {
            "the model's replies were cut off at the server's output limit (finish_reason `length`)".to_owned()
        }
        end => end.error().map_or_else(|| format!("the conversation ended with {}", end.code()), ToString::to_string),
    };
    if matches!(state, LoadState::NotMade) { format!("no load was made: {cause}") } else { format!("{why} ({cause})") }
}
