//! Load spikes as a shell sees them, against a real server: the demo, verdicts, refusals, the rate that is reached.

#![cfg(feature = "full")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;

use serde_json::{Value, json};
use squall::chaos_load::target::{Behaviour, serve};

#[path = "support/shell.rs"]
mod shell;

use shell::{command, journals, place, report, squall, write};

fn spike(url: &str, verify: &str) -> Value {
    json!({
        "chaos_spec": [{
            "trigger": {"type": "immediate"},
            "action": {"type": "generate_load", "target": {"service_url": url, "qps": 50, "duration": "1s"}},
            "verify": verify,
        }],
        "probes": {"serves": {"type": "http", "url": url}},
    })
}

#[test]
fn a_task_file_with_placeholders_runs_to_held_and_keeps_the_classic_fields() {
    let (place, target) = (place(), serve(([127, 0, 0, 1], 0).into(), Behaviour::new()).unwrap());
    let file = write(&place, "task.json", &spike("http://{{TARGET}}/", "serves"));
    let var = format!("TARGET={}", target.address());
    let (report, code) = report(&squall(&place, &["run", &file, "--var", &var, "--format", "json"]));
    let entry = &report["entries"][0];
    assert_eq!((code, &report["verdict"]), (0, &json!("held")), "{report:#}");
    assert_eq!(entry["success"], true);
    assert_eq!(entry["injected_fault"], "generate_load");
    assert!(entry["output"].is_string() && entry["elapsed_time"].as_f64().unwrap() > 0.9, "{entry:#}");
    assert!(entry["error"].is_null(), "{entry:#}");
    assert!(target.requests() >= 50, "{}", target.requests());
    assert_eq!(journals(&place), 0);
}

#[test]
fn a_verify_that_names_nothing_lists_the_known_names() {
    let (place, target) = (place(), serve(([127, 0, 0, 1], 0).into(), Behaviour::new()).unwrap());
    let file = write(&place, "task.json", &spike(&target.url(), "servs"));
    // Nobody else answers it on the command line, so it is known to be wrong before anything runs.
    let output = squall(&place, &["run", &file]);
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), target.requests()), (Some(65), 0), "{told}");
    assert!(told.contains("did you mean `serves`?"), "{told}");
}

#[test]
fn another_host_is_refused_and_the_refusal_names_the_flag() {
    let place = place();
    let file = write(&place, "task.json", &spike("http://192.0.2.7/", "serves"));
    let (report, code) = report(&squall(&place, &["run", &file, "--format", "json"]));
    let error = report["entries"][0]["error"].as_str().unwrap();
    assert_eq!((code, &report["verdict"]), (2, &json!("inconclusive")));
    assert!(error.contains("--allow-host 192.0.2.7"), "{error}");
}

#[test]
fn a_check_of_the_harness_is_a_warning_and_the_task_runs() {
    let (place, target) = (place(), serve(([127, 0, 0, 1], 0).into(), Behaviour::new()).unwrap());
    let mut task = spike(&target.url(), "serves");
    task["verification_spec"] = json!([{"name": "pods", "check": {"type": "pod_healthy", "selector": "a=b"}}]);
    let file = write(&place, "task.json", &task);
    let output = squall(&place, &["run", &file]);
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{err}");
    assert!(err.contains("warning[opaque-check]") && out.ends_with("verdict: held\n"), "{err}\n{out}");
}

#[test]
fn the_demo_holds_and_its_sham_does_not_with_nothing_set_up() {
    let place = place();
    let demo = |arguments: &[&str]| {
        let mut command = command(&place, arguments);
        command.env_remove("HOME").env_remove("XDG_STATE_HOME").env("TMPDIR", place.path()).output().unwrap()
    };
    let held = demo(&["demo"]);
    let (out, err) = (String::from_utf8_lossy(&held.stdout), String::from_utf8_lossy(&held.stderr));
    assert_eq!(held.status.code(), Some(0), "{out}\n{err}");
    assert!(out.ends_with("verdict: held\n"), "{out}");
    assert!(err.contains("demo.yaml is valid") && err.contains("the target answered"), "{err}");

    let sham = demo(&["demo", "--sham"]);
    let out = String::from_utf8_lossy(&sham.stdout);
    assert_eq!(sham.status.code(), Some(2), "{out}");
    assert!(out.ends_with("verdict: inconclusive\n"), "{out}");
    assert_eq!(fs::read_dir(place.path()).unwrap().count(), 0, "something was left behind");
}

#[test]
fn a_fault_with_an_end_of_its_own_can_not_be_held() {
    let arguments = ["inject", "generate_load", "target.service_url=http://127.0.0.1:9/", "--for", "1s"];
    let output = squall(&place(), &arguments);
    let err = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(64), "{err}");
    assert!(err.contains("its own end"), "{err}");
}
