//! What is created: nodes of templates, pods of Tasks, status checks, Schedules and chaos objects of nodes.
//!
//! Everything is named by `generateName`, labelled with the names of its parent and of the Workflow, and owned by its parent.
//! Nodes, pods and status checks carry the finalizer `foregroundDeletion`, so the garbage collector has to end their deletion.

use chaos_manifests::{
    API_VERSION, CONTROLLED_BY_LABEL, ChaosKind, NodeSpec, SCHEDULE, Template, WORKFLOW_LABEL, chaos_plural,
};
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use k8s_openapi::jiff::Timestamp;
use kube::api::{ApiResource, DynamicObject, ObjectMeta};
use serde_json::{Map, Value, json};

use super::go_duration;
use super::object::{Node, STATUS_CHECK, Workflow, name, namespace, resource};
use super::trouble::Wrong;

/// Keys of embedded chaos that are lost when a template becomes a node with a Schedule.
const LOST_IN_SCHEDULES: [&str; 3] = ["azureChaos", "blockChaos", "workflow"];

/// How the API server is asked for a kind of chaos or for Schedules.
pub(super) fn chaos_resource(kind: &str) -> ApiResource {
    resource(kind, &chaos_plural(kind))
}

/// A node of a template; without a parent the node of the entry.
///
/// The time runs from now on, so scheduling and pulling images count. Times are written in whole seconds.
///
/// # Errors
/// A template that is not there, a deadline that is none.
pub(super) fn node(workflow: &Workflow, parent: Option<&Node>, template: &str, now: Timestamp) -> Result<Node, Wrong> {
    let found = workflow.spec.templates.iter().find(|it| it.name == template);
    let template = found.ok_or_else(|| Wrong::Template(template.to_owned()))?;
    let deadline = match &template.deadline {
        Some(text) => {
            let deadline = now.checked_add(go_duration::parse(text)?);
            Some(seconds(deadline.map_err(|source| Wrong::Time { text: text.clone(), source })?))
        }
        None => None,
    };
    let spec = NodeSpec {
        template_name: template.name.clone(),
        workflow_name: name(workflow).to_owned(),
        kind: template.template_type.clone(),
        start_time: Some(seconds(now)),
        deadline,
        task: template.task.clone(),
        children: template.children.clone(),
        conditional_branches: template.conditional_branches.clone(),
        abort_with_status_check: template.abort_with_status_check,
        rest: embedded(template),
    };
    let (kind, owner, uid) = match parent {
        Some(parent) => ("WorkflowNode", name(parent), parent.metadata.uid.as_deref()),
        None => ("Workflow", name(workflow), workflow.metadata.uid.as_deref()),
    };
    let mut node = Node::new("", &resource("WorkflowNode", "workflownodes"), spec);
    node.metadata = meta(&template.name, namespace(workflow), name(workflow), kind, owner, uid);
    node.metadata.finalizers = Some(vec!["foregroundDeletion".to_owned()]);
    Ok(node)
}

/// Writes a time as Kubernetes does.
pub(super) fn seconds(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn embedded(template: &Template) -> Map<String, Value> {
    let keys = ChaosKind::ALL.iter().map(|it| it.field).chain(["schedule", "statusCheck"]);
    let mut rest: Map<String, Value> =
        keys.filter_map(|key| Some((key.to_owned(), template.rest.get(key)?.clone()))).collect();
    if let Some(Value::Object(schedule)) = rest.get_mut("schedule") {
        schedule.retain(|key, _| !LOST_IN_SCHEDULES.contains(&key.as_str()));
    }
    rest
}

fn meta(base: &str, namespace: &str, workflow: &str, kind: &str, owner: &str, uid: Option<&str>) -> ObjectMeta {
    ObjectMeta {
        generate_name: Some(format!("{base}-")),
        namespace: Some(namespace.to_owned()),
        labels: Some(
            [(CONTROLLED_BY_LABEL, owner), (WORKFLOW_LABEL, workflow)]
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .into(),
        ),
        owner_references: Some(vec![OwnerReference {
            api_version: API_VERSION.to_owned(),
            kind: kind.to_owned(),
            name: owner.to_owned(),
            uid: uid.unwrap_or_default().to_owned(),
            controller: Some(true),
            block_owner_deletion: Some(true),
        }]),
        ..ObjectMeta::default()
    }
}

fn of_node(node: &Node) -> ObjectMeta {
    meta(
        name(node),
        namespace(node),
        &node.spec.workflow_name,
        "WorkflowNode",
        name(node),
        node.metadata.uid.as_deref(),
    )
}

/// The pod of a Task: one container, its volumes and labels, and nothing else of a pod.
///
/// # Errors
/// A Task without a container, which ends the real controller's reconcile by a panic, and a container that is none.
pub(super) fn pod(node: &Node) -> Result<Pod, Wrong> {
    let task = node.spec.task.as_ref().ok_or(Wrong::Missing("task"))?;
    let container = task.container.as_ref().ok_or(Wrong::Missing("container"))?;
    let mut metadata = of_node(node);
    let system = metadata.labels.take().unwrap_or_default();
    let mut labels = task.labels.clone().unwrap_or_default();
    labels.extend(system);
    metadata.labels = Some(labels);
    metadata.finalizers = Some(vec!["foregroundDeletion".to_owned()]);
    let spec = json!({ "restartPolicy": "Never", "containers": [container], "volumes": task.volumes.clone().unwrap_or_default() });
    let spec = serde_json::from_value(spec).map_err(Wrong::Pod)?;
    Ok(Pod { metadata, spec: Some(spec), status: None })
}

/// The chaos object, Schedule or status check of a node.
///
/// # Errors
/// A node of another type, or without the part that says what to create.
pub(super) fn custom(node: &Node) -> Result<DynamicObject, Wrong> {
    let kind = node.spec.kind.as_str();
    let (resource, key) = match kind {
        STATUS_CHECK => (resource(kind, "statuschecks"), "statusCheck"),
        SCHEDULE => (chaos_resource(kind), "schedule"),
        _ => (chaos_resource(kind), ChaosKind::named(kind).ok_or_else(|| Wrong::Type(kind.to_owned()))?.field),
    };
    let spec = node.spec.rest.get(key).ok_or(Wrong::Missing(key))?;
    let mut object = DynamicObject::new("", &resource);
    object.metadata = of_node(node);
    if kind == STATUS_CHECK {
        object.metadata.finalizers = Some(vec!["foregroundDeletion".to_owned()]);
    }
    object.data = json!({ "spec": spec });
    Ok(object)
}

#[cfg(test)]
mod tests {
    use super::super::samples::{self, named, task, workflow};
    use super::*;

    fn now() -> Timestamp {
        "2026-01-01T00:00:00.9Z".parse().unwrap()
    }

    #[test]
    fn model_a_node_carries_its_parents_and_its_template() {
        let flow = workflow("flow", &[task("step")]);
        let entry = node(&flow, None, "step", now()).unwrap();
        assert_eq!(entry.metadata.generate_name.as_deref(), Some("step-"));
        assert_eq!(entry.metadata.labels.as_ref().unwrap()[CONTROLLED_BY_LABEL], "flow");
        assert_eq!(entry.metadata.owner_references.as_ref().unwrap()[0].kind, "Workflow");
        assert_eq!(entry.metadata.finalizers.as_deref().unwrap(), ["foregroundDeletion"]);
        assert_eq!(entry.spec.deadline.as_deref(), Some("2026-01-01T00:01:00Z"), "in whole seconds, cut");
        let parent = named(samples::node("Serial", "entry"), "entry-bbbbb");
        let child = node(&flow, Some(&parent), "step", now()).unwrap();
        assert_eq!(child.metadata.labels.as_ref().unwrap()[CONTROLLED_BY_LABEL], "entry-bbbbb");
        assert_eq!(child.metadata.labels.as_ref().unwrap()[WORKFLOW_LABEL], "flow");
        assert_eq!(child.metadata.owner_references.as_ref().unwrap()[0].uid, "node-uid");
        assert!(node(&flow, None, "missing", now()).is_err());
    }

    #[test]
    fn model_a_deadline_that_is_none_makes_no_node() {
        let flow = workflow("flow", &[json!({ "name": "wait", "templateType": "Suspend", "deadline": "ten minutes" })]);
        assert!(node(&flow, None, "wait", now()).unwrap_err().to_string().contains("ten minutes"));
    }

    #[test]
    fn model_labels_of_a_task_do_not_replace_those_of_the_system() {
        let mut template = task("step");
        template["task"]["labels"] = json!({ WORKFLOW_LABEL: "mine", "team": "a" });
        let flow = workflow("flow", &[template]);
        let node = named(node(&flow, None, "step", now()).unwrap(), "step-ccccc");
        let pod = pod(&node).unwrap();
        let labels = pod.metadata.labels.unwrap();
        assert_eq!((labels[WORKFLOW_LABEL].as_str(), labels["team"].as_str()), ("flow", "a"));
        assert_eq!(labels[CONTROLLED_BY_LABEL], "step-ccccc");
        let spec = pod.spec.unwrap();
        assert_eq!(spec.restart_policy.as_deref(), Some("Never"));
        assert_eq!(spec.containers.len(), 1);
        assert_eq!(pod.metadata.finalizers.unwrap(), ["foregroundDeletion"]);
    }

    #[test]
    fn model_a_task_without_a_container_has_no_pod() {
        let flow = workflow("flow", &[json!({ "name": "step", "templateType": "Task", "task": {} })]);
        assert!(pod(&node(&flow, None, "step", now()).unwrap()).is_err());
    }

    #[test]
    fn model_embedded_chaos_becomes_an_object_of_its_kind() {
        let kill = json!({ "name": "kill", "templateType": "PodChaos",
                           "podChaos": { "action": "pod-kill", "mode": "one", "selector": {} } });
        let flow = workflow("flow", &[kill]);
        let object = custom(&named(node(&flow, None, "kill", now()).unwrap(), "kill-ddddd")).unwrap();
        assert_eq!(object.types.unwrap().kind, "PodChaos");
        assert_eq!(object.metadata.generate_name.as_deref(), Some("kill-ddddd-"));
        assert_eq!(object.data["spec"]["action"], "pod-kill");
        assert_eq!(chaos_resource("PodChaos").plural, "podchaos");
    }

    #[test]
    fn model_two_kinds_of_chaos_are_lost_in_schedules() {
        let every = json!({ "name": "every", "templateType": "Schedule",
                            "schedule": { "schedule": "@every 1m", "type": "BlockChaos", "blockChaos": {}, "podChaos": {} } });
        let flow = workflow("flow", &[every]);
        let object = custom(&node(&flow, None, "every", now()).unwrap()).unwrap();
        assert_eq!(object.data["spec"]["blockChaos"], Value::Null);
        assert_eq!(object.data["spec"]["podChaos"], json!({}));
        assert_eq!(object.types.unwrap().kind, "Schedule");
        assert!(custom(&samples::node("Suspend", "wait")).is_err());
    }
}
