//! Plug-ins that block their thread, under real time: they keep nobody from the undo, nor from the end of the run.

use std::fs;

use chaos_core::{Answer, Reverted, Task, Verdict, parse};
use chaos_runner::{Report, RunHandle, Runner, TimeSource};
use chaos_test::Bench;
use serde_json::{Value, json};

/// More than there are threads for them.
const MANY: usize = 12;

fn runner(bench: &Bench) -> Runner {
    bench.runner().time(TimeSource::default()).build().unwrap()
}

fn task(entries: &[Value]) -> Task {
    let mut task = Task::of(parse(&entries[0]).unwrap());
    task.entries.extend(entries[1..].iter().map(|entry| parse(entry).unwrap()));
    task
}

/// A file that is held.
fn held(bench: &Bench, file: &str, more: &Value) -> Value {
    let action = json!({"type": "test_touch_file", "path": bench.path(file)});
    let mut entry = json!({
        "name": file, "trigger": {"type": "test_now"}, "action": action, "duration_seconds": 0.3,
    });
    entry.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    entry
}

/// The file that keeps a plug-in blocked; gone when dropped, so that no thread stays blocked behind a test.
struct Gate(std::path::PathBuf);

impl Gate {
    fn new(bench: &Bench) -> Self {
        let path = bench.path("gate");
        fs::write(&path, "").unwrap();
        Self(path)
    }
}

impl Gate {
    /// Nobody has waited for a plug-in that blocks until it gave up.
    fn held(&self) -> bool {
        self.0.exists() && !self.0.with_extension("late").exists()
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

fn ended(run: RunHandle) -> Report {
    run.wait_blocking().unwrap()
}

fn wait_until(what: &str, so: impl Fn() -> bool) {
    let start = std::time::Instant::now();
    while !so() {
        assert!(start.elapsed().as_secs() < 30, "never: {what}");
        std::thread::yield_now();
    }
}

#[test]
fn more_blocking_probes_than_threads_hold_no_undo_up() {
    let bench = Bench::new().unwrap();
    let gate = Gate::new(&bench);
    let probe = json!({"type": "engine_blocking", "path": gate.0});
    let entry = held(&bench, "f", &json!({"during": vec![probe; MANY]}));
    let other = held(&bench, "g", &json!({}));
    let report = ended(runner(&bench).start(task(&[entry, other])).unwrap());
    // Nobody opened the gate before the end: had anything waited, a probe would have said yes after its 20 s.
    assert!(gate.held());
    for entry in &report.entries {
        assert_eq!(entry.reverted, Reverted::Reverted, "{report:?}");
    }
    assert_eq!((report.entries[0].verdict, report.entries[1].verdict), (Verdict::Deviated, Verdict::Unchecked));
    assert!(report.entries[0].probes.iter().all(|probe| probe.answer != Answer::Yes), "{report:?}");
    assert!(!bench.path("f").exists() && !bench.path("g").exists());
}

#[test]
fn blocking_triggers_keep_no_other_entry_and_no_cancel() {
    let bench = Bench::new().unwrap();
    let gate = Gate::new(&bench);
    let waits = json!({"trigger": {"type": "engine_blocking_trigger", "path": gate.0}});
    let mut entries: Vec<Value> = (0..4).map(|n| held(&bench, &format!("w{n}"), &waits)).collect();
    entries.push(held(&bench, "f", &json!({})));
    let mut run = runner(&bench).start(task(&entries)).unwrap();
    let mut other = run.entry(4).unwrap();
    assert!(futures_block(other.active()), "the other entry was kept");
    run.cancel();
    let _ = run.take_events();
    let report = ended(run);
    assert!(gate.held());
    for n in 0..4 {
        assert!(!bench.path(&format!("w{n}")).exists());
        assert_eq!(report.entries[n].error.as_deref(), Some("interrupted before the trigger fired"));
    }
    assert_eq!(report.entries[4].reverted, Reverted::Reverted);
}

fn futures_block<T>(future: impl Future<Output = Option<T>>) -> bool {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(future).is_some()
}

#[test]
fn a_cancel_is_obeyed_while_a_probe_a_trigger_or_a_look_blocks() {
    for which in ["steady", "abort_if", "during", "trigger", "witness"] {
        let bench = Bench::new().unwrap();
        let gate = Gate::new(&bench);
        let probe = json!({"type": "engine_blocking", "path": gate.0});
        let (called, path) = (bench.path("called"), &gate.0);
        let fault = json!({"type": "engine_blocking_fault", "called": called, "path": path, "in_witness": true});
        let long = |more: Value| held(&bench, "f", &more);
        let entry = match which {
            "abort_if" => long(json!({"duration_seconds": 600, "abort_if": probe})),
            "during" => long(json!({"duration_seconds": 600, "during": [probe]})),
            "trigger" => long(json!({"trigger": {"type": "engine_blocking_trigger", "path": gate.0}})),
            "witness" => long(json!({"duration_seconds": 600, "action": fault})),
            _ => long(json!({"duration_seconds": 600})),
        };
        let mut task = task(&[entry]);
        if which == "steady" {
            task.steady_state = vec![parse(&probe).unwrap()];
        }
        let run = runner(&bench).start(task).unwrap();
        match which {
            "during" => wait_until("in force", || bench.path("f").exists()),
            "witness" => wait_until("looked at", || bench.path("called").exists()),
            _ => {}
        }
        run.cancel();
        let report = ended(run);
        assert!(gate.held(), "{which}");
        assert!(!bench.path("f").exists(), "{which}");
        let error = report.entries[0].error.clone().unwrap_or_default();
        assert!(error.contains("interrupted") || error.contains("steady state"), "{which}: {report:?}");
    }
}

#[test]
fn blocking_injections_keep_no_other_undo() {
    let bench = Bench::new().unwrap();
    let gate = Gate::new(&bench);
    let blocking = |n: usize| {
        let called = bench.path(&format!("called{n}"));
        let fault = json!({"type": "engine_blocking_fault", "called": called, "path": gate.0, "in_witness": false});
        held(&bench, &format!("b{n}"), &json!({"action": fault}))
    };
    let run =
        runner(&bench).start(task(&[held(&bench, "f", &json!({})), blocking(0), blocking(1), blocking(2)])).unwrap();
    let mut other = run.entry(0).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(other.ended());
    assert!(!bench.path("f").exists() && gate.held());
    drop(gate);
    let report = ended(run);
    assert_eq!((report.entries[0].verdict, report.entries[0].reverted), (Verdict::Unchecked, Reverted::Reverted));
}
