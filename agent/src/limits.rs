//! The budgets of one loop: turns, time, tokens and bytes, all held by code.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::DEFAULT_ANSWER_TIME;

/// Requests to the model in one loop.
const MAX_TURNS: u32 = 8;
/// What a call may need around the planned duration: starting, draining, reading results.
const CALL_SLACK: Duration = Duration::from_secs(20);
/// Tokens over all turns. Eight turns with full tool outputs stay well under it.
const MAX_TOKENS: u64 = 100_000;
/// Calls in one reply; more are refused one by one.
const MAX_CALLS_PER_TURN: usize = 8;
/// About 2,000 tokens: enough for a result, too little to drown a conversation.
const MAX_TOOL_OUTPUT_BYTES: usize = 8 * 1024;
/// What a call gets to end by itself after a cancellation.
const CANCEL_GRACE: Duration = Duration::from_secs(2);

/// What one loop may use up. Make it with [`Limits::for_planned`] and change single fields.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Limits {
    /// Requests to the model. Default 8.
    pub max_turns: u32,
    /// Time for one tool call; a call that takes longer is dropped and the model is told.
    #[serde(rename = "call_time_ms", with = "milliseconds")]
    pub call_time: Duration,
    /// Time for one turn: the model's answer and the calls that it asks for. The loop ends when it is over.
    #[serde(rename = "turn_time_ms", with = "milliseconds")]
    pub turn_time: Duration,
    /// Time for the whole loop. The loop ends when it is over.
    #[serde(rename = "total_time_ms", with = "milliseconds")]
    pub total_time: Duration,
    /// Tokens over all turns, prompts and completions. Default 100,000. For each request the larger figure counts: the
    /// server's, or our own estimate of a token for every four bytes of JSON sent and received. A request whose estimate
    /// does not fit what is left is not sent; one that failed or was made again counts by its estimate.
    pub max_tokens: u64,
    /// Calls that one reply may ask for. Default 8.
    pub max_calls_per_turn: usize,
    /// Bytes of one tool output, cut mark included. Default 8 KiB.
    pub max_tool_output_bytes: usize,
    /// Time that a call gets to end by itself after a cancellation. Default 2 s.
    #[serde(rename = "cancel_grace_ms", with = "milliseconds")]
    pub cancel_grace: Duration,
}

impl Limits {
    /// Derives the times from how long the planned action itself takes.
    ///
    /// A call gets the planned time and 20 s, a turn 60 s more for the model's answer, and the whole loop one planned
    /// call and 60 s for each of 8 answers.
    pub fn for_planned(planned: Duration) -> Self {
        let call_time = planned.saturating_add(CALL_SLACK);
        Self {
            max_turns: MAX_TURNS,
            call_time,
            turn_time: call_time.saturating_add(DEFAULT_ANSWER_TIME),
            total_time: call_time.saturating_add(DEFAULT_ANSWER_TIME * MAX_TURNS),
            max_tokens: MAX_TOKENS,
            max_calls_per_turn: MAX_CALLS_PER_TURN,
            max_tool_output_bytes: MAX_TOOL_OUTPUT_BYTES,
            cancel_grace: CANCEL_GRACE,
        }
    }

    /// Gives each of the 8 answers so much time in place of 60 s: [`crate::Model::answer_time`] of the model in use.
    #[must_use]
    pub fn with_answer_time(mut self, answer: Duration) -> Self {
        self.turn_time = self.call_time.saturating_add(answer);
        self.total_time = self.call_time.saturating_add(answer.saturating_mul(MAX_TURNS));
        self
    }
}

mod milliseconds {
    //! Durations as whole milliseconds, the unit that a transcript's keys name.
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        u64::deserialize(deserializer).map(Duration::from_millis)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn times_follow_the_planned_duration() {
        for planned in [0, 30, 600].map(Duration::from_secs) {
            let limits = Limits::for_planned(planned);
            assert_eq!(limits.call_time, planned + Duration::from_secs(20));
            assert_eq!(limits.turn_time, planned + Duration::from_secs(80));
            assert_eq!(limits.total_time, planned + Duration::from_secs(500));
            assert_eq!(limits.max_turns, 8);
        }
    }

    #[test]
    fn times_follow_the_models_own_time_too() {
        let limits = Limits::for_planned(Duration::from_secs(30)).with_answer_time(Duration::from_mins(5));
        assert_eq!((limits.turn_time, limits.total_time), (Duration::from_secs(350), Duration::from_secs(2450)));
        assert_eq!(limits.with_answer_time(Duration::MAX).total_time, Duration::MAX);
    }

    #[test]
    fn an_endless_plan_does_not_overflow() {
        let limits = Limits::for_planned(Duration::MAX);
        assert_eq!(limits.total_time, Duration::MAX);
        let wire = serde_json::to_value(&limits).expect("plain data");
        assert_eq!(wire["total_time_ms"], json!(u64::MAX));
    }

    #[test]
    fn the_wire_form_reads_back() {
        let limits = Limits::for_planned(Duration::from_millis(1500));
        let wire = serde_json::to_value(&limits).expect("plain data");
        assert_eq!(wire["call_time_ms"], json!(21_500));
        assert_eq!(serde_json::from_value::<Limits>(wire).expect("same shape"), limits);
    }
}
