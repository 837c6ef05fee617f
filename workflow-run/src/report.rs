//! The report of a run: one object, and its renderings.

use std::fmt::Write;

use serde::{Deserialize, Serialize};

use crate::detect::StepFailure;
use crate::fetch::{Fetched, ScenarioSource};
use crate::options::ScenarioMode;
use crate::outcome::ScenarioOutcome;
use crate::phase::WorkflowPhase;

/// The format of [`ScenarioReport`] as JSON.
pub const SCENARIO_REPORT_FORMAT: u32 = 1;

/// What became of a scenario.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScenarioReport {
    /// [`SCENARIO_REPORT_FORMAT`].
    pub format: u32,
    /// The version of the program.
    pub squall_version: String,
    /// The scenario.
    pub scenario: String,
    /// The id of the run.
    pub run_id: String,
    /// The engine's own id of it, which `squall recover` and what was created name.
    pub engine_run: String,
    /// The Workflow.
    pub workflow: String,
    /// The namespace.
    pub namespace: String,
    /// The context of the kubeconfig; absent where it was not reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<String>,
    /// Who was to stop it.
    pub mode: ScenarioMode,
    /// The outcome: that of the first failure, else `pass`.
    pub outcome: ScenarioOutcome,
    /// 0 passed, 1 the task failed, 2 it could not be judged, 3 something may still be there.
    pub exit_code: u8,
    /// The phase that the Workflow was last seen in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<WorkflowPhase>,
    /// Where the scenario came from.
    pub source: ReportedSource,
    /// Whether anything was, or may have been, created.
    pub applied: bool,
    /// The failure that decides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_failure: Option<StepFailure>,
    /// Every other failure, in its order; none of them changes the outcome.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub later_failures: Vec<StepFailure>,
    /// Every value that `EXIT_REASON` had, in its order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exit_reasons: Vec<String>,
    /// The steps that began although another had failed before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub began_after_failure: Vec<String>,
    /// The deadline of the entry, where the Workflow went on beyond it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overrun_seconds: Option<f64>,
    /// Each step that began.
    pub steps: Vec<ReportedStep>,
    /// What capture, upload and files could not do; none of it changes the outcome.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<String>,
    /// Why something may still be in the cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left: Option<String>,
    /// What was done to clean up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cleaned: Option<String>,
    /// The folder of the run.
    pub folder: String,
    /// The files in it.
    pub files: Vec<String>,
    /// The keys under which they were uploaded.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub uploaded: Vec<String>,
    /// What was decided and why, in its order.
    pub decisions: Vec<String>,
    /// How long all of it took.
    pub elapsed_seconds: f64,
}

/// Where a scenario came from.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ReportedSource {
    /// The repository.
    pub repo: String,
    /// The reference that was asked for.
    pub reference: String,
    /// The commit that it named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// The path of the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Its SHA-256.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
}

/// One step of a scenario.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportedStep {
    /// The template, or the place in the workflow of our own engine.
    pub step: String,
    /// Its pods.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pods: Vec<String>,
    /// How it ended; absent where it had not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<ScenarioOutcome>,
    /// The exit code of its container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    /// Why it is not better.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

impl ReportedSource {
    /// Where a scenario is, and what was fetched of it.
    pub(crate) fn of(source: &ScenarioSource, fetched: Option<&Fetched>) -> Self {
        Self {
            repo: source.repo.clone(),
            reference: source.reference.clone(),
            commit: fetched.map(|fetched| fetched.commit.clone()),
            path: fetched.map(|fetched| fetched.path.clone()),
            sha256: fetched.map(|fetched| fetched.sha256.clone()),
        }
    }
}

impl ScenarioReport {
    /// The report for people.
    pub fn text(&self) -> String {
        let mut text = String::new();
        let mut line = |part: &str, value: &str| {
            // A string takes everything.
            let _ = writeln!(text, "{part:<10} {value}");
        };
        let source = &self.source;
        let at = source
            .commit
            .as_deref()
            .map_or(source.reference.clone(), |commit| format!("{} ({commit})", source.reference));
        line("scenario", &format!("{} from {} at {at}", self.scenario, source.repo));
        line("workflow", &format!("{} in namespace {}, {} mode", self.workflow, self.namespace, self.mode.word()));
        for step in &self.steps {
            let outcome = step.outcome.map_or("not ended", ScenarioOutcome::word);
            let detail = step.detail.as_ref().map(|detail| format!(": {detail}")).unwrap_or_default();
            line("step", &format!("{:<10} {}{detail}", outcome, step.step));
        }
        for failure in self.first_failure.iter().chain(&self.later_failures) {
            let step = if failure.step.is_empty() { String::new() } else { format!("{}: ", failure.step) };
            line("failure", &format!("{:<10} {step}{}", failure.outcome.word(), failure.detail));
        }
        if !self.began_after_failure.is_empty() {
            line("overran", &format!("began after the failure: {}", self.began_after_failure.join(", ")));
        }
        if let Some(seconds) = self.overrun_seconds {
            line("overrun", &format!("went on beyond the deadline of its entry, {seconds} s"));
        }
        for problem in &self.problems {
            line("problem", problem);
        }
        if let Some(cleaned) = &self.cleaned {
            line("cleaned", cleaned);
        }
        if let Some(left) = &self.left {
            line("left", &format!("{left}; `squall recover` goes on"));
        }
        line("folder", &self.folder);
        if !self.uploaded.is_empty() {
            line("uploaded", &format!("{} files", self.uploaded.len()));
        }
        let why = self.first_failure.as_ref().map(|first| {
            let step = if first.step.is_empty() { String::new() } else { format!("step `{}`: ", first.step) };
            format!(": {step}{}", first.detail)
        });
        line("outcome", &format!("{}{} (exit {})", self.outcome.word(), why.unwrap_or_default(), self.exit_code));
        text
    }
}

#[cfg(test)]
mod tests;
