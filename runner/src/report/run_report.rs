//! Everything that a run says of itself.

use chaos_core::{ChaosResult, Verdict, Verification};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::baseline::BaselineResult;
use super::machine::Machine;
use crate::nodes::NodeFinding;
use crate::recover::RecoverReport;
use crate::source_report::SourceReport;

/// Version of the program, as reports and events name it.
pub(crate) const SQUALL_VERSION: &str = env!("CARGO_PKG_VERSION");

/// Everything that a run says of itself. Times are in seconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Report {
    /// Version of this format. Keys are added within a format; one that goes away or changes its meaning makes the next.
    #[schemars(extend("const" = 1))]
    pub format: u32,
    /// Version of the program.
    pub squall_version: String,
    /// The task's own name, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<String>,
    /// The file that the task was read from, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// The command that repeats the run, where it was a command.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// Where it ran.
    pub machine: Machine,
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
    /// Why its nodes were not held, where they were to be held for ad-hoc work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_begun: Option<String>,
    /// Nodes that ended by themselves, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub node_exits: Vec<NodeFinding>,
    /// What the sources of evidence took in.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<SourceReport>,
    /// Nodes that may still run, and why; `squall recover` tries again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub nodes_left: Vec<String>,
    /// How it compares with a baseline; absent where it was held against none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline: Option<Box<BaselineResult>>,
    /// What dead runs had left behind, and what became of it.
    pub recovered: RecoverReport,
    /// Seed of every random choice.
    pub seed: u64,
    /// Whether effects were skipped.
    pub sham: bool,
    /// When it began, in seconds since 1970.
    pub started_at_unix_seconds: f64,
    /// How long it took.
    pub elapsed_seconds: f64,
}

impl Report {
    /// The process exit code that says it.
    pub fn exit_code(&self) -> u8 {
        self.verdict.exit_code()
    }

    /// What went wrong around its entries, in one clause: it did not begin, its steady state was not there before or after, a node
    /// ended by itself or is left.
    pub fn around(&self) -> Option<String> {
        let lost = |probes: &[Verification]| probes.iter().find(|probe| !probe.success).cloned();
        let before = || {
            let probe = lost(&self.steady_state_before)?;
            Some(format!("the steady state was not there to begin with (`{}`)", probe.name))
        };
        let after = || {
            let probe = lost(&self.steady_state_after)?;
            Some(format!("end state `{}`: {}", probe.name, probe.detail))
        };
        let exit = || {
            let exit = self.node_exits.first()?;
            Some(format!("node `{}` ended by itself: {}", exit.node, exit.exit))
        };
        let begun = self.not_begun.clone().or_else(before).or_else(after);
        begun.or_else(exit).or_else(|| self.nodes_left.first().cloned())
    }

    /// What it is called: the task's name, else its file, else the program.
    pub fn title(&self) -> &str {
        self.task.as_deref().or(self.file.as_deref()).unwrap_or("squall")
    }
}
