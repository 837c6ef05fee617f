//! A node of a Workflow: one run of one template.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::workflow::{Condition, ConditionalBranch, TaskTemplate};

/// What a node is to do: the parts of its template, copied.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeSpec {
    /// The template that it runs.
    pub template_name: String,
    /// The Workflow that it belongs to.
    pub workflow_name: String,
    /// The type of the template.
    #[serde(rename = "type")]
    pub kind: String,
    /// When it was made, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_time: Option<String>,
    /// Until when it may run, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<String>,
    /// The pod of a `Task`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<TaskTemplate>,
    /// The templates of a `Serial` or `Parallel`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub children: Option<Vec<String>>,
    /// What follows a `Task`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conditional_branches: Option<Vec<ConditionalBranch>>,
    /// Whether a `StatusCheck` that fails aborts the whole Workflow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub abort_with_status_check: Option<bool>,
    /// Keys that are not read here.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// How a node stands.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeStatus {
    /// The chaos object, Schedule or status check that it made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chaos_resource: Option<Value>,
    /// Which branches were chosen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conditional_branches_status: Option<BranchesStatus>,
    /// Nodes that run.
    #[serde(default)]
    pub active_children: Vec<NodeReference>,
    /// Nodes that have finished.
    #[serde(default)]
    pub finished_children: Vec<NodeReference>,
    /// `Accomplished`, `DeadlineExceed`, `ChaosInjected`, `Aborted`.
    #[serde(default)]
    pub conditions: Vec<Condition>,
    /// Keys that are not read here.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// The name of a node.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct NodeReference {
    /// The name.
    pub name: String,
}

/// Which branches of a `Task` were chosen.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct BranchesStatus {
    /// Each branch.
    #[serde(default)]
    pub branches: Vec<BranchStatus>,
    /// What the expressions saw, as JSON: `exitCode` and `stdout`.
    #[serde(default)]
    pub context: Vec<String>,
}

/// Whether one branch was chosen.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BranchStatus {
    /// The template.
    pub target: String,
    /// `True`, `False` or `Unknown`.
    pub evaluation_result: String,
}
