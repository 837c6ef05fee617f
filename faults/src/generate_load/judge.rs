//! From what became of the spike to the fault's outcome.

use chaos_agent::{EndReason, LoopOutcome};
use chaos_core::{EarlyStop, Evidence, LoadReport, Outcome};
use serde_json::{Value, json};

use super::spike::Course;

/// The error of a conversation in which no spike was made.
const NOTHING_RUN: &str = "no fortio load command was executed";

/// Why the spike is no success, if it is none.
pub(super) fn cause(course: &Course) -> Option<String> {
    match course {
        Course::NotMade => Some(NOTHING_RUN.to_owned()),
        Course::UnderWay => Some("the load was cut off before its end".to_owned()),
        Course::NotStarted(why) => Some(format!("load did not reach the workload: {why}")),
        Course::Ran(report) if report.counts.answered == 0 => {
            let why = report.main_failure().unwrap_or(match report.stopped_early {
                Some(_) => "it was interrupted",
                None => "no request was due",
            });
            Some(format!("load did not reach the workload: {why}"))
        }
        Course::Ran(report) if report.stopped_early == Some(EarlyStop::Cancelled) => {
            Some(format!("the load was interrupted after {:.1} s", report.elapsed_seconds))
        }
        Course::Ran(_) => None,
    }
}

/// The outcome: landed exactly when requests were answered.
pub(super) fn outcome(course: &Course, conversation: &LoopOutcome, transcript: &str) -> Outcome {
    let error = cause(course);
    let mut data = json!({
        "transcript": transcript,
        "conversation_end": conversation.end.code(),
        "tool_calls": conversation.calls.len(),
    });
    let ended = conversation.end.error().map(ToString::to_string);
    if let Some(why) = &ended {
        data["conversation_error"] = json!(why);
    }
    let Course::Ran(report) = course else {
        let why = error.clone().unwrap_or_default();
        let summary = match (&conversation.end, ended) {
            (EndReason::Finished, _) => why.clone(),
            (end, ended) => format!("{why} (the conversation ended with {}{})", end.code(), after_colon(ended)),
        };
        return Outcome::missed(why, Evidence::new(summary).with_data(data)).with_output(&conversation.text);
    };
    if let (Value::Object(data), Value::Object(figures)) = (&mut data, figures(report)) {
        data.extend(figures);
    }
    let evidence = Evidence::new(summary(report)).with_data(data);
    let mut outcome = if report.counts.answered > 0 {
        Outcome::landed(evidence)
    } else {
        Outcome::missed(error.clone().unwrap_or_default(), evidence)
    };
    outcome.error = error;
    outcome.with_output(&conversation.text).with_load((**report).clone())
}

fn after_colon(why: Option<String>) -> String {
    why.map(|why| format!(": {why}")).unwrap_or_default()
}

fn figures(report: &LoadReport) -> Value {
    let counts = &report.counts;
    json!({
        "scheduled": counts.scheduled,
        "completed": counts.completed,
        "answered": counts.answered,
        "ok": counts.ok,
        "errors": counts.errors,
        "error_ratio": report.error_ratio(),
        "target_qps": report.request.qps,
        "achieved_qps": report.achieved_qps,
        "saturated": report.saturated,
    })
}

fn summary(report: &LoadReport) -> String {
    let counts = &report.counts;
    let mut text = format!(
        "{} of {} requests answered in {:.1} s ({:.1} qps), {:.1} % errors",
        counts.answered,
        counts.scheduled,
        report.elapsed_seconds,
        report.achieved_qps,
        report.error_ratio() * 100.0
    );
    if let Some(cause) = report.main_failure() {
        text.push_str(", mostly ");
        text.push_str(cause);
    }
    if report.saturated {
        text.push_str("; requests waited for a free connection");
    }
    text
}
