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
        let file = write(&place, "task.json", &paused(&sleeper, 6.0, &json!({"during": [http]})));
        let (told, code) = report(&squall(&place, &["run", &file, "--format", "json"]));
        let probe = &told["entries"][0]["probes"][0];
        assert_eq!((code, &told["verdict"], &probe["answer"]), (1, &json!("deviated"), &json!("no")), "{told:#}");
        let detail = probe["detail"].as_str().unwrap();
        let silent: f64 = detail.strip_prefix("no answer for ").unwrap().split(' ').next().unwrap().parse().unwrap();
        assert!((1.0..7.0).contains(&silent) && detail.ends_with(why), "{detail}");
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

/// A verifier in shell, which stands in `verify.sh`.
fn verifier(place: &tempfile::TempDir, script: &str) -> String {
    let path = place.path().join("verify.sh");
    std::fs::write(&path, script).unwrap();
    format!("sh '{}' extra", path.display())
}

#[test]
fn a_program_answers_the_harnesss_own_checks_one_process_a_question() {
    let (place, sleeper) = (place(), Sleeper::start());
    let told = |answer: &str| format!("echo x >>asked; cat >question; echo '{answer}'");
    let rows: [(String, i32, &str, &str); 9] = [
        (told(r#"{"answer": "yes", "detail": "pods are healthy", "value": 3}"#), 0, "yes", "pods are healthy"),
        (told(r#"{"answer": "no"}"#), 1, "no", "said so"),
        (told(r#"{"answer": "unknown", "detail": "no cluster"}"#), 2, "unknown", "no cluster"),
        (told(r#"{"answr": "yes"}"#), 2, "unknown", "expected {\"answer\": \"yes|no|unknown\""),
        (
            "echo x >>asked; cat >question; echo boom >&2; exit 3".to_owned(),
            2,
            "unknown",
            "exit status: 3, and said: boom",
        ),
        ("echo x >>asked; cat >question".to_owned(), 2, "unknown", "and said nothing"),
        ("echo x >>asked; cat >question; sleep 60".to_owned(), 2, "unknown", "gave no answer within 6 s"),
        // It does not read its question, and leaves a child that holds the pipe.
        (
            format!("sleep 60 & echo x >>asked; echo {{}} >question; echo '{}'", r#"{"answer": "yes"}"#),
            0,
            "yes",
            "said so",
        ),
        ("echo x >>asked; cat >question; yes | head -c 3000000".to_owned(), 2, "unknown", "more than 1048576 bytes"),
    ];
    for (script, code, answer, detail) in rows {
        let _ = std::fs::remove_file(place.path().join("asked"));
        let mut task = paused(&sleeper, 0.1, &json!({"verify": "pods"}));
        task["verification_spec"] = json!([{"name": "pods", "check": {"type": "pod_healthy", "app": "cart"}}]);
        let file = write(&place, "task.json", &task);
        let command = verifier(&place, &script);
        let arguments = ["run", &file, "--format", "json", "--verifier", &command, "--verifier-timeout", "6s"];
        let (told, got) = report(&squall(&place, &arguments));
        let verification = &told["entries"][0]["verification"];
        assert_eq!((got, &verification["answer"]), (code, &json!(answer)), "{script}: {told:#}");
        assert!(verification["detail"].as_str().unwrap().contains(detail), "{script}: {verification}");
        assert_eq!(std::fs::read_to_string(place.path().join("asked")).unwrap(), "x\n", "{script}");
        let question: Value = serde_json::from_slice(&std::fs::read(place.path().join("question")).unwrap()).unwrap();
        if question != json!({}) {
            assert_eq!((&question["name"], &question["check"]["app"]), (&json!("pods"), &json!("cart")), "{question}");
        }
        assert!(!sleeper.is_stopped() && journals(&place) == 0);
    }
}

#[test]
fn a_verifier_answers_unknown_names_polls_as_the_check_says_and_leaves_the_tasks_checks_alone() {
    let (place, sleeper) = (place(), Sleeper::start());
    // Yes from the third question on.
    let script = r#"echo x >>asked; if [ $(wc -l <asked) -ge 3 ]; then echo '{"answer":"yes"}'; else echo '{"answer":"no"}'; fi"#;
    let command = verifier(&place, script);
    let rows = [
        ("nobody knows it", json!([]), 1, Some(1)),
        ("pods", json!([{"name": "pods", "role": "objective", "check": {"type": "pod_healthy"}}]), 0, Some(3)),
        ("up", json!([{"name": "up", "check": {"type": "http", "url": service(&[200])}}]), 0, None),
    ];
    for (name, checks, code, asked) in rows {
        let _ = std::fs::remove_file(place.path().join("asked"));
        let mut task = paused(&sleeper, 0.1, &json!({"verify": name}));
        task["verification_spec"] = checks;
        let file = write(&place, "task.json", &task);
        let (told, got) = report(&squall(&place, &["run", &file, "--format", "json", "--verifier", &command]));
        assert_eq!(got, code, "{name}: {told:#}");
        let questions = std::fs::read_to_string(place.path().join("asked")).ok().map(|text| text.lines().count());
        assert_eq!(questions, asked, "{name}");
    }
    let output = squall(&place, &["run", "task.json", "--verifier", "'"]);
    let err = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(64), "{err}");
    assert!(err.contains("invalid verifier"), "{err}");
}
