//! The words for what a report holds.

use chaos_core::{ControlLeg, LoadTrace, Reverted};
use serde::Serialize;

pub(super) fn reverted_word(reverted: Reverted) -> &'static str {
    match reverted {
        Reverted::NothingToRevert => "nothing to undo",
        Reverted::Reverted => "reverted (verified)",
        Reverted::NotReversible => "not reversible",
        Reverted::Failed => "NOT undone: something may still be in force",
    }
}

/// A request of a load by which the target's own traces can be looked up.
pub(super) fn trace_line(trace: &LoadTrace) -> String {
    let LoadTrace { trace_id, sent_seconds, took_ms, failure, .. } = trace;
    let how = failure.as_deref().unwrap_or("one of the slowest");
    format!("{trace_id}: {how}, {took_ms:.1} ms, sent {sent_seconds:.3} s after the load began")
}

/// The word that JSON has for it, with spaces.
pub(super) fn word(choice: &impl Serialize) -> String {
    let word = serde_json::to_value(choice).ok().and_then(|value| value.as_str().map(|word| word.replace('_', " ")));
    word.unwrap_or_default()
}

/// What a control leg showed.
pub(super) fn control_words(leg: &ControlLeg) -> &str {
    leg.reason.as_deref().unwrap_or("steady without the fault")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_says_why_it_is_worth_a_look() {
        let mut trace = LoadTrace {
            trace_id: "0af7651916cd43dd8448eb211c80319c".into(),
            span_id: "b7ad6b7169203331".into(),
            sent_seconds: 1.5,
            took_ms: 250.0,
            status: Some(200),
            failure: None,
        };
        let slow = "0af7651916cd43dd8448eb211c80319c: one of the slowest, 250.0 ms, sent 1.500 s after the load began";
        assert_eq!(trace_line(&trace), slow);
        trace.failure = Some("status 503".into());
        assert_eq!(trace_line(&trace), slow.replace("one of the slowest", "status 503"));
    }
}
