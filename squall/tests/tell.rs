//! Entries that wait for each other, for an event that is told from another terminal, and for a signal.

#![cfg(feature = "full")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

#[path = "support/shell.rs"]
mod shell;
#[path = "support/sleeper.rs"]
mod sleeper;

use shell::{command, journals, place, report, squall, write};
use sleeper::Sleeper;

fn pause(name: &str, trigger: &Value, sleeper: &Sleeper) -> Value {
    json!({
        "name": name, "trigger": trigger, "duration_seconds": 1,
        "action": {"type": "pause_process", "pid": sleeper.pid()},
    })
}

/// When an entry's point of its time line was, in seconds.
fn at(report: &Value, entry: usize, event: &str) -> f64 {
    let timeline = report["entries"][entry]["timeline"].as_array().unwrap();
    let point = timeline.iter().find(|point| point["event"] == event);
    point.unwrap_or_else(|| panic!("no `{event}` in {timeline:#?}"))["at_seconds"].as_f64().unwrap()
}

#[test]
fn a_run_goes_on_when_it_is_told_by_its_stages_and_by_a_signal() {
    let place = place();
    let sleepers = [(); 3].map(|()| Sleeper::start());
    let task = json!({"chaos_spec": [
        pause("first", &json!({"type": "event", "told": "acted"}), &sleepers[0]),
        pause("second", &json!({"type": "event", "reverted": "first"}), &sleepers[1]),
        pause("third", &json!({"type": "signal", "signal": "usr2"}), &sleepers[2]),
    ]});
    let file = write(&place, "task.json", &task);
    let mut run = command(&place, &["run", &file, "--verbose", "--format", "json"]);
    let mut run = run.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(run.stderr.take().unwrap());
    let mut seen = String::new();
    while seen.matches("waiting for trigger").count() < 3 {
        assert_ne!(lines.read_line(&mut seen).unwrap(), 0, "it ended early: {seen}");
    }
    let id = seen.split_once("run ").unwrap().1.split_once(',').unwrap().0.to_owned();
    let rest = std::thread::spawn(move || lines.read_to_string(&mut String::new()));
    // What nobody waits for changes nothing.
    for event in ["other", "acted"] {
        let told = squall(&place, &["tell", &id, event]);
        assert!(told.status.success(), "{told:?}");
    }
    assert!(Command::new("kill").args(["-USR2", &run.id().to_string()]).status().unwrap().success());
    let mut out = String::new();
    run.stdout.take().unwrap().read_to_string(&mut out).unwrap();
    rest.join().unwrap().unwrap();
    let report: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(run.wait().unwrap().code(), Some(0), "{report:#}");
    assert!(at(&report, 1, "fired") >= at(&report, 0, "undid"), "{report:#}");
    assert_eq!(journals(&place), 0);
    let gone = squall(&place, &["tell", &id, "acted"]);
    assert_eq!(gone.status.code(), Some(64), "{gone:?}");
}

#[test]
fn an_entry_whose_condition_never_comes_is_inconclusive_with_the_last_answer() {
    let (place, sleeper) = (place(), Sleeper::start());
    let closed = json!({"type": "tcp", "address": "127.0.0.1:1"});
    let trigger = json!({"type": "probe", "probe": closed, "for_seconds": 1, "timeout_seconds": 4});
    let file = write(&place, "task.json", &pause("never", &trigger, &sleeper));
    let output = squall(&place, &["run", &file, "--format", "json"]);
    let (report, code) = report(&output);
    assert_eq!((code, &report["verdict"]), (2, &json!("inconclusive")), "{report:#}");
    let error = report["entries"][0]["error"].as_str().unwrap();
    assert!(error.contains("did not say yes for 1 s within 4 s; the last answer was no"), "{error}");
    assert!(!sleeper.is_stopped());
}
