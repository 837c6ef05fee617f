//! Reports as a shell gets them: every form agrees with the exit code, and what is published describes them.

#![cfg(feature = "full")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;

use serde_json::{Value, json};

#[path = "support/shell.rs"]
mod shell;
#[path = "support/sleeper.rs"]
mod sleeper;

use shell::{journals, place, report, squall, write};
use sleeper::Sleeper;

/// An HTTP service that gives these statuses, one a connection, and the last for ever.
fn service(statuses: &'static [u16]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for (index, mut stream) in listener.incoming().flatten().enumerate() {
            let status = statuses.get(index).or(statuses.last()).copied().unwrap_or(200);
            let _ = stream.read(&mut [0; 1024]);
            let head = format!("HTTP/1.1 {status} x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            let _ = stream.write_all(head.as_bytes());
        }
    });
    url
}

/// A task that pauses a process for a moment; its steady state is an HTTP service with these answers.
fn task(sleeper: &Sleeper, statuses: &'static [u16]) -> Value {
    json!({
        "name": "Checkout <survives>",
        "chaos_spec": [{
            "trigger": {"type": "immediate"},
            "action": {"type": "pause_process", "pid": sleeper.pid()},
            "duration_seconds": 0.1
        }],
        "steady_state": [{"type": "http", "url": service(statuses), "name": "serves"}]
    })
}

#[test]
fn a_lost_steady_state_is_red_in_every_form() {
    let rows: [(&[u16], i32, &str, &str); 3] = [
        (&[200, 200], 0, "held", ""),
        (&[200, 503], 1, "deviated", "<failure"),
        (&[503, 503], 2, "inconclusive", "<error"),
    ];
    for (statuses, code, verdict, mark) in rows {
        let (place, sleeper) = (place(), Sleeper::start());
        for format in ["text", "json", "junit", "html"] {
            let file = write(&place, "task.json", &task(&sleeper, statuses));
            let output = squall(&place, &["run", &file, "--format", format]);
            let out = String::from_utf8_lossy(&output.stdout).into_owned();
            assert_eq!(output.status.code(), Some(code), "{format}: {out}");
            match format {
                "text" => assert!(out.ends_with(&format!("verdict: {verdict}\n")), "{out}"),
                "json" => assert_eq!(report(&output).0["verdict"], verdict),
                "html" => {
                    assert!(out.contains(&format!("data-exit-code=\"{code}\"")), "{out}");
                    assert!(out.contains("Checkout &lt;survives&gt;") && out.contains("run "), "{out}");
                    assert!(out.contains("squall run ") && out.contains("--format html"), "{out}");
                }
                _ => {
                    let red = out.contains("<failure") || out.contains("<error");
                    assert_eq!(red, code != 0, "{out}");
                    assert!(out.contains(mark) && out.contains("classname=\"steady_state.before\""), "{out}");
                    assert!(out.contains("<testsuite name=\"Checkout &lt;survives&gt;\""), "{out}");
                }
            }
        }
        assert!(journals(&place) == 0 && !sleeper.is_stopped());
    }
}

#[test]
fn an_invalid_document_has_an_error_in_every_form() {
    let place = place();
    let file = write(&place, "task.json", &json!({"chaos_spec": [{"trigger": {"type": "tme"}}]}));
    for (format, want) in [("junit", "errors=\"1\""), ("html", "data-exit-code=\"65\""), ("json", "\"exit_code\": 65")]
    {
        let output = squall(&place, &["run", &file, "--format", format]);
        let out = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(65), "{out}");
        assert!(out.contains(want) && (format == "json" || out.contains("task.json")), "{format}: {out}");
        assert!(out.contains("missing") && out.contains("`tme`"), "{format}: {out}");
    }
}

#[test]
fn report_and_events_are_as_the_printed_schemas_say() {
    let (place, sleeper) = (place(), Sleeper::start());
    let schema = |kind: &str| {
        let (schema, code) = report(&squall(&place, &["schema", "--kind", kind]));
        assert_eq!(code, 0);
        jsonschema::draft7::options().build(&schema).unwrap()
    };
    let valid = |schema: &jsonschema::Validator, value: &Value| {
        let wrong: Vec<String> = schema.iter_errors(value).map(|error| error.to_string()).collect();
        assert!(wrong.is_empty(), "{value:#}: {wrong:?}");
    };
    let mut whole = task(&sleeper, &[200]);
    let load = json!({"type": "load", "target": {"service_url": service(&[200]), "qps": 50, "duration": "300ms"}});
    whole["chaos_spec"].as_array_mut().unwrap().push(json!({"trigger": {"type": "immediate"}, "action": load}));
    let file = write(&place, "task.json", &whole);
    let events = place.path().join("events.jsonl");
    let arguments = ["run", &file, "--format", "json", "--events", events.to_str().unwrap()];
    let (told, code) = report(&squall(&place, &arguments));
    assert_eq!(code, 0, "{told:#}");
    valid(&schema("report"), &told);
    let event = schema("event");
    for line in fs::read_to_string(events).unwrap().lines() {
        valid(&event, &serde_json::from_str(line).unwrap());
    }
    for (key, want) in [("format", json!(1)), ("task", json!("Checkout <survives>")), ("file", json!(file))] {
        assert_eq!(told[key], want, "{key}");
    }
    assert!(told["entries"][1]["load"].is_object(), "{told:#}");
}
