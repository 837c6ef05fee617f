//! From the value of a workflow to its tree.

use chaos_core::{Late, StepBody, StepKeys, StepNode, WorkflowStep};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::control::{AnyStep, BranchDocument, ParallelDocument, RetryDocument, SerialDocument};
use crate::diagnostic::{Code, Diagnostic};
use crate::document::{Deferred, Positions};

/// Reads a step and all steps in it; every mistake goes to `found`, at its place.
pub(crate) fn read(value: &Value, at: &Positions, found: &mut Vec<Diagnostic>) -> Option<WorkflowStep> {
    let Value::Object(step) = value else {
        found.push(at.placed(Diagnostic::new(Code::WrongType, "", "a step must be a mapping with a `type`")));
        return None;
    };
    let mut own = step.clone();
    let mut beside = Map::new();
    for key in ["deadline_seconds", "idempotent"] {
        beside.extend(own.remove(key).map(|value| (key.to_owned(), value)));
    }
    let kind = own.remove("type");
    let Some(Value::String(name)) = own.remove("name") else {
        found.push(at.placed(Diagnostic::new(Code::MissingKey, "", "missing key `name`")));
        return None;
    };
    let own = Value::Object(own);
    let body = match kind.as_ref().and_then(Value::as_str) {
        Some("serial") => part::<SerialDocument>(own, at, found).map(|it| StepBody::Serial {
            steps: list(it.steps, &at.inside("steps"), found),
            finally: list(it.finally, &at.inside("finally"), found),
        }),
        Some("parallel") => part::<ParallelDocument>(own, at, found)
            .map(|it| StepBody::Parallel { steps: list(it.steps, &at.inside("steps"), found), success: it.success }),
        Some("branch") => part::<BranchDocument>(own, at, found).and_then(|it| {
            let when = late(it.when.value().clone(), &at.inside("when"), found)?;
            let then = list(it.then, &at.inside("then"), found);
            let otherwise = list(it.otherwise, &at.inside("else"), found);
            Some(StepBody::Branch { when, then, otherwise })
        }),
        Some("retry") => part::<RetryDocument>(own, at, found).and_then(|it| {
            let step = Box::new(read(it.step.value(), &at.inside("step"), found)?);
            Some(StepBody::Retry { step, attempts: it.attempts, delay: it.delay_seconds.get() })
        }),
        _ => late::<StepNode>(value.clone(), at, found).map(StepBody::Leaf),
    };
    let StepKeys { deadline_seconds, idempotent } = part(Value::Object(beside), at, found)?;
    let deadline = deadline_seconds.map(chaos_core::Seconds::get);
    Some(WorkflowStep { name, at: at.pointer().to_owned(), deadline, idempotent, body: body? })
}

fn part<T: DeserializeOwned>(value: Value, at: &Positions, found: &mut Vec<Diagnostic>) -> Option<T> {
    Deferred::at(value, at.clone()).read().map_err(|diagnostic| found.push(*diagnostic)).ok()
}

fn list(steps: Vec<Deferred<AnyStep>>, at: &Positions, found: &mut Vec<Diagnostic>) -> Vec<WorkflowStep> {
    let steps = steps.iter().enumerate();
    steps.filter_map(|(index, step)| read(step.value(), &at.inside(&index.to_string()), found)).collect()
}

/// A part that may need outputs; one that needs none is read now as well, for its mistakes.
fn late<T: DeserializeOwned>(value: Value, at: &Positions, found: &mut Vec<Diagnostic>) -> Option<Late<T>> {
    let late = Late::new(value.clone(), at.pointer());
    if late.needs().is_empty() {
        part::<T>(value, at, found)?;
    }
    Some(late)
}
