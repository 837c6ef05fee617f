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
