//! What the schema accepts and somebody should look at: warnings.

use std::collections::BTreeSet;

use chaos_core::{Kind, PROBES, Status, removed_name, suggestion};
use serde_json::Value;

use super::item_keys::{self, is_bare};
use super::keys::{is_task_key, near_key};
use super::plug_in::{any_deprecated, kind_of_definition, status};
use super::report::Report;
use super::workflow;
use crate::diagnostic::{Code, Diagnostic};
use crate::document::{DocumentKind, foreign};
use crate::pointer;
use crate::walk::each_instance;

/// Names that a message lists; a task may have thousands.
const MOST_NAMES: usize = 50;

/// Looks at what is ours of a document.
pub(crate) fn lint(ours: &Value, kind: DocumentKind, report: &mut Report) {
    let names = names(ours, report);
    if kind == DocumentKind::Task {
        workflow::lint(ours, report);
    }
    match kind {
        DocumentKind::Experiment | DocumentKind::Policy => {}
        DocumentKind::Entry => verify(ours, "", &names, report),
        DocumentKind::Task => {
            for (index, fault) in ours.pointer("/soak/pool").and_then(Value::as_array).into_iter().flatten().enumerate()
            {
                verify(fault, &format!("/soak/pool/{index}"), &names, report);
            }
            for (entry, at) in workflow::entries(ours) {
                verify(entry, &at, &names, report);
            }
            entries(ours, &names, report);
        }
    }
}

fn entries(ours: &Value, names: &BTreeSet<&str>, report: &mut Report) {
    match ours.get("chaos_spec") {
        Some(Value::Array(entries)) => {
            for (index, entry) in entries.iter().enumerate() {
                verify(entry, &format!("/chaos_spec/{index}"), names, report);
            }
            if let [only] = entries.as_slice() {
                control(only, "/chaos_spec/0", report);
            }
        }
        Some(entry) => {
            verify(entry, "/chaos_spec", names, report);
            control(entry, "/chaos_spec", report);
        }
        None => {}
    }
}

/// Warns of a control leg that shows nothing: no probe is asked in it, and where an entry is alone, there is no load that could
/// keep its requests apart.
fn control(only: &Value, at: &str, report: &mut Report) {
    let asks = |key: &str| match only.get(key) {
        Some(Value::Array(probes)) => !probes.is_empty(),
        Some(value) => !value.is_null(),
        None => false,
    };
    if only.get("control") == Some(&Value::Bool(true)) && !["during", "detect", "abort_if"].into_iter().any(asks) {
        let message = "`control` has nothing to compare: no probe is asked in its leg";
        let help = "write `during` or `detect`, put a load beside it as an entry of its own, or remove `control`";
        report.add(Diagnostic::new(Code::ControlAsksNothing, format!("{at}/control"), message).help(help));
    }
}

/// Warns of every `type` that a later version removes.
pub(crate) fn deprecated(schema: &Value, ours: &Value, report: &mut Report) {
    if !any_deprecated() {
        return;
    }
    each_instance(schema, schema, ours, "", &mut |schema, value, at| {
        let definition = schema.get("$ref").and_then(Value::as_str).and_then(|to| to.strip_prefix("#/definitions/"));
        if let Some(kind) = definition.and_then(kind_of_definition)
            && let Some(name) = value.get("type").and_then(Value::as_str)
            && let Some(Status::Deprecated(successor)) = status(kind, name)
        {
            let message = format!("{} type `{name}` is deprecated: {successor}", kind.word());
            report.add(Diagnostic::new(Code::DeprecatedType, pointer::join(at, "type"), message));
        }
        true
    });
}

/// Warns of top-level keys that look like ours.
pub(crate) fn top_level(value: &Value, report: &mut Report) {
    let Value::Object(map) = value else { return };
    for key in map.keys().filter(|key| !is_task_key(key)) {
        if let Some(near) = near_key(key) {
            let message = format!("unknown top-level key `{key}`");
            let help = format!("did you mean `{near}`?");
            report.add(Diagnostic::new(Code::TopLevelTypo, pointer::join("", key), message).help(help));
        }
    }
}

/// The names of all checks; warns of the second of one name, and of what is opaque.
fn names<'v>(ours: &'v Value, report: &mut Report) -> BTreeSet<&'v str> {
    let mut names: BTreeSet<&str> =
        ours.get("probes").and_then(Value::as_object).into_iter().flatten().map(|(k, _)| k.as_str()).collect();
    let checks = ours.get("verification_spec").and_then(Value::as_array);
    for (index, item) in checks.into_iter().flatten().enumerate() {
        let at = format!("/verification_spec/{index}");
        if let Some(name) = item.get("name").and_then(Value::as_str)
            && !names.insert(name)
        {
            let message = format!("duplicate check name `{name}`");
            let diagnostic = Diagnostic::new(Code::DuplicateCheck, format!("{at}/name"), message);
            report.add(diagnostic.help("the first check of that name counts"));
        }
        let body = |key: &'static str| item.get(key).map(|body| (body, key));
        let (body, key) = body("check").or_else(|| body("spec")).unwrap_or((&Value::Null, "name"));
        if key == "check" && item.get("spec").is_some() {
            let message = "`check` and `spec` are both given";
            let help = "`check` counts; remove one of the two";
            report.add(Diagnostic::new(Code::DuplicateCheck, format!("{at}/spec"), message).help(help));
        }
        let Value::Object(map) = item else { continue };
        item_keys::report(map, &at, report);
        match is_bare(map) {
            true => opaque(item, &at, report),
            // A misspelt `check` is one mistake.
            false if body.is_null() && report.has_error_at(&at) => {}
            false => opaque(body, &pointer::join(&at, key), report),
        }
    }
    names
}

fn opaque(body: &Value, at: &str, report: &mut Report) {
    for found in foreign(body) {
        let at = format!("{at}{}", found.pointer);
        let (message, near) = match found.name {
            Some(name) => match removed_name(Kind::Probe, name) {
                Some(removed) => (removed.to_string(), None),
                None => (format!("unknown check type `{name}`"), suggestion(name, PROBES.names())),
            },
            None if body.is_null() => ("an item without `check`".into(), None),
            None => ("a check without a `type`".into(), None),
        };
        let near = near.map(|near| format!("did you mean `{near}`? ")).unwrap_or_default();
        let help = format!("{near}only an embedder's own verifier can evaluate it");
        report.add(Diagnostic::new(Code::OpaqueCheck, at, message).help(help));
    }
}

fn verify(entry: &Value, at: &str, names: &BTreeSet<&str>, report: &mut Report) {
    for key in ["verify", "verification"] {
        let Some(name) = entry.get(key).and_then(Value::as_str) else { continue };
        if names.contains(name) {
            continue;
        }
        let listed: Vec<&str> = names.iter().copied().take(MOST_NAMES).collect();
        let near = suggestion(name, listed.iter().copied());
        let near = near.map(|near| format!("did you mean `{near}`? ")).unwrap_or_default();
        let known = match names.len() {
            0 => "this document has no named check".to_owned(),
            all if all > MOST_NAMES => format!("known: {} and {} more", listed.join(", "), all - MOST_NAMES),
            _ => format!("known: {}", listed.join(", ")),
        };
        let message = format!("unknown check `{name}` in `{key}`");
        let help = format!("{near}{known}; another name needs a verifier of your own");
        report.add(Diagnostic::new(Code::UnknownVerify, format!("{at}/{key}"), message).help(help));
    }
}
