//! Status checks: when one is completed, and when its node aborts the Workflow.

use chaos_manifests::{Condition, NodeStatus};
use k8s_openapi::jiff::Timestamp;
use kube::api::Object;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::condition::{self, ABORTED, ACCOMPLISHED};
use super::go_duration;
use super::object::Node;
use super::spawn::seconds;
use super::trouble::Wrong;

/// A status check as it stands in the cluster.
pub(super) type Check = Object<CheckSpec, CheckStatus>;

const COMPLETED: &str = "Completed";
const SUCCESS: &str = "SuccessThresholdExceed";

/// What is checked, how often, and what counts. The defaults are those of the admission webhook.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct CheckSpec {
    /// `Synchronous` ends with enough successes in a row, `Continuous` does not; default the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) mode: Option<String>,
    /// After how long it ends, in Go's notation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) duration: Option<String>,
    /// How long one request may take, in seconds; default 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) timeout_seconds: Option<u64>,
    /// Seconds between requests, and before the first; default 10.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) interval_seconds: Option<u64>,
    /// How many failures in a row end it; default 3.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) failure_threshold: Option<usize>,
    /// How many successes in a row are enough; default 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) success_threshold: Option<usize>,
    /// How many records are kept; default 100.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) records_history_limit: Option<usize>,
    /// The request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) http: Option<HttpCheck>,
    /// Keys that are not read here.
    #[serde(flatten)]
    pub(super) rest: Map<String, Value>,
}

impl CheckSpec {
    /// How many failures in a row end it.
    pub(super) fn failures(&self) -> usize {
        self.failure_threshold.unwrap_or(3).max(1)
    }

    /// How many successes in a row are enough.
    pub(super) fn successes(&self) -> usize {
        self.success_threshold.unwrap_or(1).max(1)
    }

    /// Whether enough successes end it.
    pub(super) fn synchronous(&self) -> bool {
        self.mode.as_deref().is_none_or(|mode| mode == "Synchronous")
    }
}

/// One request of a status check.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct HttpCheck {
    /// Where.
    pub(super) url: String,
    /// `GET`, the default, or `POST`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) method: Option<String>,
    /// Headers, each with its values.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub(super) headers: Map<String, Value>,
    /// The body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) body: Option<String>,
    /// What counts as success.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) criteria: Option<Criteria>,
}

/// What counts as success.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Criteria {
    /// A status code, or a range such as `200-299`.
    pub(super) status_code: String,
}

/// How a status check stands.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct CheckStatus {
    /// When it began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) start_time: Option<String>,
    /// When it was completed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) completion_time: Option<String>,
    /// How many requests there were.
    pub(super) count: u64,
    /// The last of them, oldest first.
    pub(super) records: Vec<Record>,
    /// `Completed`, `DurationExceed`, `FailureThresholdExceed`, `SuccessThresholdExceed`.
    pub(super) conditions: Vec<Condition>,
}

/// One request that was made.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Record {
    /// When.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) start_time: Option<String>,
    /// `Success` or `Failure`.
    pub(super) outcome: String,
}

/// Whether the last so many records have that outcome.
pub(super) fn in_a_row(records: &[Record], outcome: &str, wanted: usize) -> bool {
    records.len() >= wanted && records.iter().rev().take(wanted).all(|it| it.outcome == outcome)
}

/// Whether the check is over.
pub(super) fn completed(check: &Check) -> bool {
    check.status.as_ref().is_some_and(|it| condition::is(&it.conditions, COMPLETED, true))
}

/// The status of a check after these requests.
///
/// It is completed when its duration has passed, after enough failures in a row, or, synchronous only, after enough successes.
///
/// # Errors
/// A duration that is none.
pub(super) fn status(check: &Check, records: Vec<Record>, count: u64, now: Timestamp) -> Result<CheckStatus, Wrong> {
    let mut status = check.status.clone().unwrap_or_default();
    let started = status.start_time.get_or_insert_with(|| seconds(now)).clone();
    (status.records, status.count) = (records, count);
    let over = match &check.spec.duration {
        Some(duration) => {
            let started: Timestamp = started.parse().map_err(|source| Wrong::Time { text: started, source })?;
            started.checked_add(go_duration::parse(duration)?).is_ok_and(|end| end < now)
        }
        None => false,
    };
    let failed = in_a_row(&status.records, "Failure", check.spec.failures());
    let succeeded = in_a_row(&status.records, "Success", check.spec.successes());
    let conditions = &mut status.conditions;
    condition::set(conditions, "DurationExceed", over, "");
    condition::set(conditions, "FailureThresholdExceed", failed, "");
    condition::set(conditions, SUCCESS, succeeded, "");
    let reason = match () {
        () if over => "StatusCheckDurationExceed",
        () if failed => "StatusCheckFailureThresholdExceed",
        () if succeeded && check.spec.synchronous() => "StatusCheckSuccessThresholdExceed",
        () => "",
    };
    condition::set(conditions, COMPLETED, !reason.is_empty(), reason);
    if !reason.is_empty() {
        status.completion_time.get_or_insert_with(|| seconds(now));
    }
    Ok(status)
}

/// The status of the node of a check that is there.
///
/// `Aborted` is computed anew each time, so an abort that came from the parent is undone while the check lingers.
pub(super) fn of_node(node: &Node, check: &Check) -> NodeStatus {
    let mut status = node.status.clone().unwrap_or_default();
    let done = completed(check);
    condition::set(&mut status.conditions, ACCOMPLISHED, done, if done { "StatusCheckCompleted" } else { "" });
    let conditions = check.status.as_ref().map(|it| it.conditions.as_slice()).unwrap_or_default();
    let short = conditions.iter().any(|it| it.kind == SUCCESS && it.status != "True");
    let abort = node.spec.abort_with_status_check == Some(true) && done && short;
    condition::set(
        &mut status.conditions,
        ABORTED,
        abort,
        if abort { "StatusCheckNotExceedSuccessThreshold" } else { "" },
    );
    status
}

#[cfg(test)]
mod tests {
    use super::super::object::resource;
    use super::super::samples::node;
    use super::*;

    fn check(spec: Value) -> Check {
        Check::new("check", &resource("StatusCheck", "statuschecks"), serde_json::from_value(spec).unwrap())
    }

    fn records(outcomes: &str) -> Vec<Record> {
        let outcome = |c| if c == 's' { "Success" } else { "Failure" };
        outcomes.chars().map(|c| Record { start_time: None, outcome: outcome(c).into() }).collect()
    }

    fn after(check: &mut Check, outcomes: &str, now: &str) -> String {
        let status = status(check, records(outcomes), outcomes.len() as u64, now.parse().unwrap()).unwrap();
        let completed = status.conditions.iter().find(|it| it.kind == COMPLETED).unwrap().clone();
        check.status = Some(status);
        completed.reason
    }

    const START: &str = "2026-01-01T00:00:00Z";

    #[test]
    fn model_a_check_ends_after_failures_in_a_row() {
        let mut it = check(serde_json::json!({}));
        assert_eq!(after(&mut it, "", START), "");
        assert_eq!(after(&mut it, "ff", START), "");
        assert_eq!(after(&mut it, "fff", START), "StatusCheckFailureThresholdExceed");
        let mut continuous = check(serde_json::json!({ "mode": "Continuous" }));
        assert_eq!(after(&mut continuous, "ffsff", START), "", "not in a row");
        assert_eq!(after(&mut continuous, "ssss", START), "", "successes do not end it");
        let mut synchronous = check(serde_json::json!({ "successThreshold": 2 }));
        assert_eq!(after(&mut synchronous, "fs", START), "");
        assert_eq!(after(&mut synchronous, "fss", START), "StatusCheckSuccessThresholdExceed");
    }

    #[test]
    fn model_a_last_failure_at_the_end_of_the_duration_aborts() {
        let mut gate = node("StatusCheck", "gate");
        gate.spec.abort_with_status_check = Some(true);
        let mut it = check(serde_json::json!({ "mode": "Continuous", "duration": "5s" }));
        after(&mut it, "", START);
        assert_eq!(after(&mut it, "sssf", "2026-01-01T00:00:04Z"), "");
        assert!(!condition::finished(Some(&of_node(&gate, &it))));
        assert_eq!(after(&mut it, "sssf", "2026-01-01T00:00:06Z"), "StatusCheckDurationExceed");
        let status = of_node(&gate, &it);
        assert!(condition::is(&status.conditions, ABORTED, true), "one failure is below the threshold, and aborts");
        assert_eq!(after(&mut it, "ssss", "2026-01-01T00:00:06Z"), "StatusCheckDurationExceed");
        assert!(condition::is(&of_node(&gate, &it).conditions, ABORTED, false));
        gate.spec.abort_with_status_check = None;
        after(&mut it, "fff", "2026-01-01T00:00:06Z");
        let status = of_node(&gate, &it);
        assert!(
            condition::is(&status.conditions, ABORTED, false) && condition::finished(Some(&status)),
            "without the flag"
        );
    }

    #[test]
    fn model_an_abort_from_the_parent_is_taken_back_while_the_check_lingers() {
        let mut gate = node("StatusCheck", "gate");
        gate.status = Some(super::super::abort::of_parent(&gate));
        let lingering = check(serde_json::json!({}));
        assert!(!condition::finished(Some(&of_node(&gate, &lingering))));
    }
}
