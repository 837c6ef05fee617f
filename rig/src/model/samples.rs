//! Objects for the tests of the pure parts.

use chaos_manifests::{NodeSpec, Template, WorkflowSpec};
use serde_json::{Value, json};

use super::condition;
use super::object::{Node, Workflow, resource};

/// A node of that type and template, with a name and a uid.
pub(super) fn node(kind: &str, template: &str) -> Node {
    let spec = NodeSpec {
        template_name: template.into(),
        workflow_name: "flow".into(),
        kind: kind.into(),
        ..NodeSpec::default()
    };
    let mut node = Node::new(&format!("{template}-aaaaa"), &resource("WorkflowNode", "workflownodes"), spec);
    node.metadata.namespace = Some("here".into());
    node.metadata.uid = Some("node-uid".into());
    node
}

/// The same under another name.
pub(super) fn named(mut node: Node, name: &str) -> Node {
    node.metadata.name = Some(name.into());
    node
}

/// The same with a condition that is true.
pub(super) fn with_condition(mut node: Node, kind: &str, reason: &str) -> Node {
    condition::set(&mut node.status.get_or_insert_default().conditions, kind, true, reason);
    node
}

/// A Workflow whose entry is the first of these templates, which are JSON.
pub(super) fn workflow(name: &str, templates: &[Value]) -> Workflow {
    let templates: Vec<Template> = templates.iter().map(|it| serde_json::from_value(it.clone()).unwrap()).collect();
    let entry = templates.first().map(|it| it.name.clone()).unwrap_or_default();
    let spec = WorkflowSpec { entry, templates, ..WorkflowSpec::default() };
    let mut workflow = Workflow::new(name, &resource("Workflow", "workflows"), spec);
    workflow.metadata.namespace = Some("here".into());
    workflow.metadata.uid = Some("flow-uid".into());
    workflow
}

/// A template of a Task.
pub(super) fn task(name: &str) -> Value {
    json!({ "name": name, "templateType": "Task", "deadline": "1m",
            "task": { "container": { "name": "main", "image": "stub" }, "labels": { "team": "a" } } })
}
