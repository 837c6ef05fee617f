//! Spans of the survivors as evidence of a run: its own receiver, its own probes, and no word of the injected node.

use std::fs;
use std::net::TcpListener;

use chaos_example_nodes::mesh::mesh;
use serde_json::{Value, json};

use super::place::Place;
use super::{count, landed};

/// A mesh whose members send their spans to the run.
fn observed(action: &Value) -> Value {
    let mut task = mesh(count());
    task["evidence"] = json!({"spans": {"type": "otlp"}});
    task["chaos_spec"] = json!([{"trigger": {"type": "immediate"}, "action": action, "duration_seconds": 12}]);
    task
}

fn survivors(victims: &[&str]) -> Vec<String> {
    (1..=count()).map(|number| format!("n{number}")).filter(|name| !victims.contains(&name.as_str())).collect()
}

/// Every survivor must say this about every victim.
fn all_say(span: &str, victims: &[&str], more: &Value) -> Value {
    let says = |service: &String, victim: &&str| {
        let mut probe = json!({
            "type": "otlp_span", "name": format!("{service} says {span} of {victim}"),
            "service": service, "span": span, "attributes": {"peer": victim},
        });
        for (key, value) in more.as_object().unwrap() {
            match value {
                Value::Object(attributes) => probe[key].as_object_mut().unwrap().extend(attributes.clone()),
                value => probe[key] = value.clone(),
            }
        }
        probe
    };
    let checks: Vec<Value> =
        survivors(victims).iter().flat_map(|service| victims.iter().map(move |victim| says(service, victim))).collect();
    json!({"type": "all", "name": "every survivor says it", "checks": checks})
}

fn noticed(victims: &[&str]) -> Value {
    let mut detect = all_say("disconnected", victims, &json!({}));
    detect["within_seconds"] = json!(10);
    detect
}

fn run(place: &Place, task: &Value) -> Value {
    let file = place.path("run.json");
    fs::write(&file, task.to_string()).unwrap();
    place.run(&file, &[]).0
}

pub(crate) fn survivors_spans_are_the_evidence_of_a_fault() {
    let victims = ["n2", "n3", "n4"];
    let paused = json!({"type": "pause_process", "target": {"node": "n3"}});
    let mut burst = observed(&json!({"type": "burst_kill", "target": {"nodes": {"by": "lot"}, "pick": 3}}));
    for victim in victims {
        burst["nodes"][victim]["labels"]["by"] = json!("lot");
    }
    burst["chaos_spec"][0]["detect"] = noticed(&victims);
    let mut tasks = vec![("burst", burst)];
    for (name, action) in [("kill", json!({"type": "kill_process", "target": {"node": "n3"}})), ("wedge", paused)] {
        let mut task = observed(&action);
        task["chaos_spec"][0]["detect"] = noticed(&["n3"]);
        tasks.push((name, task));
    }
    // A restart is over at once: what shows it is that everybody hears the node in its next life.
    let mut restart = observed(&json!({"type": "restart_process", "target": {"node": "n2"}}));
    restart["chaos_spec"][0].as_object_mut().unwrap().remove("duration_seconds");
    restart["chaos_spec"][0]["verify"] = json!("all hear its next life");
    let check = all_say("connected", &["n2"], &json!({"since": "run", "attributes": {"incarnation": "2"}}));
    restart["verification_spec"] =
        json!([{"name": "all hear its next life", "mode": "converge", "timeout_seconds": 20, "check": check}]);
    tasks.push(("restart", restart));
    for (name, task) in tasks {
        let report = run(&Place::new(), &task);
        assert_eq!(report["verdict"], "held", "{name}: {report:#}");
        assert!(!landed(&report).is_empty(), "{name}");
        let source = &report["sources"][0];
        assert_eq!((&source["name"], &source["dropped"]), (&json!("spans"), &json!(0)), "{name}");
        assert!(source["taken"].as_u64().unwrap() >= 20, "{name}: {source}");
        let entry = &report["entries"][0];
        if name != "restart" {
            assert!(entry["time_to_detect_seconds"].as_f64().unwrap() > 0.0, "{name}: {entry:#}");
        }
    }
}

pub(crate) fn without_survivors_spans_no_fault_counts_as_noticed() {
    let kill = json!({"type": "kill_process", "target": {"node": "n3"}});
    let detect = |report: &Value| report["entries"][0]["probes"].as_array().unwrap().last().unwrap().clone();
    // One survivor can't send: its word is missing, whatever the others say.
    let mut silenced = observed(&kill);
    silenced["nodes"]["n1"]["env"] = json!({"OTEL_EXPORTER_OTLP_ENDPOINT": ""});
    silenced["chaos_spec"][0]["detect"] = noticed(&["n3"]);
    silenced["chaos_spec"][0]["detect"]["within_seconds"] = json!(5);
    let report = run(&Place::new(), &silenced);
    assert_eq!((&report["verdict"], &detect(&report)["answer"]), (&json!("deviated"), &json!("no")), "{report:#}");
    // The fault is in force, on a process that is nobody's member.
    let mut bystander = observed(&json!({"type": "kill_process", "target": {"node": "x1"}}));
    bystander["nodes"]["x1"] = json!({"type": "process", "argv": ["sleep", "600"]});
    bystander["policy"] = json!({"allow_commands": ["mesh-node", "sleep"]});
    bystander["chaos_spec"][0]["detect"] = noticed(&["n3"]);
    bystander["chaos_spec"][0]["detect"]["within_seconds"] = json!(4);
    let report = run(&Place::new(), &bystander);
    assert_eq!((&report["verdict"], &detect(&report)["answer"]), (&json!("deviated"), &json!("no")), "{report:#}");
    // The store can't come up: nothing is injected, and nothing passes.
    let taken = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let mut down = observed(&kill);
    down["evidence"]["spans"]["port"] = json!(taken.local_addr().unwrap().port());
    down["chaos_spec"][0]["detect"] = noticed(&["n3"]);
    let report = run(&Place::new(), &down);
    let error = report["entries"][0]["error"].as_str().unwrap();
    assert!(report["verdict"] == "inconclusive" && error.contains("the source `spans` is not up"), "{report:#}");
}
