//! How a stop condition ends a real fault, told by the report and by the victim's own state, on a busy machine.
#![cfg(feature = "full")]
#![expect(clippy::unwrap_used, reason = "a test that can't be set up should stop at once")]

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use chaos_campaign::{Place, Sleeper, wait_until};
use serde_json::{Value, json};

/// A hang is an error; nothing here takes nearly as long.
const HANG: Duration = Duration::from_mins(2);

/// Keeps every core busy twice over while `work` goes on.
fn under_load<T>(work: impl FnOnce() -> T) -> T {
    let over = AtomicBool::new(false);
    let cores = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    std::thread::scope(|scope| {
        for _ in 0..2 * cores {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            });
        }
        let done = work();
        over.store(true, Ordering::Relaxed);
        done
    })
}

/// What stood in the timeline, in order, without what each probe said.
fn steps(entry: &Value) -> Vec<&str> {
    let timeline = entry["timeline"].as_array().unwrap();
    timeline.iter().filter_map(|point| point["event"].as_str()).filter(|event| *event != "probed").collect()
}

#[test]
fn a_stop_condition_that_turns_undoes_the_fault_and_the_figure_fits_what_the_victim_shows() {
    let place = Place::new(Path::new(env!("CARGO_BIN_EXE_squall"))).unwrap();
    let (victim, flag) = (Sleeper::start().unwrap(), place.path().join("too-much"));
    let log = place.path().join("asked");
    let script = format!("echo >> {}; test -e {}", log.display(), flag.display());
    let asked = json!({"type": "command", "argv": ["/bin/sh", "-c", script], "interval_seconds": 0.1});
    let entry = json!({
        "trigger": {"type": "immediate"}, "action": {"type": "pause_process", "pid": victim.pid()},
        "duration_seconds": 120, "abort_if": asked,
    });
    fs::write(place.path().join("task.json"), json!({"chaos_spec": [entry]}).to_string()).unwrap();
    let (report, began, turned, last_stopped, ended) = under_load(|| {
        let began = Instant::now();
        let mut run = place.squall(&["run", "task.json", "--allow-command", "/bin/sh", "--format", "json"]);
        let run = run.spawn().unwrap();
        // Asked once before the fault, and once more after an answer while it is in force.
        let questions = || fs::read(&log).map_or(0, |lines| lines.len());
        wait_until("the condition was asked", || victim.is_stopped() && questions() >= 3).unwrap();
        // From here on it is stopped until the condition turns.
        let turned = Instant::now();
        fs::write(&flag, "").unwrap();
        let mut last_stopped = turned;
        while victim.is_stopped() {
            last_stopped = Instant::now();
            assert!(turned.elapsed() < HANG, "it is never undone");
            std::thread::yield_now();
        }
        let output = run.wait_with_output().unwrap();
        (output, began, turned, last_stopped, Instant::now())
    });
    let told = String::from_utf8_lossy(&report.stderr);
    let document: Value = serde_json::from_slice(&report.stdout).unwrap_or_else(|error| panic!("{error}: {told}"));
    let entry = &document["entries"][0];
    assert_eq!((&entry["verdict"], &entry["reverted"]), (&json!("deviated"), &json!("reverted")), "{entry:#}");
    assert!(entry["error"].as_str().unwrap().starts_with("abort_if `command`"), "{entry:#}");
    let steps = steps(entry);
    let place_of = |event: &str| steps.iter().position(|step| *step == event).unwrap_or_else(|| panic!("{steps:?}"));
    let order = ["active", "aborted", "undoing", "undid"].map(place_of);
    assert!(order.is_sorted() && steps.ends_with(&["undid", "looked"]), "{steps:?}");
    let seconds = |name: &str| entry[name].as_f64().unwrap_or_else(|| panic!("{name}: {entry:#}"));
    let (abort, unseen) = (seconds("time_to_abort_seconds"), seconds("abort_unseen_seconds"));
    assert!(abort > 0.0 && unseen > 0.0, "{abort} {unseen}");
    // The last question that was answered no came before the condition turned, and the undo was verified after the victim was
    // seen stopped the last time: the figures cover what this clock saw, and no more than the whole run.
    let seen = last_stopped.duration_since(turned).as_secs_f64();
    let whole = ended.duration_since(began).as_secs_f64();
    assert!(abort + unseen >= seen && abort + unseen <= whole, "{abort} + {unseen}, seen {seen}, whole {whole}");
}

#[test]
fn a_fault_that_no_condition_ended_has_no_such_figure() {
    let place = Place::new(Path::new(env!("CARGO_BIN_EXE_squall"))).unwrap();
    let victim = Sleeper::start().unwrap();
    let asked = json!({"type": "command", "argv": ["/bin/false"], "interval_seconds": 0.01});
    let entry = json!({
        "trigger": {"type": "immediate"}, "action": {"type": "pause_process", "pid": victim.pid()},
        "duration_seconds": 0.3, "abort_if": asked,
    });
    fs::write(place.path().join("task.json"), json!({"chaos_spec": [entry]}).to_string()).unwrap();
    let mut run = place.squall(&["run", "task.json", "--allow-command", "/bin/false", "--format", "json"]);
    let document: Value = serde_json::from_slice(&run.output().unwrap().stdout).unwrap();
    let entry = document["entries"][0].as_object().unwrap();
    assert!(!entry.contains_key("time_to_abort_seconds") && !entry.contains_key("abort_unseen_seconds"), "{entry:?}");
}
