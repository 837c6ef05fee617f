//! How an experiment came out.

use serde::Serialize;

use super::sentence::sentence;
use crate::claim::CheckedClaim;
use crate::finding::Finding;
use crate::transcript::{ExperimentEnd, ExperimentTranscript};

/// How an experiment came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ExperimentOutcome {
    /// The question is answered, and every SLO that was asked for holds.
    Answered,
    /// It is answered, and an SLO does not hold.
    Deviated,
    /// It is not answered.
    Inconclusive,
    /// Something may still be in force.
    RevertFailed,
}

impl ExperimentOutcome {
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

/// The outcome, and why it is not `answered`.
pub(super) fn outcome(
    transcript: &ExperimentTranscript,
    claims: &[CheckedClaim],
) -> (ExperimentOutcome, Option<String>) {
    let no = |why: String| (ExperimentOutcome::Inconclusive, Some(why));
    match transcript.end.as_ref().map(|end| &end.reason) {
        None => no(match transcript.open.first() {
            Some(start) => format!("it was cut off in step {} ({})", start.id, start.label),
            None => "it was cut off".to_owned(),
        }),
        Some(ExperimentEnd::InForce { why }) => (ExperimentOutcome::RevertFailed, Some(why.clone())),
        Some(ExperimentEnd::BudgetRanOut { budget }) => no(format!("the budget `{budget}` ran out")),
        Some(ExperimentEnd::Cancelled) => no("it was cancelled".to_owned()),
        Some(ExperimentEnd::Failed { why }) => no(why.clone()),
        Some(ExperimentEnd::NoConclusion { why, .. }) => no(format!("the model did not conclude: {why}")),
        Some(ExperimentEnd::Answered) => answered(transcript, claims),
    }
}

fn answered(transcript: &ExperimentTranscript, claims: &[CheckedClaim]) -> (ExperimentOutcome, Option<String>) {
    let by_model = transcript.conclusion.is_some();
    if by_model && !claims.iter().any(|claim| claim.supported) {
        return (ExperimentOutcome::Inconclusive, Some("no claim of the conclusion is supported".to_owned()));
    }
    let broken = |finding: &Finding| finding.slo_held() == Some(false);
    // What a comparison shows under a fault is an answer, unless the SLOs were asked for.
    let counts = |finding: &&Finding| transcript.header.slo_given || !matches!(finding, Finding::Compare { .. });
    if transcript.findings.iter().filter(counts).any(broken) {
        return (ExperimentOutcome::Deviated, Some("an SLO does not hold".to_owned()));
    }
    if !by_model && transcript.findings.iter().all(|finding| finding.slo_held().is_none()) {
        let unsure = transcript.findings.last().map(|finding| sentence(finding, &transcript.header.slo));
        return (ExperimentOutcome::Inconclusive, Some(unsure.unwrap_or_else(|| "nothing was found".to_owned())));
    }
    (ExperimentOutcome::Answered, None)
}
