//! Deadlines: when a node's own passes, and what that does to its children. Pods are not touched.

use std::time::Duration;

use chaos_manifests::NodeStatus;
use k8s_openapi::jiff::Timestamp;

use super::condition::{self, ACCOMPLISHED, DEADLINE_EXCEED};
use super::note::Note;
use super::object::{Node, PARALLEL, SERIAL, TASK};
use super::trouble::Wrong;

/// What a deadline asks for now.
#[derive(Debug, Default)]
pub(super) struct Deadline {
    /// The status, if another is due.
    pub(super) status: Option<NodeStatus>,
    /// What is told about it.
    pub(super) notes: Vec<Note>,
    /// When to come back.
    pub(super) after: Option<Duration>,
}

/// What the node's own deadline asks for at that time.
///
/// A deadline that passes after the node was accomplished is omitted: the condition is true all the same, with that reason.
///
/// # Errors
/// A deadline that is not a time.
pub(super) fn decide(node: &Node, now: Timestamp) -> Result<Deadline, Wrong> {
    let Some(text) = &node.spec.deadline else { return Ok(Deadline::default()) };
    let deadline: Timestamp = text.parse().map_err(|source| Wrong::Time { text: text.clone(), source })?;
    let status = node.status.clone().unwrap_or_default();
    if condition::is(&status.conditions, DEADLINE_EXCEED, true) {
        return Ok(Deadline::default());
    }
    if deadline < now {
        let omitted = condition::is(&status.conditions, ACCOMPLISHED, true);
        let reason = if omitted { "NodeDeadlineOmitted" } else { "NodeDeadlineExceed" };
        let notes = if omitted { Vec::new() } else { vec![Note::normal(reason, "deadline exceeded")] };
        return Ok(Deadline { status: Some(with(status, true, reason)), notes, after: None });
    }
    let after = Duration::try_from(deadline.duration_since(now)).unwrap_or_default() + Duration::from_millis(1);
    let known = condition::is(&status.conditions, DEADLINE_EXCEED, false);
    let status = (!known).then(|| with(status, false, "NodeDeadlineNotExceed"));
    Ok(Deadline { status, notes: Vec::new(), after: Some(after) })
}

/// Whether children that run get their parent's deadline: it has passed, and the parent is of a type that passes it on.
pub(super) fn cascades(node: &Node) -> bool {
    passes_on(node) && node.status.as_ref().is_some_and(|it| condition::is(&it.conditions, DEADLINE_EXCEED, true))
}

/// Whether nodes of this type pass deadlines and aborts on to their children.
pub(super) fn passes_on(node: &Node) -> bool {
    [SERIAL, PARALLEL, TASK].contains(&node.spec.kind.as_str())
}

/// The status of a child that runs when its parent's deadline has passed.
pub(super) fn of_parent(child: &Node) -> NodeStatus {
    with(child.status.clone().unwrap_or_default(), true, "ParentNodeDeadlineExceed")
}

fn with(mut status: NodeStatus, truth: bool, reason: &str) -> NodeStatus {
    condition::set(&mut status.conditions, DEADLINE_EXCEED, truth, reason);
    status
}

#[cfg(test)]
mod tests {
    use super::super::samples::{node, with_condition};
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn reason(deadline: &Deadline) -> (&str, &str) {
        let it = &deadline.status.as_ref().unwrap().conditions[..];
        let it = it.iter().find(|it| it.kind == DEADLINE_EXCEED).unwrap();
        (it.status.as_str(), it.reason.as_str())
    }

    #[test]
    fn model_a_deadline_is_waited_for_then_exceeded_once() {
        let mut task = node("Task", "step");
        task.spec.deadline = Some("2026-01-01T00:00:10Z".into());
        let before = decide(&task, at("2026-01-01T00:00:04Z")).unwrap();
        assert_eq!(reason(&before), ("False", "NodeDeadlineNotExceed"));
        assert_eq!(before.after, Some(Duration::from_millis(6001)));
        task.status = before.status;
        let again = decide(&task, at("2026-01-01T00:00:10Z")).unwrap();
        assert_eq!((again.status, again.after), (None, Some(Duration::from_millis(1))), "not before the very moment");
        let passed = decide(&task, at("2026-01-01T00:00:10.001Z")).unwrap();
        assert_eq!(reason(&passed), ("True", "NodeDeadlineExceed"));
        assert_eq!(passed.notes.len(), 1);
        task.status = passed.status;
        assert!(cascades(&task));
        let later = decide(&task, at("2026-01-01T00:01:00Z")).unwrap();
        assert_eq!((later.status, later.after), (None, None));
    }

    #[test]
    fn model_a_deadline_after_the_end_is_omitted() {
        let mut task = with_condition(node("Task", "step"), ACCOMPLISHED, "");
        task.spec.deadline = Some("2026-01-01T00:00:10Z".into());
        let passed = decide(&task, at("2026-01-01T00:00:11Z")).unwrap();
        assert_eq!(reason(&passed), ("True", "NodeDeadlineOmitted"));
        assert!(passed.notes.is_empty());
    }

    #[test]
    fn model_a_parents_deadline_stays_on_a_child_whose_own_is_later() {
        let mut child = node("Task", "step");
        child.spec.deadline = Some("2026-01-01T01:00:00Z".into());
        child.status = Some(of_parent(&child));
        assert!(condition::finished(child.status.as_ref()));
        assert_eq!(decide(&child, at("2026-01-01T00:00:00Z")).unwrap().status, None);
        assert!(cascades(&child), "and goes on to its own children");
    }

    #[test]
    fn model_without_a_deadline_nothing_is_asked_for() {
        let asked = decide(&node("Serial", "steps"), at("2026-01-01T00:00:00Z")).unwrap();
        assert_eq!((asked.status, asked.after), (None, None));
        let mut suspended = with_condition(node("Suspend", "wait"), DEADLINE_EXCEED, "NodeDeadlineExceed");
        assert!(!cascades(&suspended), "no children to pass it on to");
        suspended.spec.deadline = Some("soon".into());
        assert!(decide(&suspended, at("2026-01-01T00:00:00Z")).is_err());
    }
}
