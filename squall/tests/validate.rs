//! `squall validate` over folders, strictly, and without values for placeholders.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;

use serde_json::Value;
use tempfile::TempDir;

#[path = "support/shell.rs"]
#[expect(dead_code, reason = "nothing is run here")]
mod shell;

use shell::{place, squall};

const ENTRY: &str = "trigger: {type: immediate}\naction: {type: pause_process, pid: 4242}\n";

fn put(place: &TempDir, name: &str, text: &str) {
    let path = place.path().join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// Exit code and standard output.
fn told(place: &TempDir, arguments: &[&str]) -> (i32, String) {
    let output = squall(place, arguments);
    (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
}

#[test]
fn what_a_workflow_and_a_soak_hold_is_told() {
    let place = place();
    let wait = "{type: wait, name: a, seconds: 1}";
    put(&place, "w.yaml", &format!("workflow: {{type: serial, name: all, steps: [{wait}]}}\n"));
    let fault = "{action: {type: pause_process, pid: 1}}";
    put(&place, "s.yaml", &format!("soak: {{interval_seconds: 1, events: 3, pool: [{fault}]}}\n"));
    let (code, out) = told(&place, &["validate", "w.yaml", "s.yaml"]);
    assert_eq!((code, out.as_str()), (0, "w.yaml: valid, 2 steps\ns.yaml: valid, a soak of 1 fault\n"));
    let (_, out) = told(&place, &["validate", "w.yaml", "s.yaml", "--format", "json"]);
    let report: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((&report["files"][0]["steps"], &report["files"][1]["pool"]), (&2.into(), &1.into()));
}

#[test]
fn a_folder_of_tasks_is_checked_of_which_most_have_no_chaos() {
    let place = place();
    put(&place, "tasks/a.yaml", "task_id: 1\nprompt: x\n");
    put(&place, "tasks/b.yml", "chaos_spec: []\n");
    put(&place, "tasks/deep/c.json", "{\"chaos_spec\": null, \"task_id\": 3}");
    put(&place, "tasks/d.yaml", ENTRY);
    put(&place, "tasks/e.yaml", &format!("{ENTRY}verify: null\nduring: null\n"));
    put(&place, "tasks/.hidden.yaml", "no: [");
    put(&place, "tasks/.git/x.yaml", "no: [");
    put(&place, "tasks/notes.md", "no: [");
    put(
        &place,
        "tasks/task.schema.json",
        "{\"$schema\": \"http://json-schema.org/draft-07/schema#\", \"properties\": {}}",
    );
    let (code, out) = told(&place, &["validate", "tasks", "--strict"]);
    let want = "\
tasks/a.yaml: valid, no chaos: the task has no `chaos_spec`
tasks/b.yml: valid, no chaos: `chaos_spec` is an empty list
tasks/d.yaml: valid, 1 entry
tasks/deep/c.json: valid, no chaos: `chaos_spec` is empty
tasks/e.yaml: valid, 1 entry, 2 empty keys that count as absent
";
    assert_eq!((code, out.as_str()), (0, want));
    let (code, out) = told(&place, &["validate", "tasks", "--format", "json"]);
    let report: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, report["files"].as_array().unwrap().len()), (0, 5));
    assert_eq!((&report["files"][0]["kind"], &report["files"][0]["entries"]), (&"task".into(), &0.into()));
    put(&place, "tasks/f.yaml", "chaos_specs: []\n");
    let (code, out) = told(&place, &["validate", "tasks"]);
    assert!(code == 65 && out.contains("did you mean `chaos_spec`?"), "{code} {out}");
}

#[test]
fn strict_refuses_what_is_only_a_warning() {
    let place = place();
    put(&place, "t.yaml", &format!("{ENTRY}name: 0300\n").replace("0300", "yes"));
    assert_eq!(told(&place, &["validate", "t.yaml"]).0, 0);
    let (code, out) = told(&place, &["validate", "t.yaml", "--strict"]);
    assert!(code == 65 && out.contains("error[yaml-1-1]"), "{out}");
}

#[test]
fn a_verify_that_names_nothing_is_an_error() {
    let place = place();
    put(&place, "t.yaml", &format!("{ENTRY}verify: nothing\n"));
    let (code, out) = told(&place, &["validate", "t.yaml"]);
    assert!(code == 65 && out.contains("error[unknown-verify]"), "{out}");
    // Unless a verifier will answer it, which `--strict` accepts.
    let (code, out) = told(&place, &["validate", "t.yaml", "--strict", "--verifier", "python3 verify.py"]);
    assert!(code == 0 && out.contains("warning[unknown-verify]"), "{out}");
}

#[test]
fn a_file_is_checked_without_values_for_its_placeholders() {
    let place = place();
    put(&place, "t.yaml", &ENTRY.replace("4242", "'{{PID}}'"));
    assert_eq!(told(&place, &["validate", "t.yaml"]).0, 65);
    let (code, out) = told(&place, &["validate", "t.yaml", "--allow-placeholders"]);
    assert_eq!((code, out.as_str()), (0, "t.yaml: valid, with placeholders to fill\n"));
    put(&place, "t.yaml", &ENTRY.replace("pid: 4242", "pdi: '{{PID}}'"));
    assert_eq!(told(&place, &["validate", "t.yaml", "--allow-placeholders"]).0, 65);
    let (code, out) = told(&place, &["validate", "t.yaml", "--allow-placeholders", "--var", "PID=7"]);
    assert!(code == 65 && out.contains("unknown key `pdi`"), "{out}");
}

#[test]
fn a_policy_is_checked_as_one() {
    let place = place();
    put(&place, "p.yaml", "max_qps: 5\n");
    let (code, out) = told(&place, &["validate", "--kind", "policy", "p.yaml"]);
    assert_eq!((code, out.as_str()), (0, "p.yaml: valid, a policy\n"));
    put(&place, "p.yaml", "allow_privileged: yes\n");
    let (code, out) = told(&place, &["validate", "--kind", "policy", "p.yaml"]);
    assert!(code == 65 && out.contains("write `true`"), "{out}");
}

#[cfg(feature = "full")]
#[test]
fn a_control_leg_that_shows_nothing_is_a_warning() {
    let place = place();
    let entry = |more: &str| {
        format!("chaos_spec:\n  - {}    control: true\n{more}", ENTRY.replace('\n', "\n    ").trim_end_matches(' '))
    };
    put(&place, "t.yaml", &entry(""));
    let (code, out) = told(&place, &["validate", "t.yaml"]);
    assert!(code == 0 && out.contains("warning[control-asks-nothing]: `control` has nothing to compare"), "{out}");
    assert!(out.contains("t.yaml:4:14"), "{out}");
    assert_eq!(told(&place, &["validate", "t.yaml", "--strict"]).0, 65);
    let probe = "{type: tcp, address: \"127.0.0.1:80\"}";
    let beside = format!("  - {}", ENTRY.replace('\n', "\n    ").trim_end());
    for more in [
        format!("    during: [{probe}]\n"),
        format!("    detect: {probe}\n"),
        format!("    abort_if: {probe}\n"),
        // It may be a load, whose requests in the leg are told apart.
        beside,
    ] {
        put(&place, "t.yaml", &entry(&more));
        let (code, out) = told(&place, &["validate", "t.yaml", "--strict"]);
        assert!(code == 0 && !out.contains("control"), "{more}: {out}");
    }
}

#[test]
fn a_fault_of_a_soak_has_no_control_leg_and_one_error_says_so() {
    let place = place();
    let fault = "{action: {type: pause_process, pid: 1}, control: true}";
    put(&place, "s.yaml", &format!("soak: {{interval_seconds: 1, events: 3, pool: [{fault}]}}\n"));
    let (code, out) = told(&place, &["validate", "s.yaml"]);
    assert!(code == 65 && out.contains("s.yaml: invalid, 1 error\n"), "{out}");
    assert!(out.contains("a fault of a soak has no control leg: remove `control`"), "{out}");
}

/// What stands in the YAML code blocks of a page.
#[cfg(feature = "full")]
fn examples(page: &str) -> Vec<String> {
    let (mut examples, mut open) = (Vec::new(), None::<String>);
    for line in page.lines() {
        match &mut open {
            Some(text) if line == "```" => {
                examples.push(std::mem::take(text));
                open = None;
            }
            Some(text) => *text = format!("{text}{line}\n"),
            None if line == "```yaml" => open = Some(String::new()),
            None => {}
        }
    }
    assert_eq!(open, None, "a code block that is not closed");
    examples
}

/// The document that an example is a part of: a probe alone is a check, and a part of an entry is in one.
#[cfg(feature = "full")]
fn whole(example: &str) -> String {
    let within = |around: &str, by: usize| {
        let lines = example.lines().map(|line| format!("{}{line}\n", " ".repeat(by)));
        format!("{around}{}", lines.collect::<String>())
    };
    match example.split(':').next().unwrap() {
        "type" => within("probes:\n  it:\n", 4),
        "during" | "detect" | "abort_if" => {
            within("chaos_spec:\n  trigger: {type: immediate}\n  action: {type: pause_process, pid: 4242}\n", 2)
        }
        _ => example.to_owned(),
    }
}

#[cfg(feature = "full")]
#[test]
fn every_example_of_the_pages_is_valid() {
    let place = place();
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let pages =
        fs::read_dir(root.join("docs")).unwrap().map(|page| page.unwrap().path()).chain([root.join("README.md")]);
    let mut checked = std::collections::BTreeMap::new();
    for page in pages.filter(|page| page.extension().is_some_and(|extension| extension == "md")) {
        let name = page.file_stem().unwrap().to_str().unwrap().to_owned();
        for example in examples(&fs::read_to_string(&page).unwrap()) {
            put(&place, "example.yaml", &whole(&example));
            let kind: &[&str] = if name == "policy" { &["--kind", "policy"] } else { &[] };
            let strictly = ["validate", "--strict", "--allow-placeholders", "example.yaml"];
            let (code, out) = told(&place, &[&strictly[..], kind].concat());
            assert_eq!(code, 0, "{name}: {out}\n{example}");
            *checked.entry(name.clone()).or_insert(0) += 1;
        }
    }
    for (page, least) in [("evidence", 3), ("otlp", 2), ("nodes", 5), ("soak", 2), ("task-file", 2), ("policy", 1)] {
        assert!(checked.get(page).is_some_and(|count| *count >= least), "{page}: {checked:?}");
    }
}

const MANIFESTS: &str = "\
apiVersion: v1
kind: Namespace
metadata: {name: n}
---
apiVersion: chaos-mesh.org/v1alpha1
kind: Workflow
metadata: {name: w, annotations: {a: b}}
spec:
  entry: main
  templates:
    - name: main
      templateType: Serial
      deadline: 60m
      children: [first, second]
    - {name: first, templateType: Suspend, deadline: 40m}
    - {name: second, templateType: PodChaos, podChaos: {action: pod-kill, selector: {pods: {a: [b]}}}}
";

#[test]
fn manifests_of_chaos_mesh_are_linted_with_their_places() {
    let place = place();
    put(&place, "m.yaml", MANIFESTS);
    let (code, out) = told(&place, &["validate", "m.yaml"]);
    assert_eq!(code, 0, "{out}");
    assert!(out.contains("warning[without-end]: one-shot chaos without `deadline`"), "{out}");
    assert!(out.contains("m.yaml:16:7") && out.ends_with("m.yaml: valid, 2 manifests, 1 warning\n"), "{out}");
    assert_eq!(told(&place, &["validate", "m.yaml", "--strict"]).0, 65);
    put(&place, "m.yaml", &MANIFESTS.replace("[first, second]", "[first, secnd]").replace("40m", "70m"));
    let (code, out) = told(&place, &["validate", "m.yaml", "--format", "json"]);
    let report: Value = serde_json::from_str(&out).unwrap();
    let found: Vec<_> = report["files"][0]["diagnostics"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| {
            (
                one["code"].as_str().unwrap(),
                one["severity"].as_str().unwrap(),
                one["line"].as_u64().unwrap(),
                one["column"].as_u64().unwrap(),
            )
        })
        .collect();
    let want = [
        ("deadlines-do-not-fit", "warning", 13, 17),
        ("unknown-template", "error", 14, 25),
        ("without-end", "warning", 16, 7),
    ];
    assert_eq!((code, &found[..]), (65, &want[..]));
    assert_eq!(report["files"][0]["manifests"], 2);
}

#[test]
fn manifests_that_can_not_be_read_say_where() {
    let place = place();
    put(&place, "m.yaml", &format!("{MANIFESTS}---\nkind: [\n"));
    let (code, out) = told(&place, &["validate", "m.yaml"]);
    assert!(code == 65 && out.contains("m.yaml:18:7"), "{out}");
    // What is Kubernetes' and nothing of Chaos Mesh is still another tool's file.
    put(&place, "k.yaml", "apiVersion: v1\nkind: Namespace\n---\napiVersion: v1\nkind: Pod\n");
    let (code, out) = told(&place, &["validate", "k.yaml"]);
    assert!(code == 65 && out.contains("error[other-tool]: this is a Kubernetes resource"), "{out}");
}

#[test]
fn the_shipped_scenarios_are_valid_and_their_budgets_are_told() {
    let place = place();
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/scenarios");
    let (code, out) = told(&place, &["validate", folder]);
    assert_eq!((code, out.matches("warning[deadlines-do-not-fit]").count()), (0, 3), "{out}");
    assert_eq!(out.matches("valid, 1 manifest, 1 warning").count(), 3, "{out}");
}
