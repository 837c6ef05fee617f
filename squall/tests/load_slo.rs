//! Load as evidence: a steady load tells what a pause of its real server did, phase by phase.

#![cfg(feature = "full")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};
use squall::chaos_load::target::{Behaviour, serve};

#[path = "support/shell.rs"]
mod shell;

use shell::{journals, place, report, squall, write};

/// Set where this test program is to be the server.
const SERVER: &str = "LOAD_SLO_TEST_SERVER";

/// A server in a process of its own, killed at the end.
struct Server {
    child: Child,
    url: String,
}

impl Server {
    fn start() -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "the_server", "--nocapture"])
            .env(SERVER, "yes")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let url = lines.into_iter().find(|line| line.starts_with("http://")).expect("it tells its address");
        Self { child, url }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// No test but the server itself, in the process that a test starts.
#[test]
fn the_server() {
    if std::env::var_os(SERVER).is_some() {
        let target = serve(([127, 0, 0, 1], 0).into(), Behaviour::new()).unwrap();
        println!("\n{}", target.url());
        // It serves until the test is gone.
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
    }
}

/// Longer than any answer takes on a busy machine, and shorter than the pause.
fn slo(phase: &str, percentile: &str) -> Value {
    json!({"type": "load_slo", "name": phase, "phase": phase, "of": "pause", percentile: "2s"})
}

#[test]
fn the_objective_is_met_before_and_after_a_pause_and_not_during_it() {
    let (place, server) = (place(), Server::start());
    // No request is given up: what is asked at the beginning of the pause is answered behind it.
    let target =
        json!({"service_url": server.url, "qps": 100, "duration": "8s", "concurrency": 4, "timeout_seconds": 20});
    let task = json!({
        "chaos_spec": [
            {
                "name": "steady load",
                "trigger": {"type": "immediate"},
                "action": {"type": "generate_load", "target": target},
                "verify": "only_then",
            },
            {
                "name": "pause",
                "trigger": {"type": "time", "delay_seconds": 2},
                "action": {"type": "pause_process", "pid": server.child.id()},
                "duration_seconds": 3,
                "verify": "unnoticed",
            },
        ],
        "probes": {
            // Asked as soon as the server goes on, when few of what had to wait is answered: a p99 would need a hundred.
            "unnoticed": slo("during", "response_p90_below"),
            "only_then": {"type": "all", "checks": [
                slo("before", "response_p99_below"),
                {"type": "none", "checks": [slo("during", "response_p99_below")]},
                slo("after", "response_p50_below"),
            ]},
        },
    });
    let file = write(&place, "task.json", &task);
    let (report, code) = report(&squall(&place, &["run", &file, "--format", "json"]));
    let [load, pause] = [0, 1].map(|index| &report["entries"][index]);
    assert_eq!((code, &pause["verdict"], &load["verdict"]), (1, &json!("deviated"), &json!("held")), "{report:#}");
    let felt = &pause["verification"];
    assert_eq!(felt["answer"], "no", "{felt:#}");
    assert!(felt["detail"].as_str().unwrap().starts_with("during of `steady load`: "), "{felt:#}");
    let phases = load["load"]["segments"].as_array().unwrap();
    let names: Vec<&str> = phases.iter().map(|phase| phase["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["before", "pause: landing", "pause: in force", "pause: leaving", "pause: gone"]);
    let max = |phase: &Value| phase["response"]["max_ms"].as_f64().unwrap();
    assert!(max(&phases[2]) > 1000.0, "calls due at the start of the pause waited for its end: {phases:#?}");
    assert_eq!(journals(&place), 0);
}

/// The seconds of an entry's timeline at which that happened.
fn at(entry: &Value, event: &str) -> f64 {
    let timeline = entry["timeline"].as_array().unwrap();
    timeline.iter().find(|point| point["event"] == event).unwrap()["at_seconds"].as_f64().unwrap()
}

#[test]
fn a_fault_waits_until_the_load_has_made_its_requests_and_has_settled() {
    let (place, server) = (place(), Server::start());
    let target = json!({"service_url": server.url, "qps": 50, "duration": "12s", "concurrency": 4});
    let settled = json!({
        "type": "load_slo", "name": "settled", "after_requests": 100,
        "settled": {"for_seconds": 2, "within_percent": 60},
    });
    let task = json!({"chaos_spec": [
        {
            "name": "steady load",
            "trigger": {"type": "immediate"},
            "action": {"type": "generate_load", "target": target},
        },
        {
            "name": "pause",
            "trigger": {"type": "probe", "probe": settled, "for_seconds": 1, "timeout_seconds": 60},
            "action": {"type": "pause_process", "pid": server.child.id()},
            "duration_seconds": 0.2,
        },
    ]});
    let file = write(&place, "task.json", &task);
    let (report, _) = report(&squall(&place, &["run", &file, "--format", "json"]));
    let [load, pause] = [0, 1].map(|index| &report["entries"][index]);
    assert_eq!(pause["verdict"], "unchecked", "{report:#}");
    let fired = pause["timeline"].as_array().unwrap().iter().find(|point| point["event"] == "fired").unwrap();
    let said = fired["detail"].as_str().unwrap();
    assert!(said.contains("`settled` said yes for 1 s") && said.contains("of 100 requests have ended"), "{said}");
    // Two seconds for a hundred requests and for the readings, one for the yes to last.
    assert!(at(pause, "fired") - at(load, "injecting") >= 3.0, "{report:#}");
    assert_eq!(journals(&place), 0);
}
