//! Tasks: the pod, the branches that its end selects, and their children.
//!
//! A pod is created whenever there is none, whatever the node's conditions say: a pod that was swept is run again while its node
//! lives. A pod that ends selects branches even when its node was aborted or timed out.

use chaos_manifests::{BranchStatus, BranchesStatus, NodeStatus};
use k8s_openapi::api::core::v1::Pod;

use super::expression::{self, Environment};
use super::object::Node;

/// Whether the pod has ended, well or not.
pub(super) fn ended(pod: &Pod) -> bool {
    let phase = pod.status.as_ref().and_then(|it| it.phase.as_deref());
    matches!(phase, Some("Succeeded" | "Failed"))
}

/// The exit code of the container that the template names.
pub(super) fn exit_code(pod: &Pod, container: &str) -> Option<i64> {
    let statuses = pod.status.as_ref()?.container_statuses.as_ref()?;
    let state = statuses.iter().find(|it| it.name == container)?.state.as_ref()?;
    Some(i64::from(state.terminated.as_ref()?.exit_code))
}

/// The name of the container that the template names.
pub(super) fn container(node: &Node) -> &str {
    let container = node.spec.task.as_ref().and_then(|it| it.container.as_ref());
    container.and_then(|it| it.get("name")).and_then(|it| it.as_str()).unwrap_or_default()
}

/// Whether the node has branches, for which alone exit code and log are collected.
pub(super) fn has_branches(node: &Node) -> bool {
    node.spec.conditional_branches.as_ref().is_some_and(|it| !it.is_empty())
}

/// Whether every branch was decided.
pub(super) fn evaluated(node: &Node) -> bool {
    let Some(decided) = node.status.as_ref().and_then(|it| it.conditional_branches_status.as_ref()) else {
        return false;
    };
    let branches = node.spec.conditional_branches.as_deref().unwrap_or_default();
    decided.branches.len() == branches.len() && decided.branches.iter().all(|it| it.evaluation_result != "Unknown")
}

/// The status while the pod runs or is not there: no branch is known. A context that was collected stays.
pub(super) fn undecided(node: &Node) -> NodeStatus {
    with(node, None, |_| "Unknown")
}

/// The status once the pod has ended; the environment is collected only for nodes with branches.
pub(super) fn decided(node: &Node, environment: Option<&Environment>) -> NodeStatus {
    let context = environment.and_then(|it| serde_json::to_string(it).ok());
    with(node, context, |branch| environment.map_or("Unknown", |it| expression::result(branch, it)))
}

fn with(
    node: &Node,
    context: Option<String>,
    result: impl Fn(&chaos_manifests::ConditionalBranch) -> &'static str,
) -> NodeStatus {
    let mut status = node.status.clone().unwrap_or_default();
    let old = status.conditional_branches_status.take().unwrap_or_default();
    let branches = node.spec.conditional_branches.as_deref().unwrap_or_default();
    status.conditional_branches_status = Some(BranchesStatus {
        branches: branches
            .iter()
            .map(|it| BranchStatus { target: it.target.clone(), evaluation_result: result(it).to_owned() })
            .collect(),
        context: context.map_or(old.context, |context| vec![context]),
    });
    status
}

/// Templates of the branches that were selected; all of them start together.
pub(super) fn selected(status: &NodeStatus) -> Vec<String> {
    let branches = status.conditional_branches_status.as_ref().map(|it| it.branches.as_slice()).unwrap_or_default();
    branches.iter().filter(|it| it.evaluation_result == "True").map(|it| it.target.clone()).collect()
}

#[cfg(test)]
mod tests {
    use chaos_manifests::ConditionalBranch;
    use serde_json::json;

    use super::super::condition::ABORTED;
    use super::super::samples::{node, with_condition};
    use super::*;

    fn with_branches(expressions: &[(&str, &str)]) -> Node {
        let mut node = node("Task", "step");
        let branch = |(target, expression): &(&str, &str)| ConditionalBranch {
            target: (*target).into(),
            expression: (*expression).into(),
            ..ConditionalBranch::default()
        };
        node.spec.conditional_branches = Some(expressions.iter().map(branch).collect());
        node
    }

    #[test]
    fn model_an_end_selects_all_branches_that_hold() {
        let mut task =
            with_branches(&[("good", "exitCode == 0"), ("bad", "exitCode != 0"), ("loud", "stdout == \"x\"")]);
        task.status = Some(undecided(&task));
        assert!(!evaluated(&task), "the pod runs");
        let environment = Environment { exit_code: Some(1), stdout: "x".into() };
        task.status = Some(decided(&task, Some(&environment)));
        assert!(evaluated(&task));
        assert_eq!(selected(task.status.as_ref().unwrap()), ["bad", "loud"]);
        let context = task.status.unwrap().conditional_branches_status.unwrap().context;
        assert_eq!(context, [r#"{"exitCode":1,"stdout":"x"}"#]);
    }

    #[test]
    fn model_a_branch_that_is_unknown_keeps_the_task_open() {
        let mut task = with_branches(&[("next", "")]);
        task.status = Some(decided(&task, Some(&Environment { exit_code: Some(0), stdout: String::new() })));
        assert!(!evaluated(&task));
        assert!(selected(task.status.as_ref().unwrap()).is_empty());
    }

    #[test]
    fn model_without_branches_nothing_is_collected() {
        let mut task = node("Task", "step");
        assert!(!has_branches(&task) && !evaluated(&task));
        task.status = Some(decided(&task, None));
        assert!(evaluated(&task));
        assert!(task.status.unwrap().conditional_branches_status.unwrap().context.is_empty());
    }

    #[test]
    fn model_an_aborted_task_still_selects() {
        let task = with_condition(with_branches(&[("next", "exitCode == 0")]), ABORTED, "ParentNodeAborted");
        let status = decided(&task, Some(&Environment { exit_code: Some(0), stdout: String::new() }));
        assert_eq!(selected(&status), ["next"]);
    }

    #[test]
    fn model_the_exit_code_is_that_of_the_named_container() {
        let pod: Pod = serde_json::from_value(json!({ "status": { "phase": "Failed", "containerStatuses": [
            { "name": "side", "image": "", "imageID": "", "ready": false, "restartCount": 0, "state": { "terminated": { "exitCode": 9 } } },
            { "name": "main", "image": "", "imageID": "", "ready": false, "restartCount": 0, "state": { "terminated": { "exitCode": 3 } } },
        ] } }))
        .unwrap();
        assert!(ended(&pod));
        assert_eq!(exit_code(&pod, "main"), Some(3));
        assert_eq!(exit_code(&pod, "none"), None);
        assert!(!ended(&Pod::default()));
    }
}
