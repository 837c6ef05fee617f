//! What the schema accepts and somebody should look at: warnings.

use std::collections::BTreeSet;

use chaos_core::suggestion;
use serde_json::Value;

use super::report::Report;
use super::{TASK_KEYS, typed};
use crate::diagnostic::{Code, Diagnostic};
use crate::generate::DocumentKind;
use crate::load::LoadOptions;
use crate::placeholder::Filled;
use crate::pointer;

/// Looks at what is ours of a document.
pub(crate) fn lint(ours: &Value, kind: DocumentKind, options: &LoadOptions, filled: &Filled, report: &mut Report<'_>) {
    for name in options.vars.keys().filter(|name| !filled.used.contains(*name)) {
        let near = suggestion(name, filled.leftover.iter().map(|(_, name)| name.as_str()));
        let help = near.map(|near| format!("did you mean `{near}`?"));
        let message = format!("no placeholder uses the variable `{name}`");
        report.add_unplaced(Diagnostic::new(Code::UnusedVariable, "", message).maybe_help(help));
    }
    let names = names(ours, report);
    match kind {
        DocumentKind::Experiment => {}
        DocumentKind::Entry => verify(ours, "", &names, report),
        DocumentKind::Task => match ours.get("chaos_spec") {
            Some(Value::Array(entries)) => {
                for (index, entry) in entries.iter().enumerate() {
                    verify(entry, &format!("/chaos_spec/{index}"), &names, report);
                }
            }
            Some(entry) => verify(entry, "/chaos_spec", &names, report),
            None => {}
        },
    }
}

/// The top-level key of ours that a foreign key was most likely meant to be.
pub(crate) fn near_key(key: &str) -> Option<&'static str> {
    // `names`, `need` and `speed` are words of their own: short keys of ours take no part.
    const LONG: usize = 6;
    let plain = |text: &str| text.replace(['_', '-'], "").to_lowercase();
    TASK_KEYS
        .into_iter()
        .filter(|ours| ours.len() >= LONG && *ours != "$schema" && *ours != key)
        .find(|ours| plain(ours) == plain(key) || strsim::osa_distance(ours, key) == 1)
}

/// Warns of top-level keys that look like ours.
pub(crate) fn top_level(value: &Value, report: &mut Report<'_>) {
    let Value::Object(map) = value else { return };
    for key in map.keys().filter(|key| !TASK_KEYS.contains(&key.as_str())) {
        if let Some(near) = near_key(key) {
            let message = format!("top-level key `{key}` is not read");
            let help = format!("did you mean `{near}`?");
            report.add(Diagnostic::new(Code::TopLevelTypo, pointer::join("", key), message).help(help));
        }
    }
}

/// The names of all checks; warns of the second of one name, and of what is opaque.
fn names<'v>(ours: &'v Value, report: &mut Report<'_>) -> BTreeSet<&'v str> {
    let mut names: BTreeSet<&str> =
        ours.get("probes").and_then(Value::as_object).into_iter().flatten().map(|(k, _)| k.as_str()).collect();
    let checks = ours.get("verification_spec").and_then(Value::as_array);
    for (index, item) in checks.into_iter().flatten().enumerate() {
        let at = format!("/verification_spec/{index}");
        if let Some(name) = item.get("name").and_then(Value::as_str)
            && !names.insert(name)
        {
            let message = format!("a check of the name `{name}` stands before this one");
            report
                .add(Diagnostic::new(Code::DuplicateCheck, format!("{at}/name"), message).help("this one is not read"));
        }
        let (key, _) = typed::body(item);
        if key == "check" && item.get("spec").is_some() {
            let message = "`check` and `spec` in one check";
            let help = "`check` is read; remove one of the two";
            report.add(Diagnostic::new(Code::DuplicateCheck, format!("{at}/spec"), message).help(help));
        }
        opaque(item, &pointer::join(&at, key), report);
    }
    names
}

fn opaque(item: &Value, at: &str, report: &mut Report<'_>) {
    for found in typed::foreign(item) {
        let at = format!("{at}{}", found.pointer);
        let (message, near) = match &found.name {
            Some(name) => (format!("check type `{name}` is not ours"), suggestion(name, super::message::probe_names())),
            None => ("a check without a `type` is not ours".into(), None),
        };
        let near = near.map(|near| format!("did you mean `{near}`? ")).unwrap_or_default();
        let help = format!("{near}only an embedder's own verifier can evaluate it");
        report.add(Diagnostic::new(Code::OpaqueCheck, at, message).help(help));
    }
}

fn verify(entry: &Value, at: &str, names: &BTreeSet<&str>, report: &mut Report<'_>) {
    for key in ["verify", "verification"] {
        let Some(name) = entry.get(key).and_then(Value::as_str) else { continue };
        if names.contains(name) {
            continue;
        }
        let near = suggestion(name, names.iter().copied());
        let near = near.map(|near| format!("did you mean `{near}`? ")).unwrap_or_default();
        let known = match names.len() {
            0 => "this document names none".to_owned(),
            _ => format!("known: {}", names.iter().copied().collect::<Vec<_>>().join(", ")),
        };
        let message = format!("`{key}` names no check of this document: `{name}`");
        let help = format!("{near}{known}; an embedder may answer it");
        report.add(Diagnostic::new(Code::UnknownVerify, format!("{at}/{key}"), message).help(help));
    }
}
