//! What a document is, the part of it that is ours, and its depth: before anything recurses into it.

use chaos_core::{MAX_DEPTH, value_depth};
use serde_json::{Map, Value};

use super::keys::{near_key, task_keys};
use super::report::Report;
use crate::diagnostic::{Code, Diagnostic};
use crate::document::DocumentKind;
use crate::options::KindHint;
use crate::pointer;
use crate::text::{Source, read};

/// What the document is; `None` when that can't be told.
pub(crate) fn kind(value: &Value, hint: KindHint, report: &mut Report) -> Option<DocumentKind> {
    if value.is_array() {
        let what = match hint {
            KindHint::Auto => "one task or entry",
            KindHint::Task => "one task",
            KindHint::Entry => "one entry",
            KindHint::Experiment => "one experiment",
        };
        report.add(
            Diagnostic::new(Code::ListNotAllowed, "", format!("{what} is expected here, not a list"))
                .help("a list of entries belongs under `chaos_spec`"),
        );
        return None;
    }
    match hint {
        KindHint::Task => return Some(DocumentKind::Task),
        KindHint::Entry => return Some(DocumentKind::Entry),
        KindHint::Experiment => return Some(DocumentKind::Experiment),
        KindHint::Auto => {}
    }
    let has = |key: &str| value.get(key).is_some();
    if has("chaos_spec") {
        return Some(DocumentKind::Task);
    }
    if has("trigger") || has("action") {
        return Some(DocumentKind::Entry);
    }
    if has("goal") && has("target") {
        return Some(DocumentKind::Experiment);
    }
    let near = value.as_object().into_iter().flatten().find_map(|(key, _)| near_key(key));
    let help = match near {
        Some(near) => format!("did you mean `{near}`? a task has `chaos_spec`, an entry has `trigger` and `action`"),
        None => "a task has `chaos_spec`, an entry has `trigger` and `action`".into(),
    };
    report.add(Diagnostic::new(Code::UnknownKind, "", "this is neither a task nor an entry").help(help));
    None
}

/// A copy of what is ours; `None` when it is nested too deep.
pub(crate) fn ours(value: &Value, kind: DocumentKind, report: &mut Report) -> Option<Value> {
    let (DocumentKind::Task, Value::Object(map)) = (kind, value) else {
        return within_depth(value, "", report).then(|| value.clone());
    };
    let mut ours = Map::new();
    let mut good = true;
    for key in task_keys() {
        let Some(value) = map.get(key) else { continue };
        let at = pointer::join("", key);
        if !parts(value, &at).into_iter().fold(true, |good, (at, part)| within_depth(part, &at, report) && good) {
            good = false;
            continue;
        }
        ours.insert(key.to_owned(), value.clone());
    }
    if let Some(Value::String(text)) = ours.get("chaos_spec") {
        match inner(text, report) {
            Some(spec) => ours.insert("chaos_spec".into(), spec),
            None => return None,
        };
    }
    good.then_some(Value::Object(ours))
}

/// The bound holds for each entry, probe and check, wherever it stands.
fn parts<'v>(value: &'v Value, at: &str) -> Vec<(String, &'v Value)> {
    match value {
        Value::Array(items) => {
            items.iter().enumerate().map(|(i, item)| (pointer::join(at, &i.to_string()), item)).collect()
        }
        Value::Object(map) if at == "/probes" => map.iter().map(|(k, v)| (pointer::join(at, k), v)).collect(),
        _ => vec![(at.to_owned(), value)],
    }
}

fn within_depth(value: &Value, at: &str, report: &mut Report) -> bool {
    let depth = value_depth(value);
    if depth > MAX_DEPTH {
        let message = format!("{} is nested {depth} levels deep", pointer::subject(at));
        report.add(Diagnostic::new(Code::TooDeep, at, message).help(format!("the limit is {MAX_DEPTH}")));
    }
    depth <= MAX_DEPTH
}

/// The entries that a string holds as JSON. Its places are those of the string, so that its own lines are not shown.
fn inner(text: &str, report: &mut Report) -> Option<Value> {
    const AT: &str = "/chaos_spec";
    let broken = |line: usize, column: usize| {
        // Only the place is said: the parser's message could quote a value.
        let place = format!("line {line}, column {column} of the string");
        Diagnostic::new(Code::NotJson, AT, format!("the string in `chaos_spec` is not JSON: it breaks at {place}"))
            .help("write the entries as a list, without quotes")
    };
    if let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(text) {
        report.add(broken(error.line(), error.column()));
        return None;
    }
    // The same reader as for files, so that a key that stands twice is found.
    let lowered = match read(&Source::new("", text)) {
        Ok(lowered) => lowered,
        Err(found) => {
            let refusal = match found.code {
                Code::Syntax => broken(found.line.unwrap_or(1), found.column.unwrap_or(1)),
                code => Diagnostic::new(code, AT, found.message).maybe_help(found.help),
            };
            report.add(refusal);
            return None;
        }
    };
    for found in lowered.diagnostics {
        let at = format!("{AT}{}", found.pointer);
        report.add(Diagnostic::new(found.code, at, found.message).maybe_help(found.help));
    }
    if !(lowered.value.is_array() || lowered.value.is_object()) {
        let message = "the string in `chaos_spec` holds neither a list nor a mapping";
        report.add(Diagnostic::new(Code::NotJson, AT, message));
        return None;
    }
    let good = parts(&lowered.value, AT).into_iter().fold(true, |good, (at, v)| within_depth(v, &at, report) && good);
    good.then_some(lowered.value)
}
