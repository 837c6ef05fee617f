//! Aborts: from the annotation to the entry, and from node to node. Pods are not touched.

use chaos_manifests::{ABORT_ANNOTATION, NodeStatus};

use super::condition::{self, ABORTED};
use super::deadline::passes_on;
use super::object::{Node, Workflow};

/// Whether the annotation asks for an abort.
pub(super) fn asked(workflow: &Workflow) -> bool {
    let annotations = workflow.metadata.annotations.as_ref();
    annotations.and_then(|it| it.get(ABORT_ANNOTATION)).is_some_and(|value| value == "true")
}

/// The status of the entry node. Without the annotation its `Aborted` is false, also when it was true before: removing the
/// annotation reopens the entry, and only the entry.
pub(super) fn entry(workflow: &Workflow, entry: &Node) -> NodeStatus {
    let asked = asked(workflow);
    with(entry, asked, if asked { "WorkflowAborted" } else { "" })
}

/// Whether children that run are aborted.
pub(super) fn cascades(node: &Node) -> bool {
    passes_on(node) && aborted(node)
}

/// Whether the node is aborted.
pub(super) fn aborted(node: &Node) -> bool {
    node.status.as_ref().is_some_and(|it| condition::is(&it.conditions, ABORTED, true))
}

/// The status of a child that runs when its parent is aborted.
pub(super) fn of_parent(child: &Node) -> NodeStatus {
    with(child, true, "ParentNodeAborted")
}

fn with(node: &Node, truth: bool, reason: &str) -> NodeStatus {
    let mut status = node.status.clone().unwrap_or_default();
    condition::set(&mut status.conditions, ABORTED, truth, reason);
    status
}

#[cfg(test)]
mod tests {
    use super::super::samples::{node, with_condition, workflow};
    use super::*;

    #[test]
    fn model_the_annotation_aborts_the_entry_and_its_removal_reopens_it() {
        let mut flow = workflow("flow", &[]);
        let mut first = node("Serial", "entry");
        first.status = Some(entry(&flow, &first));
        assert!(!aborted(&first));
        flow.metadata.annotations.get_or_insert_default().insert(ABORT_ANNOTATION.into(), "true".into());
        first.status = Some(entry(&flow, &first));
        assert!(aborted(&first) && cascades(&first));
        assert_eq!(Some(entry(&flow, &first)), first.status, "twice changes nothing");
        flow.metadata.annotations.get_or_insert_default().insert(ABORT_ANNOTATION.into(), "false".into());
        first.status = Some(entry(&flow, &first));
        assert!(!condition::finished(first.status.as_ref()));
    }

    #[test]
    fn model_only_nodes_with_children_pass_an_abort_on() {
        for (kind, passed) in
            [("Serial", true), ("Parallel", true), ("Task", true), ("PodChaos", false), ("StatusCheck", false)]
        {
            let it = with_condition(node(kind, "it"), ABORTED, "ParentNodeAborted");
            assert_eq!(cascades(&it), passed, "{kind}");
        }
        assert!(condition::finished(Some(&of_parent(&node("Suspend", "wait")))));
    }
}
