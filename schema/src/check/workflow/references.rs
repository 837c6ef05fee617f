//! Placeholders for outputs: the step must be there, and must have run before.

use std::collections::BTreeSet;

use chaos_core::{Extra, StepKeys, step_references, suggestion};
use serde_json::Value;

use super::super::report::Report;
use super::shape::Shape;
use crate::diagnostic::{Code, Diagnostic};
use crate::pointer;
use crate::workflow::CONTROLS;

/// Looks at every reference.
pub(super) fn lint(shape: &Shape<'_>, report: &mut Report) {
    let mut all = BTreeSet::new();
    shape.each(&mut |step| all.extend(step.name));
    let mut walk = Walk { all, before: Vec::new(), known: BTreeSet::new(), report };
    walk.step(shape);
}

struct Walk<'v, 'r> {
    all: BTreeSet<&'v str>,
    /// Names of steps that have ended, in order, so that those of another branch can be forgotten.
    before: Vec<&'v str>,
    known: BTreeSet<&'v str>,
    report: &'r mut Report,
}

impl<'v> Walk<'v, '_> {
    fn step(&mut self, step: &Shape<'v>) {
        self.own(step);
        let start = self.before.len();
        for (key, steps) in &step.groups {
            for inner in steps {
                self.step(inner);
                // At the same time as the next, so not before it.
                if step.kind == "parallel" {
                    self.forget(start);
                } else {
                    self.ended(inner);
                }
            }
            if *key == "then" {
                self.forget(start);
            }
        }
        self.forget(start);
    }

    fn ended(&mut self, step: &Shape<'v>) {
        let mut names = Vec::new();
        step.each(&mut |inner| names.extend(inner.name));
        for name in names {
            if self.known.insert(name) {
                self.before.push(name);
            }
        }
    }

    fn forget(&mut self, to: usize) {
        for name in self.before.drain(to..) {
            self.known.remove(name);
        }
    }

    /// The texts of a step that are no steps themselves.
    fn own(&mut self, step: &Shape<'v>) {
        let Value::Object(map) = step.value else { return };
        for (key, value) in map {
            if step.groups.iter().any(|(holds, _)| holds == key) {
                continue;
            }
            let at = pointer::join(&step.at, key);
            if is_read_before(step, key) {
                self.too_early(value, &at);
            } else {
                self.texts(value, &at);
            }
        }
    }

    fn texts(&mut self, value: &'v Value, at: &str) {
        each_reference(value, at, &mut |whole, name, at| self.reference(whole, name, at));
    }

    fn too_early(&mut self, value: &'v Value, at: &str) {
        each_reference(value, at, &mut |whole, _, at| {
            let message = format!("`{whole}` can't stand here: this key is read before any step runs");
            let help = "write the value itself; outputs stand in the keys of leaf steps, and in `when`";
            self.report.add(Diagnostic::new(Code::UndeclaredReference, at, message).help(help));
        });
    }

    fn reference(&mut self, whole: &str, name: &str, at: &str) {
        if self.known.contains(name) {
            return;
        }
        let (message, help) = if self.all.contains(name) {
            let message = format!("`{whole}` needs step `{name}`, which does not end before this one starts");
            (message, Some("move it to an earlier place of the same `serial`".to_owned()))
        } else {
            let near = suggestion(name, self.all.iter().copied());
            let message = format!("`{whole}` refers to a step that this workflow does not have");
            (message, near.map(|near| format!("did you mean `{near}`?")))
        };
        self.report.add(Diagnostic::new(Code::UndeclaredReference, at, message).maybe_help(help));
    }
}

/// Whether a key is read with the workflow, and not when its step starts.
fn is_read_before(step: &Shape<'_>, key: &str) -> bool {
    let is_control = CONTROLS.iter().any(|control| control.name == step.kind);
    StepKeys::KEYS.contains(&key) || is_control && key != "when"
}

/// Visits every placeholder of an output: it, its step, and where it stands.
fn each_reference<'v>(value: &'v Value, at: &str, visit: &mut dyn FnMut(&'v str, &'v str, &str)) {
    match value {
        Value::String(text) => step_references(text).for_each(|(whole, name, _)| visit(whole, name, at)),
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                each_reference(item, &pointer::join(at, &index.to_string()), visit);
            }
        }
        Value::Object(map) => {
            map.iter().for_each(|(key, item)| each_reference(item, &pointer::join(at, key), visit));
        }
        _ => {}
    }
}
