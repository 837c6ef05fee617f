//! `squall workflow-run survey` over scenarios.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;

use serde_json::Value;

#[path = "support/shell.rs"]
#[expect(dead_code, reason = "nothing is run here")]
mod shell;

use shell::{place, squall};

fn scenario(name: &str) -> String {
    format!("{}/../examples/scenarios/{name}.yaml", env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn the_shipped_scenarios_differ_in_what_is_listed_and_in_nothing_else() {
    let place = place();
    let files = ["release-test", "load-test", "major-upgrade"].map(scenario);
    let mut arguments = vec!["workflow-run", "survey"];
    arguments.extend(files.iter().map(String::as_str));
    let output = squall(&place, &arguments);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{text}");
    let line = |start: &str| {
        let found = text.lines().find(|line| line.trim_start().starts_with(start));
        found.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
    };
    assert!(text.starts_with("3 scenarios: release-test, load-test, major-upgrade\n"), "{text}");
    assert_eq!(line("entry deadline").as_deref(), Some("entry deadline 60m | 90m | 90m"));
    assert_eq!(line("workflow name").as_deref(), Some("workflow name <scenario>-$RUN_ID"));
    assert_eq!(line("placeholder LOAD_IMAGE").as_deref(), Some("placeholder LOAD_IMAGE - | used | -"));
    arguments.extend(["--format", "json"]);
    let survey: Value = serde_json::from_slice(&squall(&place, &arguments).stdout).unwrap();
    assert_eq!(survey["scenarios"], serde_json::json!(["release-test", "load-test", "major-upgrade"]));
    let varying = survey["varying"].as_array().unwrap();
    let steps = varying.iter().find(|one| one["knob"] == "steps").unwrap();
    assert_eq!(steps["values"], serde_json::json!(["5", "6", "10"]));
    assert!(survey["unused"].as_array().unwrap().contains(&"type PodChaos".into()));
}

#[test]
fn one_scenario_and_what_is_none_are_refused() {
    let place = place();
    let one = scenario("load-test");
    assert_eq!(squall(&place, &["workflow-run", "survey", &one]).status.code(), Some(64));
    fs::write(place.path().join("x.yaml"), "kind: Workflow\nspec: [\n").unwrap();
    let output = squall(&place, &["workflow-run", "survey", &one, "x.yaml"]);
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.code() == Some(65) && told.contains("scenario `x` can't be read at line 2"), "{told}");
    let output = squall(&place, &["workflow-run", "survey", &one, "x.yaml", "--format", "json"]);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(report.to_string().contains("\"line\":2"), "{report}");
}
