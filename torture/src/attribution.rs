//! Which faults were active while a part of the command failed.

use serde::{Deserialize, Serialize};

use crate::command::CommandRun;
use crate::fault_span::FaultSpan;
use crate::part_list::{CommandPart, PartOutcome};

/// Whether a fault was in force, or its effects may have lasted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultPhase {
    /// It was in force while the part ran.
    InForce,
    /// It was undone before the part began, by less than the grace: the system may not have recovered yet.
    Healing,
}

/// A fault that was active while a part ran.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ActiveFault {
    /// The number of its event in the plan.
    pub event: u32,
    /// The fault, as the pool names it.
    pub fault: String,
    /// The node that it acted on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// Whether it was in force.
    pub phase: FaultPhase,
}

/// A part of the command that failed, and what was active then.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AttributedFailure {
    /// The part; absent for the command as a whole, where its output names no part that failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<String>,
    /// From when on it ran, as far as that is known, else when the command began.
    pub began_seconds: f64,
    /// Until when, else when the command ended.
    pub ended_seconds: f64,
    /// The faults that were active; none where the failure can't be attributed to one.
    pub faults: Vec<ActiveFault>,
}

impl AttributedFailure {
    /// Whether a fault was active.
    pub fn is_attributable(&self) -> bool {
        !self.faults.is_empty()
    }

    /// What failed, and when.
    pub(crate) fn text(&self) -> String {
        let part = self.part.as_deref().map_or_else(|| "the command".to_owned(), |part| format!("`{part}`"));
        let during = if self.faults.is_empty() {
            "no fault was active".to_owned()
        } else {
            let fault = |fault: &ActiveFault| {
                let on = fault.node.as_deref().map(|node| format!(" on `{node}`")).unwrap_or_default();
                let phase = match fault.phase {
                    FaultPhase::InForce => "in force",
                    FaultPhase::Healing => "just undone",
                };
                format!("`{}`{on} (event {}, {phase})", fault.fault, fault.event)
            };
            format!("active: {}", self.faults.iter().map(fault).collect::<Vec<_>>().join(", "))
        };
        format!("failed: {part}, {:.1} s to {:.1} s; {during}", self.began_seconds, self.ended_seconds)
    }
}

/// When a part ran; where the runner does not say so, all the time that the command ran.
fn window(part: &CommandPart, run: &CommandRun) -> (f64, f64) {
    let began = part.began_seconds.unwrap_or(run.began_seconds).max(run.began_seconds);
    (began, part.ended_seconds.unwrap_or(run.ended_seconds))
}

/// Notes for each fault which parts ran while it was in force.
pub(crate) fn note_overlaps(run: &CommandRun, spans: &mut [FaultSpan]) {
    for span in spans {
        let overlaps = |part: &&CommandPart| {
            let (began, ended) = window(part, run);
            part.outcome != PartOutcome::Skipped && span.overlaps(began, ended)
        };
        span.parts = run.parts.iter().filter(overlaps).map(|part| part.name.clone()).collect();
    }
}

/// The failures of a run of the command. A fault that was undone less than `grace` seconds before a part began counts too.
pub(crate) fn attributed(run: &CommandRun, spans: &[FaultSpan], grace: f64) -> Vec<AttributedFailure> {
    let failure = |part: Option<String>, (began_seconds, ended_seconds): (f64, f64)| {
        let active = |span: &FaultSpan| {
            let phase = if span.overlaps(began_seconds, ended_seconds) {
                FaultPhase::InForce
            } else if span.overlaps(began_seconds - grace, ended_seconds) {
                FaultPhase::Healing
            } else {
                return None;
            };
            Some(ActiveFault { event: span.event, fault: span.fault.clone(), node: span.node.clone(), phase })
        };
        AttributedFailure { part, began_seconds, ended_seconds, faults: spans.iter().filter_map(active).collect() }
    };
    let has_failed = !run.end.is_pass();
    let failed = |part: &&CommandPart| match part.outcome {
        PartOutcome::Failed => true,
        PartOutcome::Unfinished => has_failed,
        PartOutcome::Passed | PartOutcome::Skipped => false,
    };
    let failures: Vec<AttributedFailure> =
        run.parts.iter().filter(failed).map(|part| failure(Some(part.name.clone()), window(part, run))).collect();
    if failures.is_empty() && has_failed {
        return vec![failure(None, (run.began_seconds, run.ended_seconds))];
    }
    failures
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::CommandEnd;

    fn span(event: u32, from_seconds: f64, to_seconds: Option<f64>) -> FaultSpan {
        FaultSpan { event, fault: "pause".into(), node: None, from_seconds, to_seconds, parts: Vec::new() }
    }

    fn part(name: &str, outcome: PartOutcome, times: Option<(f64, f64)>) -> CommandPart {
        let (began_seconds, ended_seconds) = (times.map(|times| times.0), times.map(|times| times.1));
        CommandPart { name: name.into(), outcome, began_seconds, ended_seconds }
    }

    fn run(code: i32, parts: Vec<CommandPart>) -> CommandRun {
        CommandRun { began_seconds: 10.0, ended_seconds: 20.0, end: CommandEnd::Exited { code }, parts }
    }

    fn events(failure: &AttributedFailure) -> Vec<(u32, FaultPhase)> {
        failure.faults.iter().map(|fault| (fault.event, fault.phase)).collect()
    }

    #[test]
    fn a_failure_is_attributed_to_what_was_active_while_it_ran() {
        use FaultPhase::{Healing, InForce};
        use PartOutcome::{Failed, Passed, Skipped};
        let mut spans = [span(1, 11.0, Some(12.0)), span(2, 14.0, Some(15.0)), span(3, 14.5, None)];
        let run = run(
            1,
            vec![
                part("before", Failed, Some((10.0, 10.5))),
                part("in force", Failed, Some((11.5, 11.8))),
                part("healing", Failed, Some((12.5, 13.0))),
                part("later", Failed, Some((13.5, 13.9))),
                part("two", Failed, Some((14.8, 14.9))),
                part("left", Failed, Some((19.0, 19.1))),
                part("fine", Passed, Some((11.2, 11.3))),
                part("unknown", Failed, None),
                part("skipped", Skipped, Some((11.2, 11.3))),
            ],
        );
        let failures = attributed(&run, &spans, 1.0);
        let seen: Vec<(&str, Vec<(u32, FaultPhase)>)> =
            failures.iter().map(|failure| (failure.part.as_deref().unwrap(), events(failure))).collect();
        assert_eq!(
            seen,
            [
                ("before", vec![]),
                ("in force", vec![(1, InForce)]),
                ("healing", vec![(1, Healing)]),
                ("later", vec![]),
                ("two", vec![(2, InForce), (3, InForce)]),
                ("left", vec![(3, InForce)]),
                ("unknown", vec![(1, InForce), (2, InForce), (3, InForce)]),
            ]
        );
        assert!(failures[0].text().ends_with("no fault was active"));
        note_overlaps(&run, &mut spans);
        assert_eq!(spans[0].parts, ["in force", "fine", "unknown"]);
    }

    #[test]
    fn without_parts_the_command_is_the_part() {
        let spans = [span(1, 11.0, Some(12.0)), span(2, 21.0, Some(22.0))];
        let failures = attributed(&run(3, Vec::new()), &spans, 0.0);
        assert_eq!((failures.len(), events(&failures[0])), (1, vec![(1, FaultPhase::InForce)]));
        assert!(attributed(&run(0, Vec::new()), &spans, 0.0).is_empty());
        let parts = vec![part("a", PartOutcome::Unfinished, Some((10.0, 10.1)))];
        assert!(attributed(&run(0, parts.clone()), &spans, 0.0).is_empty());
        assert_eq!(attributed(&run(1, parts), &spans, 0.0)[0].part.as_deref(), Some("a"));
    }
}
