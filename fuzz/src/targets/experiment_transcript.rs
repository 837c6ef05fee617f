//! Transcripts of experiments, and the report that is made of one.

use chaos_experiment::ExperimentTranscript;
use serde_json::json;

use super::lines;
use crate::documents::Dice;
use crate::target::{Breach, FuzzTarget};

pub(super) struct ExperimentTranscripts;

impl FuzzTarget for ExperimentTranscripts {
    fn make(&mut self, dice: &mut Dice) -> Vec<u8> {
        let start =
            json!({"id": dice.below(4), "at_ms": 3, "label": "l", "plug_in": "load", "action": {"type": "load"}});
        let all = [
            json!({"kind": "header", "version": 2, "writer": "w", "run_id": "r", "goal": "g", "target": "http://127.0.0.1/",
                "allow": ["load"], "slo": ["p99<200ms"], "slo_given": true, "budget": {}, "planner": "offline", "seed": 1,
                "started_at_unix_ms": 1}),
            json!({"kind": "started", "id": 1, "at_ms": 3, "label": "l", "plug_in": "load", "action": {"type": "load"}}),
            json!({"kind": "step", "start": start, "seconds": 1.5, "spent": {"steps": 1, "requests": 9, "fault_seconds": 1.5, "turns": 0, "tokens": 0, "wall_seconds": 2.5}}),
            json!({"kind": "refused", "at_ms": 1, "call": "load", "why": "no"}),
        ];
        lines::pick(&all, dice)
    }

    fn feed(&self, input: &[u8]) -> Result<bool, Breach> {
        Ok(ExperimentTranscript::parse(input).is_ok())
    }
}
