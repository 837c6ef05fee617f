//! The typed parse, once nothing is wrong any more that the schema can see.

use std::collections::BTreeMap;

use crate::ExperimentSpec;
use chaos_core::{ChaosSpec, Check, CheckBody, CheckMode, ParseError, ProbeNode, Seconds, Task, parse as parse_core};
use jsonschema::error::ValidationErrorKind;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::compiled;
use super::report::Report;
use crate::Document;
use crate::diagnostic::{Code, Diagnostic};
use crate::generate::DocumentKind;
use crate::pointer;

/// Parses what is ours. Values that a plug-in's own parse refuses are reported at their place.
pub(crate) fn parse(ours: &mut Value, kind: DocumentKind, report: &mut Report<'_>) -> Option<Parsed> {
    if let Value::Object(map) = ours {
        map.remove("$schema");
    }
    let mut parser = Parser { report };
    match kind {
        DocumentKind::Entry => {
            parser.read::<ChaosSpec>(ours, "").map(Document::Entry).map(Box::new).map(Parsed::Document)
        }
        DocumentKind::Task => Some(Parsed::Document(Box::new(Document::Task(parser.task(ours))))),
        DocumentKind::Experiment => parser.read(ours, "").map(Box::new).map(Parsed::Experiment),
    }
}

/// What a document was parsed into.
pub(crate) enum Parsed {
    Document(Box<Document>),
    Experiment(Box<ExperimentSpec>),
}

struct Parser<'r, 'a> {
    report: &'r mut Report<'a>,
}

impl Parser<'_, '_> {
    /// Parses one part; on a mistake reports it, and the task that is being built is thrown away.
    fn read<T: DeserializeOwned>(&mut self, value: &Value, at: &str) -> Option<T> {
        parse_core(value).map_err(|error| self.refuse(value, at, &error)).ok()
    }

    fn refuse(&mut self, value: &Value, at: &str, error: &ParseError) {
        let here = value.pointer(&error.pointer).unwrap_or(value);
        let message = masked(&error.message, here);
        self.report.add(Diagnostic::new(Code::InvalidValue, format!("{at}{}", error.pointer), message));
    }

    fn task(&mut self, ours: &Value) -> Task {
        let mut task = Task { name: ours.get("name").and_then(Value::as_str).map(str::to_owned), ..Task::default() };
        match ours.get("chaos_spec") {
            Some(Value::Array(entries)) => {
                for (index, entry) in entries.iter().enumerate() {
                    self.entry(&mut task, entry, format!("/chaos_spec/{index}"));
                }
            }
            Some(entry) => self.entry(&mut task, entry, "/chaos_spec".into()),
            None => {}
        }
        for (index, probe) in ours.get("steady_state").and_then(Value::as_array).into_iter().flatten().enumerate() {
            task.steady_state.extend(self.read::<ProbeNode>(probe, &format!("/steady_state/{index}")));
        }
        if let Some(policy) = ours.get("policy") {
            task.policy = self.read(policy, "/policy").unwrap_or_default();
        }
        task.seed = ours.get("seed").and_then(|seed| self.read(seed, "/seed"));
        task.checks = self.checks(ours);
        task
    }

    fn entry(&mut self, task: &mut Task, entry: &Value, at: String) {
        if let Some(entry) = self.read(entry, &at) {
            task.entries.push(entry);
            task.positions.push(at);
        }
    }

    /// `probes` first: of two checks with one name the first is kept, and a warning says so.
    fn checks(&mut self, ours: &Value) -> BTreeMap<String, Check> {
        let mut checks = BTreeMap::new();
        for (name, probe) in ours.get("probes").and_then(Value::as_object).into_iter().flatten() {
            if let Some(probe) = self.read::<ProbeNode>(probe, &pointer::join("/probes", name)) {
                let check = Check { body: CheckBody::Probe(probe), mode: CheckMode::default(), timeout_seconds: None };
                checks.insert(name.clone(), check);
            }
        }
        let items = ours.get("verification_spec").and_then(Value::as_array);
        for (index, item) in items.into_iter().flatten().enumerate() {
            let Some(name) = item.get("name").and_then(Value::as_str) else { continue };
            if let Some(check) = self.check(item, &format!("/verification_spec/{index}")) {
                checks.entry(name.to_owned()).or_insert(check);
            }
        }
        checks
    }

    fn check(&mut self, item: &Value, at: &str) -> Option<Check> {
        let (key, value) = body(item);
        let body = match foreign(item).into_iter().next() {
            Some(found) => {
                let unknown_type = found.name.unwrap_or_default();
                CheckBody::Opaque { unknown_type, value: value.clone() }
            }
            None => CheckBody::Probe(self.read(value, &pointer::join(at, key))?),
        };
        let mode: Option<CheckMode> = item.get("mode").and_then(|mode| self.read(mode, &format!("{at}/mode")));
        let timeout_seconds: Option<Seconds> =
            item.get("timeout_seconds").and_then(|time| self.read(time, &format!("{at}/timeout_seconds")));
        Some(Check { body, mode: mode.unwrap_or_default(), timeout_seconds })
    }
}

/// The key and value of a check's body; a check that has none is its own body, and not ours.
pub(crate) fn body(item: &Value) -> (&'static str, &Value) {
    const NONE: &Value = &Value::Null;
    match (item.get("check"), item.get("spec")) {
        (Some(check), _) => ("check", check),
        (None, Some(spec)) => ("spec", spec),
        (None, None) => ("name", NONE),
    }
}

/// Something in a check that is not ours.
pub(crate) struct Foreign {
    /// From the body to the `type`, or to the check that has none.
    pub(crate) pointer: String,
    /// Its `type`, if it has one.
    pub(crate) name: Option<String>,
}

/// What in a check is not ours: every `type` that is not registered, or not there.
pub(crate) fn foreign(item: &Value) -> Vec<Foreign> {
    let (_, body) = body(item);
    if body.is_null() {
        return vec![Foreign { pointer: String::new(), name: None }];
    }
    let Ok(probe) = compiled::probe() else { return Vec::new() };
    let one = |error: jsonschema::ValidationError<'_>| {
        let pointer = error.instance_path().to_string();
        match error.kind() {
            ValidationErrorKind::Enum { .. } if pointer.ends_with("/type") => {
                Some(Foreign { pointer, name: error.instance().as_str().map(str::to_owned) })
            }
            ValidationErrorKind::Required { property } if property == "type" => Some(Foreign { pointer, name: None }),
            _ => None,
        }
    };
    probe.validator.iter_errors(body).filter_map(one).collect()
}

/// A plug-in's message without the values that it may quote.
fn masked(message: &str, value: &Value) -> String {
    let mut message = message.to_owned();
    let mut open = vec![value];
    while let Some(value) = open.pop() {
        match value {
            // A short text is a word of the message as often as a value in it.
            Value::String(text) if text.chars().count() >= 4 => message = message.replace(text.as_str(), "…"),
            Value::Array(items) => open.extend(items),
            Value::Object(map) => open.extend(map.values()),
            _ => {}
        }
    }
    message
}
