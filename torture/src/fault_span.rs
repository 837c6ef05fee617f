//! From when to when each fault was in force.

use chaos_core::{ChaosResult, Reverted};
use chaos_soak::SoakEnd;
use serde::{Deserialize, Serialize};

/// A fault that may have had an effect: from the start of its injection to the end of its undo.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FaultSpan {
    /// The number of its event in the plan.
    pub event: u32,
    /// The fault, as the pool names it.
    pub fault: String,
    /// The node that it acted on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// When its injection began, in seconds since the run began.
    pub from_seconds: f64,
    /// When it was undone; absent where it may still be in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to_seconds: Option<f64>,
    /// The parts of the command that ran meanwhile.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<String>,
}

impl FaultSpan {
    /// "`pause` on `n1` (event 3)".
    pub(crate) fn label(&self) -> String {
        let on = self.node.as_deref().map(|node| format!(" on `{node}`")).unwrap_or_default();
        format!("`{}`{on} (event {})", self.fault, self.event)
    }

    /// Whether it was in force at some time between both.
    pub(crate) fn overlaps(&self, began: f64, ended: f64) -> bool {
        self.from_seconds <= ended && self.to_seconds.is_none_or(|to| to >= began)
    }
}

/// Events of the engine after which a fault may still have an effect.
const IN_FORCE: [&str; 9] =
    ["injecting", "active", "holding", "probed", "aborted", "released", "undoing", "undid", "armed"];

/// The faults that were injected, in the order of their injection.
pub(crate) fn spans(end: &SoakEnd) -> Vec<FaultSpan> {
    let span = |event: &chaos_soak::FinishedEvent| {
        let name = event.entry_name();
        let (from_seconds, to_seconds) = in_force(end.results.iter().find(|result| result.name == name)?)?;
        let (fault, node) = (event.fault.clone(), event.node.clone());
        Some(FaultSpan { event: event.number, fault, node, from_seconds, to_seconds, parts: Vec::new() })
    };
    let mut spans: Vec<FaultSpan> = end.events.iter().filter_map(span).collect();
    spans.sort_by(|a, b| a.from_seconds.total_cmp(&b.from_seconds));
    spans
}

/// From when to when; `None` for what was never injected.
fn in_force(result: &ChaosResult) -> Option<(f64, Option<f64>)> {
    let points = || result.timeline.iter();
    let from = points().find(|point| point.event == "injecting")?.at_seconds;
    if result.reverted == Reverted::Failed {
        return Some((from, None));
    }
    // The undo is the last thing that changes the world; without any, what was done was done by its end.
    let undone = points().filter(|point| point.event == "undid").map(|point| point.at_seconds).next_back();
    let last =
        points().filter(|point| IN_FORCE.contains(&point.event.as_str())).map(|point| point.at_seconds).next_back();
    Some((from, undone.or(last)))
}

#[cfg(test)]
mod tests {
    use chaos_core::{TimelinePoint, Verdict};

    use super::*;

    pub(crate) fn result(points: &[(f64, &str)], reverted: Reverted) -> ChaosResult {
        let point = |(at_seconds, event): &(f64, &str)| TimelinePoint {
            at_seconds: *at_seconds,
            event: (*event).into(),
            detail: String::new(),
        };
        let mut result: ChaosResult = serde_json::from_value(serde_json::json!({
            "success": true, "name": "pause #1", "injected_fault": "", "output": "", "elapsed_time": 1.0, "error": null,
            "verdict": Verdict::Held, "probes": [], "reverted": reverted, "timeline": [],
        }))
        .unwrap();
        result.timeline = points.iter().map(point).collect();
        result
    }

    #[test]
    fn a_fault_is_in_force_from_its_injection_to_its_undo() {
        let all = [
            (1.0, "planned"),
            (1.1, "armed"),
            (1.2, "injecting"),
            (1.3, "active"),
            (2.0, "undoing"),
            (2.2, "undid"),
            (5.0, "probed"),
        ];
        assert_eq!(in_force(&result(&all, Reverted::Reverted)), Some((1.2, Some(2.2))));
        assert_eq!(in_force(&result(&all, Reverted::Failed)), Some((1.2, None)));
        // One that has nothing to undo.
        assert_eq!(in_force(&result(&all[..4], Reverted::NothingToRevert)), Some((1.2, Some(1.3))));
        // Refused, so never injected.
        assert_eq!(in_force(&result(&all[..1], Reverted::NothingToRevert)), None);
    }
}
