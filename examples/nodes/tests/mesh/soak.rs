//! The mesh under a soak: members come and go; and a mistake of a member, shown again and made small.

use std::fs;

use chaos_example_nodes::mesh::soaked;
use serde_json::{Value, json};

use super::harness::skipped;
use super::left_as_it_was;
use super::place::Place;

/// Draws a restart, which is over before anybody misses it, and then what is missed.
const SEED: &str = "7";

/// How long it soaks; `MESH_SOAK_SECONDS` says otherwise.
fn seconds() -> u32 {
    std::env::var("MESH_SOAK_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(25)
}

fn soak(place: &Place, arguments: &[&str], verdict: &str) -> Value {
    let output = place.output(&[arguments, &["--accept-policy", "--format", "json"]].concat());
    let said = String::from_utf8_lossy(&output.stderr);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {said}"));
    assert_eq!(report["verdict"], verdict, "{report:#}\n{said}");
    assert_eq!(output.status.code(), Some(i32::from(verdict != "held")), "{said}");
    report
}

/// What was drawn and where, of each event.
fn drawn(report: &Value) -> Vec<(Value, Value)> {
    let events = report["events"].as_array().unwrap();
    events.iter().map(|event| (event["fault"].clone(), event["node"].clone())).collect()
}

/// The task and the manifest of a soak, which are there from the start, so that places can be compared.
fn files(place: &Place, task: &Value) -> [String; 2] {
    ["soak.json", "manifest.json"].map(|name| {
        fs::write(place.path(name), task.to_string()).unwrap();
        place.path(name).display().to_string()
    })
}

pub(super) fn a_soak_is_noticed_and_reverted_event_by_event() {
    let place = Place::new();
    let [task, manifest] = files(&place, &soaked(5, seconds()));
    let before = place.host().without_state();
    let report = soak(&place, &["soak", &task, "--seed", "5", "--manifest", &manifest], "held");
    // One every ten seconds, but the first and one that would end after the time.
    let events = u64::from(seconds() / 10) - 1;
    assert!(report["n"].as_u64().unwrap() >= events, "{report:#}");
    assert_eq!((&report["failure"], &report["skipped"]), (&Value::Null, &json!(0)), "{report:#}");
    assert!(drawn(&report).iter().all(|(_, node)| node != "n1" && node.is_string()), "{report:#}");
    left_as_it_was(&place, &before);
    println!("{} of {} events passed: {:#}", report["passed"], report["n"], report["faults"]);
}

/// A member that takes nobody back once it has missed others twice.
fn forgetful() -> Value {
    let mut task = soaked(5, 60);
    let argv = task["nodes"]["n1"]["argv"].as_array_mut().unwrap();
    argv.extend([json!("--forget-after"), json!("2")]);
    task["soak"]["interval_seconds"] = json!(4);
    for fault in task["soak"]["pool"].as_array_mut().unwrap() {
        if fault["draw"].is_object() {
            fault["draw"]["duration_seconds"] = json!({"choice": [2]});
        }
    }
    task["verification_spec"][0]["timeout_seconds"] = json!(4);
    task
}

pub(super) fn a_mistake_of_a_member_shows_again_and_in_two_events() {
    let place = Place::new();
    let [task, manifest] = files(&place, &forgetful());
    let before = place.host().without_state();
    let report = soak(&place, &["soak", &task, "--seed", SEED, "--manifest", &manifest], "deviated");
    let failed = report["failure"].clone();
    assert!(failed["event"].as_u64().unwrap() > 2, "an event that nobody misses comes before: {report:#}");
    let again = soak(&place, &["replay", &manifest], "deviated");
    assert_eq!((&again["failure"], drawn(&again)), (&failed, drawn(&report)));
    // What failed keeps the folders of its nodes, and nothing else.
    let after = place.host().without_state();
    assert_eq!((&after.processes, &after.mounts, &after.cgroups), (&before.processes, &before.mounts, &before.cgroups));

    if std::env::var_os("MESH_SHRINK").is_none() {
        return skipped("to be asked for by MESH_SHRINK=1: four minutes of shrinking");
    }
    let smaller = place.path("smaller.json").display().to_string();
    let output = place.output(&["shrink", &manifest, "--output", &smaller, "--accept-policy", "--format", "json"]);
    let said = String::from_utf8_lossy(&output.stderr);
    let shrunk: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {said}"));
    println!("shrunk: {shrunk:#}");
    let again = soak(&place, &["replay", &smaller], "deviated");
    assert_eq!(drawn(&again).len(), 2, "{again:#}");
}
