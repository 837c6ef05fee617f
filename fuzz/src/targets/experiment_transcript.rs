//! Transcripts of experiments, and the report that is made of one.

use chaos_experiment::{ExperimentReport, ExperimentTranscript, html, text};
use serde_json::{Value, json};

use super::hostile::{harmless, hostile_texts, is_visible, same_structure};
use super::lines;
use super::report::Reports;
use crate::documents::Dice;
use crate::target::{Breach, FuzzTarget};

pub(super) struct ExperimentTranscripts(Reports);

impl ExperimentTranscripts {
    pub(super) fn new() -> Self {
        Self(Reports::new())
    }
}

fn finding(dice: &mut Dice) -> Value {
    let point = json!({"step": dice.below(4), "target_qps": 50.0, "held": dice.below(2) == 0, "why": "p99 | was", "generator": false});
    let estimate = json!({"mean": 1.0, "low": 0.5, "high": 1.5, "deviation": 0.2, "count": 3});
    match dice.below(4) {
        0 => {
            json!({"kind": "finding", "strategy": "capacity", "capacity_qps": 50.0, "broken_qps": null, "limit": "target",
            "confirmed": true, "points": [point]})
        }
        1 => json!({"kind": "finding", "strategy": "ramp", "knee_qps": null, "points": [point, point]}),
        2 => json!({"kind": "finding", "strategy": "compare", "fault": "load", "measure": "p99_ms", "difference": null,
            "others": [], "without": 1.0, "with": 2.0, "pairs": [[1, 2]], "held_with": false}),
        _ => json!({"kind": "finding", "strategy": "repeat", "spread": [["p99_ms", estimate]], "points": [point]}),
    }
}

impl FuzzTarget for ExperimentTranscripts {
    fn make(&mut self, dice: &mut Dice) -> Vec<u8> {
        let start =
            json!({"id": dice.below(4), "at_ms": 3, "label": "l", "plug_in": "load", "action": {"type": "load"}});
        let spent =
            json!({"steps": 1, "requests": 9, "fault_seconds": 1.5, "turns": 0, "tokens": 0, "wall_seconds": 2.5});
        let result = self.0.report(dice)["entries"].get(0).cloned();
        let reason = dice
            .pick(&[
                json!({"end": "answered"}),
                json!({"end": "budget_ran_out", "budget": "steps"}),
                json!({"end": "no_conclusion", "why": "w", "said": "\u{202e}<b>"}),
                json!({"end": "failed", "why": "<i>"}),
            ])
            .clone();
        let mut all = [
            json!({"kind": "header", "version": 2, "writer": "w", "run_id": "r", "goal": "g", "target": "http://127.0.0.1/",
                "allow": ["load"], "slo": ["p99<200ms"], "slo_given": true, "budget": {}, "planner": "offline", "seed": 1,
                "started_at_unix_ms": 1}),
            json!({"kind": "started", "id": 1, "at_ms": 3, "label": "l", "plug_in": "load", "action": {"type": "load"}}),
            json!({"kind": "step", "start": start, "seconds": 1.5, "spent": spent}),
            json!({"kind": "step", "start": start, "seconds": 1.5, "spent": spent, "result": result}),
            json!({"kind": "refused", "at_ms": 1, "call": "load", "why": "no"}),
            finding(dice),
            json!({"kind": "conclusion", "answer": "50 qps <b> 7", "confidence": "high", "not_tested": ["x"],
                "claims": [{"measure": "capacity_qps", "value": 50.0, "unit": "qps", "steps": [1, 9]}]}),
            json!({"kind": "end", "at_ms": 9, "reason": reason, "spent": spent}),
        ];
        for line in &mut all {
            hostile_texts(line, dice);
        }
        lines::pick(&all, dice)
    }

    fn feed(&self, input: &[u8]) -> Result<bool, Breach> {
        let transcript = match ExperimentTranscript::parse(input) {
            Ok(transcript) => transcript,
            Err(error) if error.to_string().contains("line ") => return Ok(false),
            Err(error) => return Err(Breach(format!("an error without its line: {error}"))),
        };
        let report = ExperimentReport::of(&transcript);
        is_visible("a report", &text(&report))?;
        let page = html(&report);
        is_visible("a page", &page)?;
        let twin: Vec<String> = String::from_utf8_lossy(input)
            .split_inclusive('\n')
            .filter(|line| line.ends_with('\n'))
            .map(|line| {
                serde_json::from_str::<Value>(line)
                    .map_or_else(|_| line.to_owned(), |value| format!("{}\n", harmless(&value)))
            })
            .collect();
        let twin = ExperimentTranscript::parse(twin.concat().as_bytes());
        // A text may be a word of the format, and is none without its marks.
        let Ok(twin) = twin else { return Ok(true) };
        same_structure("HTML page", &page, &html(&ExperimentReport::of(&twin)))?;
        Ok(true)
    }
}
