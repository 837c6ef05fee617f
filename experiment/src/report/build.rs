//! The report as data, made from a transcript.

use std::path::{Path, PathBuf};

use chaos_schema::{Budget, Slo, SloPercentile};
use serde::Serialize;

use super::outcome::{ExperimentOutcome, outcome};
use super::sentence::sentence;
use crate::budget::{BudgetKind, Spent};
use crate::claim::{CheckedClaim, check};
use crate::conclusion::Confidence;
use crate::finding::Finding;
use crate::measure::Measures;
use crate::setup::highest_percentile;
use crate::statistics::requests_needed;
use crate::transcript::{ExperimentEnd, ExperimentTranscript, RefusedCall, StepRecord};
use crate::unmeasured::{KnownNumbers, mark};

/// One step, as the report shows it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StepRow {
    /// Its number.
    pub id: u32,
    /// What it was for.
    pub label: String,
    /// The `type` of the fault or probe.
    pub kind: String,
    /// Whether it was a load.
    pub is_load: bool,
    /// Milliseconds since the beginning.
    pub at_ms: u64,
    /// How long it took.
    pub seconds: f64,
    /// The engine's verdict, or a probe's answer.
    pub state: String,
    /// What went wrong; `None` where nothing did.
    pub error: Option<String>,
    /// Whether the SLOs held; `None` where no strategy judged.
    pub held: Option<bool>,
    /// What it measured, computed from its result.
    pub measures: Measures,
}

impl StepRow {
    /// A measure by its name.
    pub(super) fn measure(&self, name: &str) -> Option<f64> {
        self.measures.get(name).copied()
    }
}

/// Everything that an experiment says of itself.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ExperimentReport {
    /// Id of the run.
    pub run_id: String,
    /// Version of the program that made it.
    pub version: String,
    /// Machine on which it ran: host name, kernel, processors.
    pub machine: String,
    /// The command that makes it again; empty where it is not known.
    pub command: String,
    /// The question.
    pub goal: String,
    /// The service.
    pub target: String,
    /// Its SLOs.
    pub slo: Vec<Slo>,
    /// Who planned.
    pub planner: String,
    /// Seed of every random choice.
    pub seed: u64,
    /// When it began, as Unix time in milliseconds.
    pub started_at_unix_ms: u64,
    /// How it came out.
    pub outcome: ExperimentOutcome,
    /// Why it is not answered; `None` where it is.
    pub why: Option<String>,
    /// The budget that ran out.
    pub ran_out: Option<BudgetKind>,
    /// Whether the transcript has its end.
    pub complete: bool,
    /// The engine's own answer, one sentence a finding.
    pub answer: Vec<String>,
    /// A model's answer, or its last words where it did not conclude, in which every number that was not measured is marked.
    pub said: Option<String>,
    /// How sure the model is.
    pub confidence: Option<Confidence>,
    /// The claims beside what was measured.
    pub claims: Vec<CheckedClaim>,
    /// What was not tested.
    pub not_tested: Vec<String>,
    /// What a reader should know before trusting a figure.
    pub caveats: Vec<String>,
    /// What strategies found.
    pub findings: Vec<Finding>,
    /// The steps, in order.
    pub steps: Vec<StepRow>,
    /// Calls that were refused.
    pub refused: Vec<RefusedCall>,
    /// What could be used up.
    pub budget: Budget,
    /// What was.
    pub spent: Spent,
    #[serde(skip)]
    transcript: Option<PathBuf>,
}

/// What a model answered, or what it said in place of an answer.
fn last_words(transcript: &ExperimentTranscript) -> Option<&str> {
    let end = transcript.end.as_ref().map(|end| &end.reason);
    match (&transcript.conclusion, end) {
        (Some(conclusion), _) => Some(&conclusion.answer),
        (None, Some(ExperimentEnd::NoConclusion { said, .. })) if !said.is_empty() => Some(said),
        _ => None,
    }
}

impl ExperimentReport {
    /// The report of a transcript, whole or cut off.
    pub fn of(transcript: &ExperimentTranscript) -> Self {
        let header = &transcript.header;
        let known = KnownNumbers::of(transcript);
        let conclusion = transcript.conclusion.as_ref();
        let claims: Vec<CheckedClaim> = conclusion
            .iter()
            .flat_map(|conclusion| &conclusion.claims)
            .map(|claim| check(claim, &transcript.steps, &transcript.findings))
            .collect();
        let (outcome, why) = outcome(transcript, &claims);
        let ran_out = match transcript.end.as_ref().map(|end| &end.reason) {
            Some(ExperimentEnd::BudgetRanOut { budget }) => Some(*budget),
            _ => None,
        };
        // A fault and the load beside it end in either order.
        let mut steps: Vec<StepRow> = transcript.steps.iter().map(|step| row(step, &transcript.findings)).collect();
        steps.sort_by_key(|step| step.id);
        let last = transcript.steps.last().map(|step| step.spent).unwrap_or_default();
        Self {
            run_id: header.run_id.clone(),
            version: header.writer.clone(),
            machine: header.machine.clone(),
            command: header.command.clone(),
            goal: header.goal.clone(),
            target: header.target.clone(),
            slo: header.slo.clone(),
            planner: header.planner.clone(),
            seed: header.seed,
            started_at_unix_ms: header.started_at_unix_ms,
            outcome,
            why,
            ran_out,
            complete: transcript.end.is_some(),
            answer: transcript.findings.iter().map(|finding| sentence(finding, &header.slo)).collect(),
            said: last_words(transcript).map(|said| mark(said, &known)),
            confidence: conclusion.map(|conclusion| conclusion.confidence),
            claims,
            not_tested: conclusion.iter().flat_map(|c| &c.not_tested).map(|text| mark(text, &known)).collect(),
            caveats: caveats(transcript),
            findings: transcript.findings.clone(),
            steps,
            refused: transcript.refused.clone(),
            budget: header.budget,
            spent: transcript.end.as_ref().map_or(last, |end| end.spent),
            transcript: None,
        }
    }

    /// The same, with the place of its transcript.
    pub(crate) fn at(mut self, path: PathBuf) -> Self {
        self.transcript = Some(path);
        self
    }

    /// Where the transcript is; no part of the report itself.
    pub fn transcript(&self) -> Option<&Path> {
        self.transcript.as_deref()
    }

    /// The process exit code that says it.
    pub fn exit_code(&self) -> u8 {
        self.outcome.exit_code()
    }
}

fn row(step: &StepRecord, findings: &[Finding]) -> StepRow {
    let point = findings.iter().flat_map(Finding::points).find(|point| point.step == step.id());
    let error = step.result.as_ref().and_then(|result| result.error.clone());
    StepRow {
        id: step.id(),
        label: step.start.label.clone(),
        kind: step.start.plug_in.clone(),
        is_load: step.result.as_ref().is_some_and(|result| result.load.is_some()),
        at_ms: step.start.at_ms,
        seconds: step.seconds,
        state: step.state().to_owned(),
        error: error.or_else(|| point.filter(|point| !point.held).map(|point| point.why.clone())),
        held: point.map(|point| point.held),
        measures: step.recomputed(),
    }
}

fn caveats(transcript: &ExperimentTranscript) -> Vec<String> {
    let percentile = highest_percentile(&transcript.header.slo);
    let few = percentile.and_then(|percentile| few_requests(&transcript.steps, percentile));
    let unconfirmed =
        |finding: &&Finding| matches!(finding, Finding::Capacity { confirmed: false, capacity_qps: Some(_), .. });
    let unconfirmed = transcript.findings.iter().filter(unconfirmed);
    let unconfirmed = unconfirmed.map(|_| "the capacity was not confirmed by a second run".to_owned());
    few.into_iter().chain(unconfirmed).chain(unserved(&transcript.findings)).collect()
}

/// Steps in which connections may have waited unserved: their figures are of fewer connections than were offered.
fn unserved(findings: &[Finding]) -> Option<String> {
    let points = findings.iter().flat_map(Finding::points).filter(|point| point.unserved_connections);
    let steps: Vec<String> = points.map(|point| point.step.to_string()).collect();
    let told =
        "connections may have waited that the target does not serve; its limit may be one of connections, not of";
    let (word, list) = (if steps.len() == 1 { "step" } else { "steps" }, steps.join(", "));
    (!steps.is_empty()).then(|| format!("{told} rate: try a lower `concurrency` ({word} {list})"))
}

/// The steps that measured too few requests for a percentile.
#[expect(clippy::cast_precision_loss, reason = "at most 100,000")]
fn few_requests(steps: &[StepRecord], percentile: SloPercentile) -> Option<String> {
    let needed = requests_needed(percentile.number());
    let few = |step: &&StepRecord| step.recomputed().get("requests").is_some_and(|requests| *requests < needed as f64);
    let few: Vec<String> = steps.iter().filter(few).map(|step| step.id().to_string()).collect();
    let (word, steps) = (percentile.word(), few.join(", "));
    let told = format!("p{word} needs {needed} requests a step; fewer were measured in steps {steps}");
    (!few.is_empty()).then_some(told)
}
