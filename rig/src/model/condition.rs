//! Conditions of nodes and of Workflows, and when a node counts as finished.

use chaos_manifests::{Condition, NodeStatus};

/// Own work and children are done; on a Workflow: its entry has finished, however.
pub(super) const ACCOMPLISHED: &str = "Accomplished";
/// The deadline has passed, its own or its parent's.
pub(super) const DEADLINE_EXCEED: &str = "DeadlineExceed";
/// Aborted by annotation, by its parent, or by a status check.
pub(super) const ABORTED: &str = "Aborted";
/// The chaos object or Schedule exists. It says nothing of an injection.
pub(super) const CHAOS_INJECTED: &str = "ChaosInjected";
/// The node of the entry exists.
pub(super) const SCHEDULED: &str = "Scheduled";

/// Sets one condition. A condition that says the same already keeps its place.
pub(super) fn set(conditions: &mut Vec<Condition>, kind: &str, truth: bool, reason: &str) {
    let status = if truth { "True" } else { "False" };
    if conditions.iter().any(|it| it.kind == kind && it.status == status && it.reason == reason) {
        return;
    }
    conditions.retain(|it| it.kind != kind);
    conditions.push(Condition { kind: kind.to_owned(), status: status.to_owned(), reason: reason.to_owned() });
}

/// Whether the condition is there with that status. A condition that is absent is neither true nor false.
pub(super) fn is(conditions: &[Condition], kind: &str, truth: bool) -> bool {
    let status = if truth { "True" } else { "False" };
    conditions.iter().any(|it| it.kind == kind && it.status == status)
}

/// Whether a node counts as finished for its parent: accomplished, timed out or aborted, all alike.
pub(super) fn finished(status: Option<&NodeStatus>) -> bool {
    let Some(status) = status else { return false };
    [ACCOMPLISHED, DEADLINE_EXCEED, ABORTED].iter().any(|kind| is(&status.conditions, kind, true))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn model_each_of_three_conditions_finishes_a_node() {
        for kind in [ACCOMPLISHED, DEADLINE_EXCEED, ABORTED] {
            let mut status = NodeStatus::default();
            set(&mut status.conditions, kind, false, "");
            assert!(!finished(Some(&status)), "{kind} is false");
            set(&mut status.conditions, kind, true, "why");
            assert!(finished(Some(&status)), "{kind} is true");
            assert_eq!(status.conditions.len(), 1, "one condition of a type");
        }
        let mut injected = NodeStatus::default();
        set(&mut injected.conditions, CHAOS_INJECTED, true, "");
        assert!(!finished(Some(&injected)), "an injection does not finish a node");
        assert!(!finished(None), "a node without a status");
    }
}
