//! The plug-ins of this workspace: schema and loader agree on 10,000 documents, and every example loads.

#[path = "support/documents.rs"]
mod documents;
#[path = "support/judge.rs"]
mod judge;
#[path = "support/lsp.rs"]
mod lsp;
#[path = "support/node.rs"]
mod node;
#[path = "support/verdicts.rs"]
mod verdicts;

use chaos_core::{Descriptor, FAULTS, PROBES, TRIGGERS};
use chaos_faults as _;
use chaos_probes as _;
use chaos_schema::{DocumentKind, LoadOptions, Profile, load, render, schema};
use chaos_steps as _;
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

#[test]
fn an_editor_offers_every_linked_fault_with_its_summary() {
    let Some(modules) = node::node_modules(&["yaml-language-server"]) else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let text = schema(DocumentKind::Task, Profile::Editor).to_string();
    std::fs::write(folder.path().join("task.schema.json"), text).expect("written");
    let mut server = lsp::YamlServer::start(&modules, folder.path());
    let head = "# yaml-language-server: $schema=./task.schema.json\nchaos_spec:\n  - trigger: {type: immediate}\n    action:\n";
    let offers = server.offers(&format!("{head}      type: "), 5, 13);
    for fault in FAULTS.all() {
        let offer = offers.iter().find(|offer| offer.label == fault.name);
        assert!(
            offer.is_some_and(|offer| offer.documentation.contains(&fault.summary())),
            "{}: {offers:?}",
            fault.name
        );
        let task = format!("{head}{}", example(fault, "      "));
        assert_eq!(server.problems(&task), vec![], "{task}");
    }
    let task = format!("{head}{}", example(FAULTS.all()[0], "      "));
    let hover = server.hover(&task, 5, 15);
    assert!(hover.contains(&FAULTS.all()[0].summary()), "{hover}");
}

#[test]
fn a_null_that_is_compared_with_stays_a_null() {
    let text = r#"{"trigger": {"type": "immediate"}, "action": {"type": "pause_process", "pid": 7, "name": null},
        "detect": null, "during": [{"type": "http", "url": "http://127.0.0.1:1/", "expect_status": null,
        "expect_json": [{"pointer": "/error", "equals": null, "above": null},
                        {"pointer": "/a", "not_equals": {"b": null, "c": [null]}}]}]}"#;
    let loaded = load(text, "entry.json", &LoadOptions::default());
    assert!(!loaded.has_errors(), "{}", render(&loaded.diagnostics));
    let task = loaded.document.and_then(chaos_schema::Document::into_task).unwrap();
    let probe = serde_json::to_value(&task.entries[0].during[0]).unwrap();
    assert_eq!(
        probe["expect_json"],
        serde_json::json!([{"pointer": "/error", "equals": null}, {"pointer": "/a", "not_equals": {"b": null, "c": [null]}}])
    );
}
