//! Everything that a run says of itself.

use chaos_core::{ChaosResult, Verdict, Verification};
use serde::Serialize;

use crate::recover::RecoverReport;

/// Everything that a run says of itself.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// Id of the run.
    pub run_id: String,
    /// The worst verdict.
    pub verdict: Verdict,
    /// Whether every entry was a success.
    pub success: bool,
    /// One result an entry, in the document's order.
    pub entries: Vec<ChaosResult>,
    /// The steady state before the first injection.
    pub steady_state_before: Vec<Verification>,
    /// The steady state after the last undo; empty when it was not there before.
    pub steady_state_after: Vec<Verification>,
    /// What dead runs had left behind, and what became of it.
    pub recovered: RecoverReport,
    /// Seed of every random choice.
    pub seed: u64,
    /// Whether effects were skipped.
    pub sham: bool,
    /// When it began, as Unix time in milliseconds.
    pub started_at_unix_ms: u64,
    /// How long it took.
    pub elapsed_seconds: f64,
}

impl Report {
    /// The process exit code that says it.
    pub fn exit_code(&self) -> u8 {
        self.verdict.exit_code()
    }
}
