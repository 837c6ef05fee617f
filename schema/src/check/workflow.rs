//! What only a look at the whole workflow shows: names, deadlines, what can't be reached, references to outputs.

mod deadlines;
mod references;
mod shape;

use std::collections::BTreeMap;

use serde_json::Value;

use super::report::Report;
use crate::diagnostic::{Code, Diagnostic};
use shape::Shape;

/// Looks at the workflow of a task, if it has one.
pub(super) fn lint(ours: &Value, report: &mut Report) {
    let Some(workflow @ Value::Object(_)) = ours.get("workflow") else { return };
    let has = |key: &str| {
        ours.get(key).is_some_and(|there| !there.is_null() && there.as_array().is_none_or(|all| !all.is_empty()))
    };
    for other in ["chaos_spec", "soak"].into_iter().filter(|other| has(other)) {
        let message = format!("`workflow` and `{other}` exclude each other");
        let help = "keep one of both; an entry stands in a step of type `fault`";
        report.add(Diagnostic::new(Code::ExclusiveKeys, "/workflow", message).help(help));
    }
    let shape = Shape::of(workflow, "/workflow".to_owned());
    names(&shape, report);
    quorums(&shape, report);
    deadlines::lint(&shape, report);
    references::lint(&shape, report);
}

/// What may name a check in `verify`: the entries of faults, and the pools of soaks; each with its place.
pub(super) fn entries(ours: &Value) -> Vec<(&Value, String)> {
    let Some(workflow @ Value::Object(_)) = ours.get("workflow") else { return Vec::new() };
    let shape = Shape::of(workflow, "/workflow".to_owned());
    let mut entries = Vec::new();
    shape.each(&mut |step| match step.kind {
        "fault" => entries.extend(step.value.get("entry").map(|entry| (entry, format!("{}/entry", step.at)))),
        "soak" => {
            let pool = step.value.pointer("/soak/pool").and_then(Value::as_array);
            let at = |index: usize| format!("{}/soak/pool/{index}", step.at);
            entries.extend(pool.into_iter().flatten().enumerate().map(|(index, fault)| (fault, at(index))));
        }
        _ => {}
    });
    entries
}

/// Two steps of one name.
fn names(shape: &Shape<'_>, report: &mut Report) {
    let mut seen = BTreeMap::new();
    shape.each(&mut |step| {
        let Some(name) = step.name else { return };
        if let Some(first) = seen.insert(name, step.at.clone()) {
            let message = format!("duplicate step name `{name}`");
            let help = format!("the step at {first} has it too; outputs and the ledger go by the name");
            report.add(Diagnostic::new(Code::DuplicateStep, format!("{}/name", step.at), message).help(help));
        }
    });
}

/// More steps must pass than there are.
fn quorums(shape: &Shape<'_>, report: &mut Report) {
    shape.each(&mut |step| {
        let Some(quorum) = step.value.get("success").and_then(|success| success.get("quorum")?.as_u64()) else {
            return;
        };
        let at = format!("{}/success/{}", step.at, "quorum");
        let count = step.steps().count() as u64;
        let message = match quorum {
            0 => "a quorum of 0 says nothing".to_owned(),
            quorum if quorum > count => format!("a quorum of {quorum} of {count} steps can't be reached"),
            _ => return,
        };
        report.add(Diagnostic::new(Code::QuorumOutOfReach, at, message).help(format!("at least 1, at most {count}")));
    });
}
