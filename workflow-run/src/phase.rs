//! The phase of a Workflow, which Chaos Mesh does not say: it is derived from conditions.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::view::ClusterView;

/// How long the entry of a Workflow may take to be there; one that is not valid never gets one.
const SCHEDULING: Duration = Duration::from_secs(10);

/// Where a Workflow is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum WorkflowPhase {
    /// It runs, and nothing has failed so far.
    #[default]
    Running,
    /// Something has failed, and it goes on all the same.
    Failing,
    /// It has ended, and something failed.
    Failed,
    /// It has ended, and nothing failed.
    Succeeded,
    /// Its entry did not end within its deadline.
    TimedOut,
    /// It was aborted.
    Aborted,
    /// Chaos Mesh did not take it up.
    Invalid,
    /// The object is gone.
    Gone,
}

impl WorkflowPhase {
    /// Whether nothing more comes of it.
    pub(crate) fn is_last(self) -> bool {
        !matches!(self, Self::Running | Self::Failing)
    }

    /// The phase at one moment; `failed` where a node has failed, `age` since the Workflow was made. The first that fits.
    pub(crate) fn of(view: &ClusterView, was_there: bool, failed: bool, age: Duration) -> Self {
        let Some(workflow) = &view.workflow else {
            return if was_there { Self::Gone } else { Self::Running };
        };
        let entry = view.entry();
        let conditions = &workflow.status.conditions;
        let holds = |kind: &str| chaos_manifests::Condition::holds(conditions, kind).is_some();
        if workflow.abort_asked || entry.is_some_and(|entry| entry.holds("Aborted").is_some()) {
            return Self::Aborted;
        }
        if !holds("Scheduled") && entry.is_none() && age > SCHEDULING {
            return Self::Invalid;
        }
        if entry.is_some_and(|entry| entry.is_past_its_deadline() && !ends_by_deadline(entry)) {
            return Self::TimedOut;
        }
        match (holds("Accomplished"), failed) {
            (true, true) => Self::Failed,
            (true, false) => Self::Succeeded,
            (false, true) => Self::Failing,
            (false, false) => Self::Running,
        }
    }
}

/// Whether the deadline is how a node of that type ends: `Suspend`, `Schedule` and every kind of chaos.
pub(crate) fn ends_by_deadline(node: &crate::view::SeenNode) -> bool {
    !matches!(node.spec.kind.as_str(), "Task" | "Serial" | "Parallel" | "StatusCheck")
}
