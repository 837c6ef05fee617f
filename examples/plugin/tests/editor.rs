//! A real editor backend with the schema that this crate's own binary prints: our fault is offered like any other.

#[path = "../../../schema/tests/support/lsp.rs"]
mod lsp;
#[path = "../../../schema/tests/support/node.rs"]
mod node;

use std::process::Command;

use lsp::YamlServer;
use serde_json::Value;

const HEAD: &str = "# yaml-language-server: $schema=./task.schema.json\nchaos_spec:\n  - trigger: {type: immediate}\n";

fn printed(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_chaos-plugin-example")).args(arguments).output();
    String::from_utf8(output.expect("the binary starts").stdout).expect("text")
}

#[test]
fn every_fault_of_the_binary_is_offered_with_its_summary_and_ours_is_checked() {
    let Some(modules) = node::node_modules(&["yaml-language-server"]) else { return };
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("task.schema.json"), printed(&["schema"])).expect("written");
    let mut server = YamlServer::start(&modules, folder.path());

    let offers = server.offers(&format!("{HEAD}    action:\n      type: "), 5, 13);
    let faults: Vec<Value> = serde_json::from_str(&printed(&["list", "faults", "--format", "json"])).expect("JSON");
    assert!(faults.iter().any(|fault| fault["type"] == "hold_port"), "{faults:?}");
    for fault in &faults {
        let offer = offers.iter().find(|offer| offer.label == fault["type"]);
        let offer = offer.unwrap_or_else(|| panic!("{fault} is not offered: {offers:?}"));
        let summary = fault["summary"].as_str().expect("a summary");
        assert!(offer.documentation.contains(summary) && offer.inserts.contains(&offer.label), "{offer:?}");
    }

    let ours = format!("{HEAD}    action:\n      type: hold_port\n      port: 18765\n");
    assert_eq!(server.problems(&ours), vec![]);
    assert!(server.hover(&ours, 5, 15).contains("Listens on a port of 127.0.0.1"));
    let problems = server.problems(&ours.replace("18765", "0"));
    assert!(matches!(problems.as_slice(), [one] if one.line == 6 && one.message.contains('1')), "{problems:?}");
}
