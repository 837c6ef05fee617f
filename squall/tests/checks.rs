//! Checks that a shell asks for: ones that hang, ones that take their time, ones that only the harness can answer.

#![cfg(feature = "full")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use serde_json::{Value, json};

#[path = "support/shell.rs"]
mod shell;
#[path = "support/sleeper.rs"]
mod sleeper;

use shell::{journals, place, report, squall, write};
use sleeper::Sleeper;

/// An HTTP service that gives these statuses, one a connection, and then accepts and never answers.
fn service(statuses: &'static [u16]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let mut silent: Vec<TcpStream> = Vec::new();
        for (index, stream) in listener.incoming().flatten().enumerate() {
            match statuses.get(index) {
                Some(status) => answer(stream, *status),
                None => silent.push(stream),
            }
        }
    });
    url
}

fn answer(mut stream: TcpStream, status: u16) {
    let _ = stream.read(&mut [0; 1024]);
    let head = format!("HTTP/1.1 {status} x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    let _ = stream.write_all(head.as_bytes());
}

/// A task that pauses a process for a while, merged with what the test adds to its entry.
fn paused(sleeper: &Sleeper, seconds: f64, more: &Value) -> Value {
    let action = json!({"type": "pause_process", "pid": sleeper.pid()});
    let mut entry = json!({"trigger": {"type": "immediate"}, "action": action, "duration_seconds": seconds});
    entry.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({"name": "checks", "chaos_spec": [entry]})
}

#[test]
fn a_service_that_stops_answering_during_the_fault_deviates() {
    let (place, sleeper) = (place(), Sleeper::start());
    for (statuses, why) in [(&[200, 200, 200][..], "of the hold (3 answers before)"), (&[], "of the hold")] {
        let http = json!({"type": "http", "url": service(statuses), "interval_seconds": 0.1, "timeout_seconds": 60});
        let file = write(&place, "task.json", &paused(&sleeper, 1.5, &json!({"during": [http]})));
        let (told, code) = report(&squall(&place, &["run", &file, "--format", "json"]));
        let probe = &told["entries"][0]["probes"][0];
        assert_eq!((code, &told["verdict"], &probe["answer"]), (1, &json!("deviated"), &json!("no")), "{told:#}");
        let detail = probe["detail"].as_str().unwrap();
        assert!(detail.starts_with("no answer for 1") && detail.ends_with(why), "{detail}");
        assert!(!sleeper.is_stopped() && journals(&place) == 0);
    }
}

#[test]
fn times_that_do_not_fit_are_warned_of_and_the_file_stays_valid() {
    let (place, sleeper) = (place(), Sleeper::start());
    let http = |more: Value| {
        let mut probe = json!({"type": "http", "url": "http://127.0.0.1:9/"});
        probe.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        probe
    };
    let all = json!({"type": "sequence", "checks": [http(json!({})), http(json!({}))]});
    let rows = [
        (json!({"during": [http(json!({}))]}), Some("the hold of 3 s is shorter than the timeout of `http`, 5 s")),
        (json!({"abort_if": all}), Some("the hold of 3 s is shorter than the timeout of `sequence`, 10 s")),
        (json!({"detect": http(json!({}))}), Some("the `detect` window of 10 s is longer than the hold of 3 s")),
        (json!({"during": [http(json!({"timeout_seconds": 3}))]}), None),
        (json!({"detect": http(json!({"within_seconds": 3}))}), None),
    ];
    for (more, want) in rows {
        let file = write(&place, "task.json", &paused(&sleeper, 3.0, &more));
        let output = squall(&place, &["validate", &file]);
        let out = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(output.status.code(), Some(0), "{out}");
        assert_eq!(out.contains("times-do-not-fit"), want.is_some(), "{out}");
        assert!(want.is_none_or(|want| out.contains(want)), "{out}");
    }
}

#[test]
fn the_steady_state_and_an_objective_are_given_the_time_that_they_need() {
    let (place, sleeper) = (place(), Sleeper::start());
    let mut task = paused(&sleeper, 0.2, &json!({"verify": "serves"}));
    task["steady_state"] = json!([{"type": "http", "url": service(&[503, 503, 200, 503, 200]), "within_seconds": 30}]);
    let http = json!({"type": "http", "url": service(&[503, 503, 200])});
    task["verification_spec"] = json!([{"name": "serves", "role": "objective", "check": http}]);
    let file = write(&place, "task.json", &task);
    let (told, code) = report(&squall(&place, &["run", &file, "--format", "json"]));
    assert_eq!((code, &told["verdict"]), (0, &json!("held")), "{told:#}");

    task["verification_spec"][0]["mode"] = json!("assert");
    task["verification_spec"][0]["check"]["url"] = json!(service(&[503, 200]));
    task["steady_state"] = json!([]);
    let file = write(&place, "task.json", &task);
    let (told, code) = report(&squall(&place, &["run", &file, "--format", "json"]));
    assert_eq!((code, &told["verdict"]), (1, &json!("deviated")), "{told:#}");
}
