//! From what became of the spike to the fault's outcome.

use chaos_agent::{EndReason, LoopOutcome};
use chaos_core::{Evidence, Outcome};
use chaos_fortio::FortioDocument;
use chaos_load::LoadResult;
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
        Course::Ran(result) if result.counts.answered == 0 => {
            let why = result.main_failure().unwrap_or_else(|| {
                let words = if result.interrupted { "it was interrupted" } else { "no request was due" };
                words.to_owned()
            });
            Some(format!("load did not reach the workload: {why}"))
        }
        Course::Ran(result) if result.interrupted => {
            Some(format!("the load was interrupted after {:.1} s", result.elapsed.as_secs_f64()))
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
    let Course::Ran(result) = course else {
        let why = error.clone().unwrap_or_default();
        let summary = match (&conversation.end, ended) {
            (EndReason::Finished, _) => why.clone(),
            (end, ended) => format!("{why} (the conversation ended with {}{})", end.code(), after_colon(ended)),
        };
        return Outcome::missed(why, Evidence::new(summary).with_data(data)).with_output(&conversation.text);
    };
    if let (Value::Object(data), Value::Object(figures)) = (&mut data, figures(result)) {
        data.extend(figures);
    }
    let evidence = Evidence::new(summary(result)).with_data(data);
    let mut outcome = if result.counts.answered > 0 {
        Outcome::landed(evidence)
    } else {
        Outcome::missed(error.clone().unwrap_or_default(), evidence)
    };
    outcome.error = error;
    let outcome = outcome.with_output(&conversation.text);
    match serde_json::to_value(FortioDocument::of(result)) {
        Ok(load) => outcome.with_load(load),
        // A document is plain data; without it the evidence still holds the counts.
        Err(_) => outcome,
    }
}

fn after_colon(why: Option<String>) -> String {
    why.map(|why| format!(": {why}")).unwrap_or_default()
}

#[expect(clippy::cast_precision_loss, reason = "exact below 2^52 requests")]
fn error_ratio(result: &LoadResult) -> f64 {
    match result.counts.completed {
        0 => 0.0,
        completed => result.counts.errors as f64 / completed as f64,
    }
}

fn figures(result: &LoadResult) -> Value {
    let counts = &result.counts;
    json!({
        "scheduled": counts.scheduled,
        "completed": counts.completed,
        "answered": counts.answered,
        "ok": counts.ok,
        "errors": counts.errors,
        "error_ratio": error_ratio(result),
        "asked_qps": result.asked_qps,
        "achieved_qps": result.achieved_qps,
        "saturated": result.saturated,
    })
}

fn summary(result: &LoadResult) -> String {
    let counts = &result.counts;
    let mut text = format!(
        "{} of {} requests answered in {:.1} s ({:.1} qps), {:.1} % errors",
        counts.answered,
        counts.scheduled,
        result.elapsed.as_secs_f64(),
        result.achieved_qps,
        error_ratio(result) * 100.0
    );
    if let Some(cause) = result.main_failure() {
        text.push_str(", mostly ");
        text.push_str(&cause);
    }
    if result.saturated {
        text.push_str("; requests waited for a free connection");
    }
    text
}
