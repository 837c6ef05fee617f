//! What a document is, the part of it that is ours, and its depth: before anything recurses into it.

use chaos_core::{MAX_DEPTH, value_depth};
use serde_json::{Map, Value};

use super::keys::task_keys;
use super::not_finite::not_finite_at;
use super::report::Report;
use crate::diagnostic::{Code, Diagnostic};
use crate::document::DocumentKind;
use crate::options::KindHint;
use crate::other_tool;
use crate::pointer;
use crate::text::{Source, read_json};

/// What the document is; `None` when that can't be told.
pub(crate) fn kind(value: &Value, hint: KindHint, report: &mut Report) -> Option<DocumentKind> {
    if let Some(tool) = other_tool::of(value) {
        let message = format!("this is {}", tool.what);
        report.add(Diagnostic::new(Code::OtherTool, "", message).help(tool.help));
        return None;
    }
    if value.is_array() {
        let what = match hint {
            KindHint::Auto => "one task or entry",
            KindHint::Task => "one task",
            KindHint::Entry => "one entry",
            KindHint::Experiment => "one experiment",
            KindHint::Policy => "one policy",
        };
        report.add(
            Diagnostic::new(Code::ListNotAllowed, "", format!("{what} is expected here, not a list"))
                .help("a list of entries belongs under `chaos_spec`"),
        );
        return None;
    }
    match hint {
        KindHint::Task => return task(value, report),
        KindHint::Entry => return Some(DocumentKind::Entry),
        KindHint::Experiment => return Some(DocumentKind::Experiment),
        KindHint::Policy => return Some(DocumentKind::Policy),
        KindHint::Auto => {}
    }
    let has = |key: &str| value.get(key).is_some();
    if has("chaos_spec") || has("soak") {
        return task(value, report);
    }
    if has("trigger") || has("action") {
        return Some(DocumentKind::Entry);
    }
    let experiment = ["slo", "strategy", "budget", "load", "runs"];
    if has("goal") && (has("target") || experiment.into_iter().any(has)) {
        return Some(DocumentKind::Experiment);
    }
    match value {
        Value::Object(map) if !map.is_empty() => task(value, report),
        _ => {
            unknown(None, value.is_null() || value.is_object(), report);
            None
        }
    }
}

/// A task, which may have no chaos; unless it looks as if its chaos is misspelt.
fn task(value: &Value, report: &mut Report) -> Option<DocumentKind> {
    let Value::Object(map) = value else { return Some(DocumentKind::Task) };
    if map.get("workflow").is_some_and(|workflow| !workflow.is_null()) {
        return Some(DocumentKind::Task);
    }
    match map.get("chaos_spec") {
        None if map.get("soak").is_some_and(|soak| !soak.is_null()) => {}
        None => {
            let near = map.keys().find_map(|key| near_chaos(key));
            // Keys that nothing but an entry has.
            let entry =
                ["during", "detect", "abort_if", "duration_seconds"].into_iter().find(|key| map.contains_key(*key));
            if near.is_some() || entry.is_some() {
                unknown(near, false, report);
                return None;
            }
            no_chaos("the task has no `chaos_spec`", "", report);
        }
        Some(Value::Null) => no_chaos("`chaos_spec` is empty", "/chaos_spec", report),
        Some(Value::Array(items)) if items.is_empty() => {
            no_chaos("`chaos_spec` is an empty list", "/chaos_spec", report);
        }
        Some(_) => {}
    }
    Some(DocumentKind::Task)
}

fn no_chaos(message: &str, at: &str, report: &mut Report) {
    report.add(Diagnostic::new(Code::NoChaos, at, message).help("nothing is injected"));
}

fn unknown(near: Option<&str>, empty: bool, report: &mut Report) {
    let help = match near {
        Some(near) => format!("did you mean `{near}`? a task has `chaos_spec`, an entry has `trigger` and `action`"),
        None => "a task has `chaos_spec`, an entry has `trigger` and `action`".into(),
    };
    let what = if empty { "the document is empty" } else { "this is neither a task nor an entry" };
    report.add(Diagnostic::new(Code::UnknownKind, "", what).help(help));
}

/// The key that says what a document is, where it is misspelt.
fn near_chaos(key: &str) -> Option<&'static str> {
    let plain = |text: &str| text.replace(['_', '-'], "").to_lowercase();
    let near = |ours: &&'static str| plain(key) == plain(ours) || strsim::osa_distance(key, ours) == 1;
    let short = ["trigger", "action"].into_iter().find(|ours| near(ours) && !matches!(key, "actions" | "triggers"));
    ["chaos_spec"].into_iter().find(|ours| near(ours) || plain(key) == "chaos").or(short)
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
    for (key, at) in [("chaos_spec", "/chaos_spec"), ("verification_spec", "/verification_spec")] {
        if let Some(Value::String(text)) = ours.get(key) {
            match inner(text, at, report) {
                Some(inside) => ours.insert(key.to_owned(), inside),
                None => return None,
            };
        }
    }
    good.then_some(Value::Object(ours))
}

/// The bound holds for each entry, probe and check, wherever it stands.
fn parts<'v>(value: &'v Value, at: &str) -> Vec<(String, &'v Value)> {
    match value {
        Value::Array(items) => {
            items.iter().enumerate().map(|(i, item)| (pointer::join(at, &i.to_string()), item)).collect()
        }
        Value::Object(map) if matches!(at, "/probes" | "/nodes" | "/evidence") => {
            map.iter().map(|(k, v)| (pointer::join(at, k), v)).collect()
        }
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

/// What a string holds as JSON. Its places are those of the string, so that its own lines are not shown.
fn inner(text: &str, at: &str, report: &mut Report) -> Option<Value> {
    let subject = pointer::subject(at);
    // The same reader as for files, so that a key that stands twice is found.
    let lowered = match read_json(&Source::new("", text)) {
        Ok(lowered) => lowered,
        Err(found) => {
            let place = format!("line {}, column {} of the string", found.line.unwrap_or(1), found.column.unwrap_or(1));
            let refusal = match found.code {
                Code::Syntax => {
                    let message = format!("the string in {subject} is not JSON: {} at {place}", found.message);
                    Diagnostic::new(Code::NotJson, at, message).help("write it as a list, without quotes")
                }
                code => Diagnostic::new(code, at, found.message).maybe_help(found.help),
            };
            report.add(refusal);
            return None;
        }
    };
    for found in lowered.diagnostics {
        let inside = format!("{at}{}", found.pointer);
        report.add(Diagnostic::new(found.code, inside, found.message).maybe_help(found.help));
    }
    for infinite in lowered.not_finite {
        report.add(not_finite_at(&format!("{at}{infinite}")));
    }
    if lowered.value.is_array() && lowered.value.as_array().is_some_and(Vec::is_empty) && at == "/chaos_spec" {
        no_chaos("`chaos_spec` is an empty list", at, report);
    }
    if !(lowered.value.is_array() || lowered.value.is_object()) {
        let message = format!("the string in {subject} holds neither a list nor a mapping");
        report.add(Diagnostic::new(Code::NotJson, at, message));
        return None;
    }
    let good = parts(&lowered.value, at).into_iter().fold(true, |good, (at, v)| within_depth(v, &at, report) && good);
    good.then_some(lowered.value)
}
