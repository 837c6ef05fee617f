//! How a run in strict mode ended.

use std::path::PathBuf;

use chaos_workflow::{StepReport, WorkflowEnd};

use crate::detect::StepFailure;
use crate::outcome::ScenarioOutcome;
use crate::reasons::HeardReasons;
use crate::report::ReportedStep;

/// What our engine made of it.
#[derive(Debug)]
pub(crate) struct StrictEnd {
    pub(crate) outcome: ScenarioOutcome,
    pub(crate) detail: String,
    pub(crate) first: Option<String>,
    pub(crate) steps: Vec<StepReport>,
    pub(crate) in_force: Option<String>,
    pub(crate) folder: PathBuf,
    /// What steps said of themselves.
    pub(crate) reasons: HeardReasons,
}

impl StrictEnd {
    pub(crate) fn of(end: WorkflowEnd, reasons: HeardReasons) -> Self {
        let outcome = ScenarioOutcome::of_step(end.outcome).unwrap_or(ScenarioOutcome::Pass);
        let WorkflowEnd { detail, first, steps, in_force, folder, .. } = end;
        Self { outcome, detail, first, steps, in_force, folder, reasons }
    }

    /// What failed, by the time at which it was seen: what our engine saw, and what steps said of themselves.
    pub(crate) fn failures(&self) -> Vec<StepFailure> {
        let mut failures = self.reasons.detector.failures().to_vec();
        if self.outcome == ScenarioOutcome::Pass {
            return failures;
        }
        let step = self.first.clone().unwrap_or_default();
        let own = self.steps.iter().find(|one| one.name == step).map(|one| one.detail.as_str());
        if let Some(said) = failures.first_mut().filter(|said| own == Some(said.detail.as_str())) {
            // The step failed by it alone.
            said.step = step;
            return failures;
        }
        let at = self.reasons.step_failed.get(&step).unwrap_or(&self.reasons.took).as_secs_f64();
        let place = failures.iter().take_while(|said| said.at_seconds < at).count();
        failures.insert(place, StepFailure::new(step, self.outcome, &self.detail, at));
        failures
    }

    /// Its steps for the report.
    pub(crate) fn reported(&self) -> Vec<ReportedStep> {
        let step = |step: &StepReport| ReportedStep {
            step: step.name.clone(),
            pods: Vec::new(),
            outcome: ScenarioOutcome::of_step(step.outcome),
            exit_code: None,
            detail: Some(step.detail.clone()).filter(|detail| !detail.is_empty()),
        };
        self.steps.iter().map(step).collect()
    }
}
