//! What a leaf step sees of its run.

use std::path::{Path, PathBuf};

use crate::RunContext;

/// The name of the ledger in the folder of a workflow.
pub const LEDGER_FILE: &str = "ledger.jsonl";

/// The context of a leaf step.
#[derive(Debug, Clone)]
pub struct StepContext {
    run: RunContext,
    folder: PathBuf,
    name: String,
    attempt: u64,
    is_last: bool,
}

impl StepContext {
    /// A context for the step of that name, in a workflow whose files are in `folder`.
    pub fn new(run: RunContext, folder: PathBuf, name: impl Into<String>) -> Self {
        Self { run, folder, name: name.into(), attempt: 1, is_last: false }
    }

    /// The same for a step of a `finally`, or not.
    #[must_use]
    pub fn last(self, is_last: bool) -> Self {
        Self { is_last, ..self }
    }

    /// The same for the attempt of that number, counted over every `retry` around the step.
    #[must_use]
    pub fn attempt_of(self, attempt: u64) -> Self {
        Self { attempt, ..self }
    }

    /// Which attempt of the step it is; the first is 1.
    pub fn attempt(&self) -> u64 {
        self.attempt
    }

    /// Whether it is a step of a `finally`: it runs whatever happened, also on a full disk.
    pub fn is_last(&self) -> bool {
        self.is_last
    }

    /// Clock, randomness, policy, cancellation.
    pub fn run(&self) -> &RunContext {
        &self.run
    }

    /// The folder of the run's workflow.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The ledger of the workflow: what was started and what ended, a JSON object on each line.
    pub fn ledger(&self) -> PathBuf {
        self.folder.join(LEDGER_FILE)
    }

    /// The name of the step.
    pub fn name(&self) -> &str {
        &self.name
    }
}
