//! The report of a workflow.

use std::fmt::Write;

use chaos_core::{StepOutcome, Verdict, WorkflowStep};
use chaos_runner::Report;
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::drive::WorkflowEnd;
use crate::past::Past;
use crate::rows::{Rows, StepReport};

/// The format of [`WorkflowReport`] as JSON.
pub const WORKFLOW_REPORT_FORMAT: u32 = 1;

/// What a workflow came to.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct WorkflowReport {
    /// [`WORKFLOW_REPORT_FORMAT`].
    pub format: u32,
    /// The run that began it: `squall run --resume` takes it. Absent where it did not begin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_id: Option<String>,
    /// The outcome of the first failure, else `pass`.
    pub outcome: StepOutcome,
    /// The exit code that says it: 0, 1, 2, and 3 where something may still be in force.
    pub exit_code: u8,
    /// Why it is not better, in one clause.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// The step that failed first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_failure: Option<String>,
    /// What a fault may have left in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_force: Option<String>,
    /// How often it was resumed.
    pub resumed: usize,
    /// Its ledger.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ledger: Option<String>,
    /// Every step, in the order of the document.
    pub steps: Vec<StepReport>,
    /// The run around it: entries, steady state, nodes.
    pub run: Report,
}

impl WorkflowReport {
    /// The report on a workflow and the run around it; without an `end` it did not begin.
    pub fn of(workflow: &WorkflowStep, end: Option<WorkflowEnd>, run: Report) -> Self {
        let mut report = match end {
            Some(end) => Self {
                format: WORKFLOW_REPORT_FORMAT,
                ledger: Some(end.folder.join(chaos_core::LEDGER_FILE).display().to_string()),
                run_id: Some(end.run_id),
                outcome: end.outcome,
                exit_code: 0,
                why: end.outcome.is_failure().then_some(end.detail),
                first_failure: end.first,
                in_force: end.in_force,
                resumed: end.resumed,
                steps: end.steps,
                run,
            },
            None => Self {
                format: WORKFLOW_REPORT_FORMAT,
                ledger: None,
                run_id: None,
                outcome: StepOutcome::InfraFail,
                exit_code: 0,
                why: Some(not_begun(&run)),
                first_failure: None,
                in_force: None,
                resumed: 0,
                steps: Rows::of(workflow, &Past::default()).all(),
                run,
            },
        };
        report.judge();
        report
    }

    /// What failed in the workflow stands first; the run around it counts where nothing did, and a failed undo always.
    fn judge(&mut self) {
        let around = self.run.verdict;
        if !self.outcome.is_failure() {
            match around {
                Verdict::Deviated => self.outcome = StepOutcome::TaskFail,
                Verdict::Inconclusive => self.outcome = StepOutcome::InfraFail,
                _ => {}
            }
            if self.outcome.is_failure() {
                self.why = Some(not_begun(&self.run));
            }
        }
        if around == Verdict::RevertFailed && self.in_force.is_none() {
            let left = self.run.nodes_left.first().cloned();
            self.in_force = Some(left.unwrap_or_else(|| "something may still be in force".to_owned()));
        }
        self.exit_code = if self.in_force.is_some() { 3 } else { self.outcome.exit_code() };
    }

    /// The report for people.
    pub fn text(&self) -> String {
        let mut out = String::new();
        let width = |row: &StepReport| row.name.len() + 2 * row.depth as usize;
        let width = self.steps.iter().map(width).max().unwrap_or_default();
        for row in &self.steps {
            let name = format!("{}{}", "  ".repeat(row.depth as usize), row.name);
            let time = if row.attempts > 0 { format!("{:.1} s", row.seconds) } else { "-".to_owned() };
            let attempts = if row.attempts > 1 { format!(" ({} attempts)", row.attempts) } else { String::new() };
            // Writing to a string can't fail.
            let _ = writeln!(out, "{name:width$}  {:10} {time:>9}  {}{attempts}", row.outcome.word(), row.detail);
        }
        let first = self.first_failure.as_deref().map(|step| format!(" at `{step}`")).unwrap_or_default();
        let why = self.why.as_deref().map(|why| format!(": {why}")).unwrap_or_default();
        if let Some(left) = &self.in_force {
            let _ = writeln!(out, "may still be in force: {left}");
        }
        if let Some(ledger) = &self.ledger {
            let _ = writeln!(out, "ledger: {ledger}");
        }
        let _ = writeln!(out, "workflow {}{first}{why}", self.outcome.word());
        out
    }
}

/// What the run around it says.
fn not_begun(run: &Report) -> String {
    let lost = |probes: &[chaos_core::Verification]| {
        let lost = probes.iter().find(|probe| !probe.success)?;
        Some(format!("steady state `{}`: {}", lost.name, lost.detail))
    };
    let exit = || run.node_exits.first().map(|exit| format!("node `{}` ended by itself: {}", exit.node, exit.exit));
    let why = run.not_begun.clone().or_else(|| lost(&run.steady_state_before)).or_else(exit);
    why.or_else(|| lost(&run.steady_state_after)).unwrap_or_else(|| format!("the run is {}", run.verdict.word()))
}

/// The JSON Schema (draft-07) of the report that `run` writes for a workflow.
pub fn workflow_report_schema() -> Value {
    let generator = SchemaSettings::draft07().for_serialize().into_generator();
    let mut schema = generator.into_root_schema_for::<WorkflowReport>().to_value();
    schema["title"] = json!("Squall workflow report");
    schema["$id"] = json!(format!("urn:squall:workflow-report:{WORKFLOW_REPORT_FORMAT}"));
    schema
}
