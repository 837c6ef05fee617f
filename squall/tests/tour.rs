//! A newcomer's tour: the mistakes that people make first, what is typed, and what Squall says to it.
//!
//! The transcript is committed. `UPDATE_SNAPSHOTS=1 cargo test -p squall --test tour` writes it anew; read the difference as
//! somebody who has never seen Squall before.

#![cfg(feature = "full")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

#[path = "support/shell.rs"]
#[expect(dead_code, reason = "the tour needs neither reports nor journals")]
mod shell;

use shell::{command, place};

/// A heading, the files that are written, and what is typed.
type Stop = (&'static str, &'static [(&'static str, &'static str)], &'static [&'static str]);

const GOOD: &str = "\
name: pause a worker
chaos_spec:
  - trigger: { type: immediate }
    action: { type: pause_process, pid: 4242 }
    duration_seconds: 5
    verify: alive
probes:
  alive: { type: tcp, address: \"127.0.0.1:8080\" }
";

const STOPS: &[Stop] = &[
    ("A command is misspelt", &[], &["vaildate", "task.yaml"]),
    ("No file is named", &[], &["run"]),
    ("The file is not there", &[("task.yaml", GOOD)], &["run", "task.yml"]),
    ("A flag is misspelt", &[("task.yaml", GOOD)], &["run", "task.yaml", "--fromat", "json"]),
    ("A flag's value is not known", &[("task.yaml", GOOD)], &["run", "task.yaml", "--format", "yaml"]),
    (
        "A fault is misspelt",
        &[("task.yaml", "trigger: {type: immediate}\naction: {type: pause_proces, pid: 1}\n")],
        &["run", "task.yaml"],
    ),
    (
        "A key is misspelt",
        &[("task.yaml", "trigger: {type: immediate}\naction: {type: pause_process, pdi: 1}\n")],
        &["run", "task.yaml"],
    ),
    ("A tab", &[("task.yaml", "trigger:\n\ttype: immediate\n")], &["validate", "task.yaml"]),
    ("Indentation", &[("task.yaml", "trigger:\n  type: time\n delay_seconds: 5\n")], &["validate", "task.yaml"]),
    (
        "A missing space",
        &[("task.yaml", "trigger: {type: immediate}\naction:\n  type:pause_process\n")],
        &["validate", "task.yaml"],
    ),
    ("A quote is not closed", &[("task.yaml", "name: \"a\ntrigger: {type: immediate}\n")], &["validate", "task.yaml"]),
    (
        "Numbers as text, text as numbers",
        &[(
            "task.yaml",
            "trigger: {type: immediate}\naction:\n  type: generate_load\n  target:\n    service_url: http://127.0.0.1:8080/\n    qps: \"300\"\n    duration: 30\n",
        )],
        &["validate", "task.yaml"],
    ),
    (
        "The host has no scheme",
        &[(
            "task.yaml",
            "trigger: {type: immediate}\naction: {type: generate_load, target: {service_url: \"localhost:8080\"}}\n",
        )],
        &["validate", "task.yaml"],
    ),
    (
        "A variable is not given",
        &[(
            "task.yaml",
            "trigger: {type: immediate}\naction: {type: generate_load, target: {service_url: \"http://{{SERVICE}}/\"}}\n",
        )],
        &["run", "task.yaml"],
    ),
    ("A variable without a value", &[("task.yaml", GOOD)], &["run", "task.yaml", "--var", "SERVICE"]),
    (
        "A host that is not allowed",
        &[(
            "task.yaml",
            "trigger: {type: immediate}\naction: {type: generate_load, target: {service_url: \"http://192.0.2.7/\", duration: 1s}}\n",
        )],
        &["run", "task.yaml", "--offline", "--dry-run"],
    ),
    (
        "JSON with a comment",
        &[("task.json", "{\n  \"prompt\": \"x\", // never more than 5 a second\n  \"policy\": {\"max_qps\": 5}\n}\n")],
        &["validate", "task.json"],
    ),
    ("JSON with a comma too many", &[("task.json", "{\n  \"chaos_spec\": [],\n}\n")], &["validate", "task.json"]),
    (
        "YAML 1.1 in a policy",
        &[("task.yaml", GOOD), ("policy.yaml", "allow_privileged: yes\nmax_qps: 0100\n")],
        &["run", "task.yaml", "--policy", "policy.yaml"],
    ),
    (
        "A check that is not there",
        &[(
            "task.yaml",
            "chaos_spec: {trigger: {type: immediate}, action: {type: pause_process, pid: 1}, verify: alvie}\nprobes: {alive: {type: tcp, address: \"127.0.0.1:80\"}}\n",
        )],
        &["validate", "task.yaml"],
    ),
    (
        "A check that stands bare",
        &[(
            "task.yaml",
            "chaos_spec: {trigger: {type: immediate}, action: {type: pause_process, pid: 1}}\nverification_spec:\n  - {name: up, type: tcp, address: \"127.0.0.1:80\", mdoe: hold}\n  - {name: up2, check: {type: tcp, address: \"127.0.0.1:80\"}, mdoe: hold}\n",
        )],
        &["validate", "task.yaml"],
    ),
    ("A task without chaos is valid", &[("task.yaml", "task_id: 7\nprompt: hello\n")], &["validate", "task.yaml"]),
    ("A task without chaos is run", &[("task.yaml", "task_id: 7\nprompt: hello\n")], &["run", "task.yaml"]),
    ("An empty file", &[("task.yaml", "")], &["run", "task.yaml"]),
    (
        "A list of entries",
        &[("task.yaml", "- trigger: {type: immediate}\n  action: {type: pause_process, pid: 1}\n")],
        &["run", "task.yaml"],
    ),
    (
        "Another tool's file",
        &[("experiment.json", "{\"title\": \"x\", \"method\": []}\n")],
        &["run", "experiment.json"],
    ),
    ("A fault without its parameter", &[], &["inject", "generate_load"]),
    ("A parameter as a flag", &[], &["inject", "pause_process", "--pid", "4242"]),
    ("A parameter of the wrong type", &[], &["inject", "pause_process", "pid=me"]),
    ("A type that is not known", &[], &["explain", "http_probe"]),
    ("An experiment without a target", &[], &["experiment", "how much can it take"]),
    (
        "An experiment that is run",
        &[("e.yaml", "goal: how much\ntarget: http://127.0.0.1:8080/\n")],
        &["run", "e.yaml"],
    ),
    ("A folder without documents", &[], &["validate", "."]),
];

#[test]
fn every_stop_of_the_tour_says_what_would_be_right() {
    let mut transcript = String::new();
    for (heading, files, typed) in STOPS {
        let place = place();
        for (name, text) in *files {
            fs::write(place.path().join(name), text).unwrap();
        }
        let output = command(&place, typed).env("NO_COLOR", "1").env("COLUMNS", "100").output().unwrap();
        let code = output.status.code().unwrap();
        let typed: Vec<String> = typed.iter().map(|word| quoted(word)).collect();
        let told = [output.stdout, output.stderr].concat();
        let told =
            without_the_registry(&String::from_utf8(told).unwrap().replace(place.path().to_str().unwrap(), "PLACE"));
        let ends = if told.ends_with('\n') { "" } else { "\n" };
        write!(transcript, "## {heading}\n\n$ squall {}\n{told}{ends}[{code}]\n\n", typed.join(" ")).unwrap();
        assert!(!told.contains("panicked") && !told.trim().is_empty(), "{heading}: {told}");
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/snapshots/tour.txt");
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, &transcript).unwrap();
    }
    let kept = fs::read_to_string(&path).unwrap();
    assert!(transcript == kept, "refresh with `UPDATE_SNAPSHOTS=1 cargo test -p squall --test tour`:\n{transcript}");
}

/// Whoever adds a plug-in need not refresh the transcript: where every type is listed, an ellipsis stands for all.
fn without_the_registry(told: &str) -> String {
    let mut shown = String::new();
    for line in told.split_inclusive('\n') {
        let lists = ["known: ", "[possible values: "].iter().find_map(|list| Some((line.split_once(list)?, list)));
        match lists {
            Some(((before, rest), list)) if rest.contains("clock_skew, ") => {
                let closed = if rest.trim_end().ends_with(']') { "]" } else { "" };
                writeln!(shown, "{before}{list}…{closed}").unwrap();
            }
            _ => shown.push_str(line),
        }
    }
    shown
}

fn quoted(word: &str) -> String {
    if word.contains(' ') { format!("\"{word}\"") } else { word.to_owned() }
}
