//! fortio's access log, which a run follows.

use chaos_fortio::parsers;
use chaos_load::{LoadPlan, Rate};
use serde_json::json;

use crate::documents::Dice;
use crate::target::{Breach, FuzzTarget};

pub(super) struct AccessLogs;

impl FuzzTarget for AccessLogs {
    fn make(&mut self, dice: &mut Dice) -> Vec<u8> {
        let mut text = String::new();
        for number in 0..=dice.below(6) {
            let details = *dice.pick(&["200", "503", "-1", "no answer"]);
            let line = json!({"latency": 0.001, "timestamp": 1_000_000_000_u64 + number as u64, "thread": dice.below(4),
                "iter": number, "ok": details == "200", "details": details});
            text += &format!("{line}\n");
        }
        text.into_bytes()
    }

    fn feed(&self, input: &[u8]) -> Result<bool, Breach> {
        let mut plan = LoadPlan::to("http://127.0.0.1:1/").map_err(|error| Breach(error.to_string()))?;
        plan.rate = Rate::Qps(20.0);
        let (requests, whole) = parsers::access_log(input, plan);
        let lines = input.split(|byte| *byte == b'\n').count() as u64 - 1;
        if requests > lines {
            return Err(Breach(format!("{requests} requests in {lines} lines")));
        }
        Ok(whole && requests == lines)
    }
}
