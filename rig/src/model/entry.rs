//! How a Workflow stands, from the nodes of its entry. There is no phase, and an end says nothing of success.

use chaos_manifests::WorkflowStatus;
use k8s_openapi::jiff::Timestamp;

use super::condition::{self, ACCOMPLISHED, SCHEDULED};
use super::object::{Node, Workflow, name};
use super::spawn::seconds;

/// The longest value of a label: a Workflow with a longer name can't have an entry node.
pub(super) const MAX_LABEL: usize = 63;

/// The status of a Workflow whose entry nodes are these, oldest first.
///
/// `Scheduled` is true when there is one. `Accomplished` is true when it has finished, be it by success, deadline or abort; the end
/// is noted then, and forgotten when the entry reopens.
pub(super) fn status(workflow: &Workflow, entries: &[Node], now: Timestamp) -> WorkflowStatus {
    let mut status = workflow.status.clone().unwrap_or_default();
    let entry = entries.first();
    let ended = entry.is_some_and(|entry| condition::finished(entry.status.as_ref()));
    if let Some(entry) = entry {
        status.entry_node = Some(name(entry).to_owned());
    }
    condition::set(&mut status.conditions, SCHEDULED, entry.is_some(), "");
    condition::set(&mut status.conditions, ACCOMPLISHED, ended, "");
    status.end_time = if ended { status.end_time.or_else(|| Some(seconds(now))) } else { None };
    status.start_time.get_or_insert_with(|| seconds(now));
    status
}

#[cfg(test)]
mod tests {
    use super::super::condition::{ABORTED, DEADLINE_EXCEED};
    use super::super::samples::{node, with_condition, workflow};
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn model_a_workflow_is_accomplished_by_every_end_of_its_entry() {
        for end in [ACCOMPLISHED, DEADLINE_EXCEED, ABORTED] {
            let mut flow = workflow("flow", &[]);
            flow.status = Some(status(&flow, &[], at("2026-01-01T00:00:00Z")));
            let it = flow.status.as_ref().unwrap();
            assert!(
                condition::is(&it.conditions, SCHEDULED, false) && condition::is(&it.conditions, ACCOMPLISHED, false)
            );
            flow.status = Some(status(&flow, &[node("Serial", "entry")], at("2026-01-01T00:00:01Z")));
            let it = flow.status.as_ref().unwrap();
            assert!(condition::is(&it.conditions, SCHEDULED, true) && it.end_time.is_none());
            assert_eq!(it.entry_node.as_deref(), Some("entry-aaaaa"));
            let ended = [with_condition(node("Serial", "entry"), end, "")];
            flow.status = Some(status(&flow, &ended, at("2026-01-01T00:00:02Z")));
            let it = status(&flow, &ended, at("2026-01-01T00:00:03Z"));
            assert!(condition::is(&it.conditions, ACCOMPLISHED, true), "by {end}");
            assert_eq!(it.end_time.as_deref(), Some("2026-01-01T00:00:02Z"), "the first time counts");
            assert_eq!(it.start_time.as_deref(), Some("2026-01-01T00:00:00Z"));
            let reopened = status(&flow, &[node("Serial", "entry")], at("2026-01-01T00:00:04Z"));
            assert!(reopened.end_time.is_none() && condition::is(&reopened.conditions, ACCOMPLISHED, false));
        }
    }
}
