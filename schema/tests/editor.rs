//! A real editor backend with the emitted schema: clean where the loader is content, mistakes on their lines, offers.

#[path = "support/lsp.rs"]
mod lsp;
#[path = "support/node.rs"]
mod node;
#[path = "support/plugins.rs"]
mod plugins;

use chaos_core::FAULTS;
use chaos_schema::{DocumentKind, LoadOptions, Profile, load, schema};
use lsp::{Problem, YamlServer};
use tempfile::TempDir;

const EXAMPLE: &str = r#"# yaml-language-server: $schema=./task.schema.json
name: optimize-scale
prompt: |
  Keep {{THIS}} as it is.
chaos_spec:
  - name: Planned load spike
    trigger:
      type: time
      delay_seconds: 5
    action:
      type: generate_load
      target:
        service_url: "http://{{TARGET}}.{{NAMESPACE}}.svc.cluster.local"
        qps: 300
        duration: 30s
        concurrency: "{{CONNECTIONS}}"
      engine: auto
    verify: serves
  - trigger: {type: immediate}
    action:
      type: pause_process
      pid: "{{PID}}"
    duration_seconds: 5
    verification: serves
    during:
      - {type: http, url: "http://127.0.0.1/", interval_seconds: 0.5}
verification_spec:
  - name: serves
    check: {type: http, url: "http://{{TARGET}}/healthz"}
  - name: foreign
    check: {type: parallel, checks: [{type: pod_healthy, selector: x}]}
policy:
  allow_hosts: ["*.svc.cluster.local"]
"#;

/// A line of the example, what it becomes, and the line that must be reported.
const MISTAKES: [(&str, &str, u64); 14] = [
    ("      type: time\n", "      type: tiem\n", 8),
    ("delay_seconds: 5", "delay_seconds: -1", 9),
    ("delay_seconds: 5", "delay_second: 5", 9),
    ("type: generate_load", "type: generate_lod", 11),
    ("qps: 300", "qps: 0", 14),
    ("duration: 30s", "duration: 30 sec", 15),
    ("duration: 30s", "duraton: 30s", 15),
    ("engine: auto", "engine: autoo", 17),
    ("pid: \"{{PID}}\"", "pid: one", 22),
    ("verification: serves", "verification: serves\n    verify: serves", 25),
    ("interval_seconds: 0.5", "interval_seconds: 0", 26),
    ("check: {type: http, url: \"http://{{TARGET}}/healthz\"}", "check: {type: http}", 29),
    ("allow_hosts: [\"*.svc.cluster.local\"]", "allow_hosts: [\"*\"]", 33),
    ("    trigger:\n      type: time\n      delay_seconds: 5\n", "    trigger:\n      - type: time\n", 8),
];

fn server() -> Option<(YamlServer, TempDir)> {
    assert_eq!(FAULTS.names(), plugins::FAULT_NAMES);
    let modules = node::node_modules(&["yaml-language-server"])?;
    let folder = tempfile::tempdir().expect("a folder");
    for kind in [DocumentKind::Task, DocumentKind::Entry] {
        let text = serde_json::to_string_pretty(&schema(kind, Profile::Editor)).expect("a schema is JSON");
        std::fs::write(folder.path().join(format!("{}.schema.json", kind.word())), text).expect("written");
    }
    Some((YamlServer::start(&modules, folder.path()), folder))
}

#[test]
fn the_example_is_clean_and_every_planted_mistake_is_on_its_line() {
    let Some((mut server, _folder)) = server() else { return };
    let options =
        LoadOptions::default().var("TARGET", "web").var("NAMESPACE", "prod").var("CONNECTIONS", "4").var("PID", "4242");
    assert!(load(EXAMPLE, "", &options).document.is_some());
    assert_eq!(server.problems(EXAMPLE), vec![]);
    for (right, wrong, line) in MISTAKES {
        let text = EXAMPLE.replacen(right, wrong, 1);
        assert_ne!(text, EXAMPLE, "{right}");
        let problems = server.problems(&text);
        let lines: Vec<u64> = problems.iter().map(|p| p.line).collect();
        assert!(!lines.is_empty() && lines.iter().all(|at| *at == line), "{wrong}: {problems:?}");
        let loaded = load(&text, "", &options);
        let ours = loaded.diagnostics.iter().find(|d| d.is_error()).and_then(|d| d.line);
        assert_eq!(ours, usize::try_from(line).ok(), "{wrong}: {:?}", loaded.diagnostics);
    }
}

#[test]
fn an_unknown_type_is_answered_with_all_that_are_known() {
    let Some((mut server, _folder)) = server() else { return };
    let problems = server.problems(&EXAMPLE.replace("generate_load", "generate_lod"));
    let [Problem { message, .. }] = problems.as_slice() else { panic!("{problems:?}") };
    for name in plugins::FAULT_NAMES {
        assert!(message.contains(name), "{message}");
    }
}

#[test]
fn every_fault_is_offered_with_its_summary() {
    let Some((mut server, _folder)) = server() else { return };
    let head = "# yaml-language-server: $schema=./task.schema.json\nchaos_spec:\n  - trigger: {type: immediate}\n    action:\n      type: ";
    let offers = server.offers(head, 5, 13);
    for fault in FAULTS.all() {
        let offer = offers.iter().find(|offer| offer.label == fault.name);
        let offer = offer.unwrap_or_else(|| panic!("{} is not offered: {offers:?}", fault.name));
        assert!(offer.documentation.contains(&fault.summary()), "{offer:?}");
    }
}

#[test]
fn an_empty_action_offers_whole_examples_and_a_chosen_one_its_keys() {
    let Some((mut server, _folder)) = server() else { return };
    let head = "# yaml-language-server: $schema=./task.schema.json\nchaos_spec:\n  - trigger: {type: immediate}\n    action:\n      ";
    let offers = server.offers(head, 5, 7);
    let pause = offers.iter().find(|offer| offer.label == "pause_process").expect("a snippet a fault");
    assert!(pause.inserts.contains("type: pause_process") && pause.inserts.contains("pid: 4242"), "{pause:?}");
    let offers = server.offers(&format!("{head}type: pause_process\n      "), 6, 7);
    let labels: Vec<&str> = offers.iter().map(|offer| offer.label.as_str()).collect();
    assert!(labels.contains(&"pid") && labels.contains(&"name") && !labels.contains(&"target"), "{labels:?}");
    assert!(!labels.contains(&"generate_load"), "{labels:?}");
}

#[test]
fn hover_shows_the_chosen_fault() {
    let Some((mut server, _folder)) = server() else { return };
    let hover = server.hover(EXAMPLE, 11, 15);
    assert!(hover.contains("Sends one load spike at a service."), "{hover}");
}

#[test]
fn the_alias_is_valid_and_not_offered() {
    let Some((mut server, _folder)) = server() else { return };
    let head = "# yaml-language-server: $schema=./entry.schema.json\ntrigger: {type: immediate}\naction: {type: pause_process, pid: 1}\n";
    assert_eq!(server.problems(&format!("{head}verification: x\n")), vec![]);
    let offers = server.offers(&format!("{head}veri"), 4, 5);
    let labels: Vec<&str> = offers.iter().map(|offer| offer.label.as_str()).collect();
    assert!(labels.contains(&"verify") && !labels.contains(&"verification"), "{labels:?}");
}
