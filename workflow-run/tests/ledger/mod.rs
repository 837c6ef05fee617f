//! What the ledger of a run says while the run is under way.

use std::fs;
use std::path::{Path, PathBuf};

use chaos_core::LEDGER_FILE;
use chaos_workflow::RUNS_FOLDER;
use serde_json::Value;

/// The ledger in a workspace; there is one once a run has begun.
pub(crate) fn path_in(workspace: &Path) -> Option<PathBuf> {
    let runs = fs::read_dir(workspace.join(RUNS_FOLDER)).ok()?;
    runs.flatten().map(|run| run.path().join(LEDGER_FILE)).find(|path| path.exists())
}

/// Whether it has a line of that kind about a step.
pub(crate) fn says(workspace: &Path, kind: &str, step: &str) -> bool {
    let text = path_in(workspace).and_then(|path| fs::read_to_string(path).ok()).unwrap_or_default();
    let mut lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.any(|line| line["record"] == kind && line["step"] == step)
}
