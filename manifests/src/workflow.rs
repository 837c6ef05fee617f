//! The Workflow of Chaos Mesh, what it makes of its templates, and how both stand.
//!
//! Keys that are not read here are kept in `rest`, so that what is read and written again loses nothing.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// What a Workflow is to do.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct WorkflowSpec {
    /// The template that is run first.
    pub entry: String,
    /// All templates.
    #[serde(default)]
    pub templates: Vec<Template>,
    /// Keys that are not read here.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// One template: a step, or steps together.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Template {
    /// Its name, which children and branches refer to.
    pub name: String,
    /// `Serial`, `Parallel`, `Suspend`, `Task`, `StatusCheck`, `Schedule`, or a kind of chaos such as `PodChaos`.
    pub template_type: String,
    /// How long it may take at most, in Go's notation such as `1h30m`.
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
    /// Keys that are not read here: embedded chaos, `schedule`, `statusCheck`.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// The pod of a `Task`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct TaskTemplate {
    /// Its one container, as Kubernetes defines containers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<Map<String, Value>>,
    /// Its volumes, as Kubernetes defines volumes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub volumes: Option<Vec<Value>>,
    /// Labels of the pod; the two of the system can't be replaced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub labels: Option<BTreeMap<String, String>>,
    /// Keys that are not read here.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// What follows a `Task` when an expression over `exitCode` and `stdout` is true.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ConditionalBranch {
    /// The template that is run.
    pub target: String,
    /// The expression.
    #[serde(default)]
    pub expression: String,
    /// Keys that are not read here.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// How a Workflow stands. There is no phase: it is derived from the conditions.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WorkflowStatus {
    /// The name of the node of the entry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entry_node: Option<String>,
    /// When the entry was started, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_time: Option<String>,
    /// When the entry had finished, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_time: Option<String>,
    /// `Scheduled` and `Accomplished`.
    #[serde(default)]
    pub conditions: Vec<Condition>,
    /// Keys that are not read here.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// One condition of a Workflow or of a node.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Condition {
    /// What it is about.
    #[serde(rename = "type")]
    pub kind: String,
    /// `True`, `False` or `Unknown`.
    pub status: String,
    /// Why, in one word.
    #[serde(default)]
    pub reason: String,
}

impl Condition {
    /// The condition of that type among these, if it is true.
    pub fn holds<'a>(conditions: &'a [Self], kind: &str) -> Option<&'a Self> {
        conditions.iter().find(|condition| condition.kind == kind && condition.status == "True")
    }
}
