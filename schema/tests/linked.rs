//! The plug-ins of this workspace: schema and loader agree on 10,000 documents, and every example loads.

#[path = "support/documents.rs"]
mod documents;
#[path = "support/node.rs"]
mod node;
#[path = "support/verdicts.rs"]
mod verdicts;

use chaos_core::{Descriptor, FAULTS, PROBES, TRIGGERS};
use chaos_faults as _;
use chaos_probes as _;
use chaos_schema::{LoadOptions, load, render};
use chaos_triggers as _;

#[test]
fn schema_and_loader_agree_on_ten_thousand_documents() {
    assert!(FAULTS.get("generate_load").is_ok() && TRIGGERS.get("time").is_ok() && PROBES.get("http").is_ok());
    let Some(modules) = node::node_modules(&["ajv"]) else { return };
    verdicts::agree_on(10_000, &modules);
}

/// The example of a plug-in, indented to stand under a key.
fn example<T: ?Sized>(descriptor: &Descriptor<T>, indent: &str) -> String {
    let example = descriptor.example().unwrap_or_else(|| panic!("{} has no example", descriptor.name));
    example.lines().map(|line| format!("{indent}{line}\n")).collect::<Vec<_>>().concat()
}

#[test]
fn every_example_loads() {
    let mut texts = Vec::new();
    for fault in FAULTS.all() {
        texts.push((fault.name, format!("trigger: {{type: immediate}}\naction:\n{}", example(fault, "  "))));
    }
    for trigger in TRIGGERS.all() {
        let action = example(FAULTS.all()[0], "  ");
        texts.push((trigger.name, format!("trigger:\n{}action:\n{action}", example(trigger, "  "))));
    }
    for probe in PROBES.all() {
        let entry = format!("  trigger: {{type: immediate}}\n  action:\n{}", example(FAULTS.all()[0], "    "));
        texts.push((probe.name, format!("chaos_spec:\n{entry}probes:\n  p:\n{}", example(probe, "    "))));
    }
    for (name, text) in texts {
        let loaded = load(&text, name, &LoadOptions::default());
        assert!(loaded.document.is_some(), "{}", render(&loaded.diagnostics));
    }
}
