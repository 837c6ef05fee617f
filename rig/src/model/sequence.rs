//! Serial and Parallel: which children start next, and when the node is accomplished. Outcomes of children are not looked at.

use std::collections::BTreeSet;

use chaos_manifests::NodeStatus;

use super::condition::{self, ACCOMPLISHED};
use super::object::{Children, Node, name};

/// Children that start, after others were deleted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Start {
    /// Names of child nodes that are deleted first: the specification seems to have changed.
    pub(super) discard: Vec<String>,
    /// Templates that start.
    pub(super) templates: Vec<String>,
}

/// The next template of a Serial: none while a child runs or when the node itself has finished.
///
/// It is the one at the place that the number of finished children says; whether these passed is not asked.
pub(super) fn serial(node: &Node, children: &Children) -> Option<String> {
    if condition::finished(node.status.as_ref()) || !children.active.is_empty() {
        return None;
    }
    node.spec.children.as_deref().unwrap_or_default().get(children.finished.len()).cloned()
}

/// The templates of a Parallel: all at once, unless the node itself has finished.
pub(super) fn parallel(node: &Node, children: &Children) -> Option<Start> {
    let wanted = node.spec.children.as_deref().unwrap_or_default();
    if condition::finished(node.status.as_ref()) || wanted.is_empty() {
        return None;
    }
    replace(wanted, children)
}

/// Starts all wanted templates when the children are not exactly of these, after all children were deleted.
///
/// Which template a child is of is read from its name, up to the last `-`. The API server shortens a long name before it adds
/// its suffix, so children of a template with a name of 58 characters or more never seem to be of it.
pub(super) fn replace(wanted: &[String], children: &Children) -> Option<Start> {
    let have: BTreeSet<&str> = children.all().map(|child| template_of(name(child))).collect();
    let want: BTreeSet<&str> = wanted.iter().map(String::as_str).collect();
    if have == want {
        return None;
    }
    let discard = children.all().map(|child| name(child).to_owned()).collect();
    Some(Start { discard, templates: wanted.to_vec() })
}

fn template_of(generated: &str) -> &str {
    generated.rsplit_once('-').map_or(generated, |(template, _)| template)
}

/// The status of a node with so many children to come: accomplished when as many have finished.
pub(super) fn status(node: &Node, children: &Children, wanted: usize) -> NodeStatus {
    let mut status = node.status.clone().unwrap_or_default();
    children.note_in(&mut status);
    condition::set(&mut status.conditions, ACCOMPLISHED, children.finished.len() == wanted, "");
    status
}

#[cfg(test)]
mod tests {
    use super::super::condition::{ABORTED, DEADLINE_EXCEED};
    use super::super::samples::{named, node, with_condition};
    use super::*;

    fn steps(kind: &str, children: &[&str]) -> Node {
        let mut node = node(kind, "steps");
        node.spec.children = Some(children.iter().map(|it| (*it).to_owned()).collect());
        node
    }

    #[test]
    fn model_a_serial_goes_on_after_every_end_of_a_child() {
        let serial_node = steps("Serial", &["one", "two", "three"]);
        assert_eq!(serial(&serial_node, &Children::default()).as_deref(), Some("one"));
        let running = Children::of(vec![named(node("Task", "one"), "one-aaaaa")]);
        assert_eq!(serial(&serial_node, &running), None);
        for end in [ACCOMPLISHED, DEADLINE_EXCEED, ABORTED] {
            let ended = Children::of(vec![with_condition(named(node("Task", "one"), "one-aaaaa"), end, "")]);
            assert_eq!(serial(&serial_node, &ended).as_deref(), Some("two"), "after {end}");
            assert!(!condition::finished(Some(&status(&serial_node, &ended, 3))));
            assert!(condition::finished(Some(&status(&serial_node, &ended, 1))));
        }
    }

    #[test]
    fn model_a_finished_node_starts_nothing() {
        let aborted = with_condition(steps("Serial", &["one"]), ABORTED, "WorkflowAborted");
        assert_eq!(serial(&aborted, &Children::default()), None);
        let late = with_condition(steps("Parallel", &["one"]), DEADLINE_EXCEED, "NodeDeadlineExceed");
        assert_eq!(parallel(&late, &Children::default()), None);
    }

    #[test]
    fn model_without_children_a_node_is_accomplished_at_once() {
        for kind in ["Serial", "Parallel"] {
            let empty = steps(kind, &[]);
            assert_eq!(serial(&empty, &Children::default()), None);
            assert_eq!(parallel(&empty, &Children::default()), None);
            assert!(condition::finished(Some(&status(&empty, &Children::default(), 0))), "{kind}");
        }
    }

    #[test]
    fn model_a_parallel_starts_all_and_then_leaves_them() {
        let both = steps("Parallel", &["left", "right"]);
        let start = parallel(&both, &Children::default()).unwrap();
        assert_eq!(start.templates, ["left", "right"]);
        let started =
            Children::of(vec![named(node("Task", "left"), "left-aaaaa"), named(node("Task", "right"), "right-bbbbb")]);
        assert_eq!(parallel(&both, &started), None);
        let one = Children::of(vec![named(node("Task", "left"), "left-aaaaa")]);
        let again = parallel(&both, &one).unwrap();
        assert_eq!(again.discard, ["left-aaaaa"], "all are run again when one is missing");
        assert_eq!(again.templates, ["left", "right"]);
    }

    #[test]
    fn model_a_template_with_a_long_name_is_started_again_and_again() {
        let long = "a".repeat(60);
        let node_of_it = steps("Parallel", &[&long]);
        let shortened = format!("{}xxxxx", &format!("{long}-")[..58]);
        let started = Children::of(vec![named(node("Task", &long), &shortened)]);
        assert_eq!(parallel(&node_of_it, &started).unwrap().discard, [shortened]);
    }
}
