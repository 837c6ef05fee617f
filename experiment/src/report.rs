//! The report: made from the transcript and from nothing else, so that a replay gives the same, byte for byte.

mod answer;
mod html;
mod plot;
mod text;

use std::path::{Path, PathBuf};

use chaos_schema::{Budget, Slo};
use serde::Serialize;

pub(crate) use self::answer::sentence;
pub use self::html::html;
pub use self::text::text;
use crate::budget::{BudgetKind, Spent};
use crate::claim::{Checked, Confidence, check};
use crate::finding::Finding;
use crate::measure::Measures;
use crate::prose::{Figures, mark};
use crate::record::{EndReason, Refused, Step, Transcript};
use crate::statistics::calls_needed;

/// How an experiment came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The question is answered, and no promise that was asked for is broken.
    Answered,
    /// It is answered, and a promise does not hold.
    Deviated,
    /// It is not answered.
    Inconclusive,
    /// Something may still be in force.
    RevertFailed,
}

impl Outcome {
    /// The process exit code that says it.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Answered => 0,
            Self::Deviated => 1,
            Self::Inconclusive => 2,
            Self::RevertFailed => 3,
        }
    }

    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Deviated => "deviated",
            Self::Inconclusive => "inconclusive",
            Self::RevertFailed => "revert_failed",
        }
    }
}

/// One step, as the report shows it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StepRow {
    /// Its number.
    pub id: u32,
    /// What it was for.
    pub label: String,
    /// The `type` of the fault or probe.
    pub kind: String,
    /// Milliseconds since the beginning.
    pub at_ms: u64,
    /// How long it took.
    pub seconds: f64,
    /// The engine's verdict, or a probe's answer.
    pub state: String,
    /// What went wrong; `None` where nothing did.
    pub error: Option<String>,
    /// Whether the promises held; `None` where no strategy judged.
    pub held: Option<bool>,
    /// What it measured, computed from its result.
    pub measures: Measures,
}

/// Everything that an experiment says of itself.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// Id of the run.
    pub run_id: String,
    /// The question.
    pub goal: String,
    /// The service.
    pub target: String,
    /// What it promises.
    pub slo: Vec<Slo>,
    /// Who planned.
    pub planner: String,
    /// Seed of every random choice.
    pub seed: u64,
    /// When it began, as Unix time in milliseconds.
    pub started_at_unix_ms: u64,
    /// How it came out.
    pub outcome: Outcome,
    /// Why it is not answered; `None` where it is.
    pub why: Option<String>,
    /// The budget that ran out.
    pub ran_out: Option<BudgetKind>,
    /// Whether the transcript has its end.
    pub complete: bool,
    /// The engine's own answer, one sentence a finding.
    pub answer: Vec<String>,
    /// A model's answer, with every number marked that nobody measured.
    pub said: Option<String>,
    /// How sure the model is.
    pub confidence: Option<Confidence>,
    /// The claims beside what was measured.
    pub claims: Vec<Checked>,
    /// What was not tested.
    pub not_tested: Vec<String>,
    /// What a reader should know before trusting a figure.
    pub caveats: Vec<String>,
    /// What strategies found.
    pub findings: Vec<Finding>,
    /// The steps, in order.
    pub steps: Vec<StepRow>,
    /// What the fence kept out.
    pub refused: Vec<Refused>,
    /// What could be used up.
    pub budget: Budget,
    /// What was.
    pub spent: Spent,
    #[serde(skip)]
    transcript: Option<PathBuf>,
}

impl Report {
    /// The report of a transcript, whole or cut off.
    pub fn of(transcript: &Transcript) -> Self {
        let header = &transcript.header;
        let figures = Figures::of(transcript);
        let conclusion = transcript.conclusion.as_ref();
        let claims: Vec<Checked> = conclusion
            .iter()
            .flat_map(|conclusion| &conclusion.claims)
            .map(|claim| check(claim, &transcript.steps, &transcript.findings))
            .collect();
        let (outcome, why) = outcome(transcript, &claims);
        let ran_out = match transcript.end.as_ref().map(|end| &end.reason) {
            Some(EndReason::BudgetRanOut { budget }) => Some(*budget),
            _ => None,
        };
        // A fault and the load beside it end in either order.
        let mut steps: Vec<StepRow> = transcript.steps.iter().map(|step| row(step, &transcript.findings)).collect();
        steps.sort_by_key(|step| step.id);
        let last = transcript.steps.last().map(|step| step.spent).unwrap_or_default();
        Self {
            run_id: header.run_id.clone(),
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
            said: conclusion.map(|conclusion| mark(&conclusion.answer, &figures)),
            confidence: conclusion.map(|conclusion| conclusion.confidence),
            claims,
            not_tested: conclusion.iter().flat_map(|c| &c.not_tested).map(|text| mark(text, &figures)).collect(),
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

fn row(step: &Step, findings: &[Finding]) -> StepRow {
    let point = findings.iter().flat_map(Finding::points).find(|point| point.step == step.asked.id);
    let (state, error) = match (&step.result, &step.observation) {
        (Some(result), _) => (result.verdict.word().to_owned(), result.error.clone()),
        (None, Some(seen)) => (format!("{:?}", seen.answer).to_lowercase(), None),
        (None, None) => (String::new(), None),
    };
    StepRow {
        id: step.asked.id,
        label: step.asked.label.clone(),
        kind: step.kind().to_owned(),
        at_ms: step.asked.at_ms,
        seconds: step.seconds,
        state,
        error: error.or_else(|| point.filter(|point| !point.held).map(|point| point.why.clone())),
        held: point.map(|point| point.held),
        measures: step.recomputed(),
    }
}

fn outcome(transcript: &Transcript, claims: &[Checked]) -> (Outcome, Option<String>) {
    let no = |why: String| (Outcome::Inconclusive, Some(why));
    match transcript.end.as_ref().map(|end| &end.reason) {
        None => no(match transcript.open.first() {
            Some(asked) => format!("it was cut off in step {} ({})", asked.id, asked.label),
            None => "it was cut off".to_owned(),
        }),
        Some(EndReason::InForce { why }) => (Outcome::RevertFailed, Some(why.clone())),
        Some(EndReason::BudgetRanOut { budget }) => no(format!("the budget `{budget}` ran out")),
        Some(EndReason::Cancelled) => no("it was cancelled".to_owned()),
        Some(EndReason::Failed { why }) => no(why.clone()),
        Some(EndReason::NoConclusion { why }) => no(format!("the model did not conclude: {why}")),
        Some(EndReason::Answered) => answered(transcript, claims),
    }
}

fn answered(transcript: &Transcript, claims: &[Checked]) -> (Outcome, Option<String>) {
    let by_model = transcript.conclusion.is_some();
    if by_model && !claims.iter().any(|claim| claim.supported) {
        return (Outcome::Inconclusive, Some("no claim of the conclusion is supported".to_owned()));
    }
    let broken = |finding: &Finding| finding.promises_held() == Some(false);
    // What a comparison shows under a fault is an answer, unless somebody asked for the promises.
    let counts = |finding: &&Finding| transcript.header.slo_given || !matches!(finding, Finding::Compare { .. });
    if transcript.findings.iter().filter(counts).any(broken) {
        return (Outcome::Deviated, Some("a promise does not hold".to_owned()));
    }
    if !by_model && transcript.findings.iter().all(|finding| finding.promises_held().is_none()) {
        let unsure = transcript.findings.last().map(|finding| sentence(finding, &transcript.header.slo));
        return (Outcome::Inconclusive, Some(unsure.unwrap_or_else(|| "nothing was found".to_owned())));
    }
    (Outcome::Answered, None)
}

fn caveats(transcript: &Transcript) -> Vec<String> {
    let mut caveats = Vec::new();
    let percentiles = transcript.header.slo.iter().filter_map(|slo| match slo {
        Slo::Response { percentile, .. } => Some(*percentile),
        Slo::Errors { .. } => None,
    });
    if let Some(percentile) = percentiles.max() {
        let needed = calls_needed(percentile.number());
        #[expect(clippy::cast_precision_loss, reason = "at most 100,000")]
        let few = |step: &&Step| step.recomputed().get("calls").is_some_and(|calls| *calls < needed as f64);
        let few: Vec<String> = transcript.steps.iter().filter(few).map(|step| step.asked.id.to_string()).collect();
        if !few.is_empty() {
            let word = percentile.word();
            let steps = few.join(", ");
            caveats.push(format!("p{word} wants {needed} calls a step; fewer were measured in steps {steps}"));
        }
    }
    for finding in &transcript.findings {
        if let Finding::Capacity { confirmed: false, capacity_qps: Some(_), .. } = finding {
            caveats.push("the capacity was not confirmed by a second run".to_owned());
        }
    }
    caveats.extend(transcript.notes.iter().cloned());
    caveats
}
