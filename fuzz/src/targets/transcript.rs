//! Transcripts of the tool loop, and their replay.

use chaos_agent::{Replayer, Transcript};
use serde_json::json;

use super::lines;
use crate::documents::Dice;
use crate::target::{Breach, FuzzTarget};

pub(super) struct Transcripts;

impl FuzzTarget for Transcripts {
    fn make(&mut self, dice: &mut Dice) -> Vec<u8> {
        let usage = json!({"prompt": dice.below(9), "completion": 3});
        let call = json!({"id": "c1", "type": "function",
            "function": {"name": "load", "arguments": "{\"qps\": 5, \"target\": {\"url\": \"http://127.0.0.1/\"}}"}});
        let limits = json!({"max_turns": 8, "call_time_ms": 1000, "turn_time_ms": 1000, "total_time_ms": 1000,
            "max_tokens": 1000, "max_calls_per_turn": 8, "max_tool_output_bytes": 1024, "cancel_grace_ms": 1000});
        let text = *dice.pick(&["done", "", "\u{202e}x\u{7}", "{\"a\": [1, 2"]);
        let all = [
            json!({"kind": "header", "version": 1, "writer": "w", "model": "m", "system": "s", "goal": "g",
                "tools": [{"name": "load", "description": "d", "parameters": {"type": "object"}}], "limits": limits}),
            json!({"kind": "request", "turn": 1, "at_ms": 0, "messages": [{"role": "user", "content": text}]}),
            json!({"kind": "reply", "turn": 1, "at_ms": 5, "finish_reason": "tool_calls", "usage": usage, "attempts": 1,
                "message": {"role": "assistant", "content": null, "tool_calls": [call]}}),
            json!({"kind": "reply", "turn": 2, "at_ms": 9, "finish_reason": "stop", "usage": usage, "attempts": 1,
                "message": {"role": "assistant", "content": text}}),
            json!({"kind": "end", "at_ms": 10, "reason": "answered", "error": null, "turns": 2, "text": text, "usage": usage}),
        ];
        lines::pick(&all, dice)
    }

    fn feed(&self, input: &[u8]) -> Result<bool, Breach> {
        let Ok(transcript) = Transcript::parse(input) else { return Ok(false) };
        let replayer = Replayer::new(&transcript);
        drop(replayer);
        Ok(!transcript.is_torn())
    }
}
