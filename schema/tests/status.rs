//! What is said of plug-ins that were renamed: deprecated ones load with a warning, removed ones say what to write.

#[path = "support/plugins.rs"]
mod plugins;

use chaos_core::{
    Evidence, Fault, InjectContext, Injection, Outcome, Plan, PluginError, RunContext, Sighting, Span, Status,
    Successor, Undo, register_fault, removed_name,
};
use chaos_schema::{DocumentKind, LoadOptions, Profile, load, render, schema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Stops a process, in the way of old.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Freeze {}

impl Fault for Freeze {
    const SPAN: Span = Span::Finite;

    async fn plan(&self, _cx: &RunContext) -> Result<Plan, PluginError> {
        Ok(Plan::new("nothing"))
    }

    async fn inject(&self, _cx: &InjectContext, _undo: &Undo) -> Result<Injection, PluginError> {
        Ok(Injection::Finished(Outcome::landed(Evidence::new("done"))))
    }

    async fn witness(&self, _cx: &RunContext) -> Sighting {
        Sighting::absent(Evidence::new("nothing"))
    }
}

register_fault!(Freeze, "freeze", status: Status::Deprecated(Successor {
    replacement: Some("pause_process"),
    reason: "it was renamed",
}));
removed_name!(Fault, "stop", Successor { replacement: Some("pause_process"), reason: "it was renamed" });
removed_name!(Probe, "web", Successor { replacement: None, reason: "nobody used it" });

fn told(text: &str) -> Vec<(&'static str, String, Option<usize>)> {
    let loaded = load(text, "t", &LoadOptions::default());
    assert_eq!(loaded.document.is_none(), loaded.has_errors(), "{}", render(&loaded.diagnostics));
    loaded.diagnostics.into_iter().map(|d| (d.code.as_str(), d.message, d.line)).collect()
}

#[test]
fn a_deprecated_type_loads_with_a_warning_at_its_place() {
    assert!(plugins::FAULT_NAMES.contains(&"pause_process"));
    let text = "chaos_spec:\n  - trigger: {type: immediate}\n    action: {type: freeze}\n";
    let message = "fault type `freeze` is deprecated: it was renamed; use `pause_process`".to_owned();
    assert_eq!(told(text), [("deprecated-type", message, Some(3))]);
}

#[test]
fn a_removed_type_says_what_to_write() {
    let message = "fault type `stop` was removed: it was renamed; use `pause_process`".to_owned();
    let text = "trigger: {type: immediate}\naction: {type: stop, pid: 1}\n";
    assert_eq!(told(text), [("removed-type", message, Some(2))]);
    let check = "chaos_spec: {trigger: {type: immediate}, action: {type: pause_process, pid: 1}}\nverification_spec:\n  - {name: n, check: {type: web}}\n";
    assert_eq!(told(check), [("opaque-check", "probe type `web` was removed: nobody used it".to_owned(), Some(3))]);
}

#[test]
fn editors_are_told_and_other_validators_are_not() {
    let editor = schema(DocumentKind::Entry, Profile::Editor).to_string();
    assert!(editor.contains("\"deprecationMessage\":\"it was renamed; use `pause_process`\""), "{editor}");
    assert!(!schema(DocumentKind::Entry, Profile::Plain).to_string().contains("deprecat"));
}
