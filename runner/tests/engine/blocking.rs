//! Plug-ins that block their thread, under real time: they keep nobody from the undo, nor from the end of the run.

use std::fs;

use chaos_core::{Answer, EventKind, Journal, JournalRecord, PastJournal, Reverted, Task, Verdict, parse};
use chaos_runner::{Report, RunHandle, Runner, TimeSource, recover};
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
        assert!(start.elapsed().as_secs() < 120, "never: {what}");
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
    // Nobody opened the gate before the end: had anything waited, a probe would have said yes after its 2 min.
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

/// A file whose undo blocks its thread.
fn blocking_undo(bench: &Bench, gate: &Gate, file: &str, in_drop: bool) -> Value {
    let path = bench.path(file);
    held(
        bench,
        file,
        &json!({"action": {"type": "engine_blocking_undo", "file": path, "path": gate.0, "in_drop": in_drop}}),
    )
}

#[test]
fn blocking_undo_steps_keep_no_other_undo_and_no_end_and_their_journal_is_kept_and_named() {
    let bench = Bench::new().unwrap();
    let gate = Gate::new(&bench);
    let mut entries: Vec<Value> = (0..4).map(|n| blocking_undo(&bench, &gate, &format!("b{n}"), n == 3)).collect();
    entries.extend((0..3).map(|n| held(&bench, &format!("f{n}"), &json!({}))));
    let mut run = runner(&bench).start(task(&entries)).unwrap();
    let mut events = run.take_events().unwrap();
    let others: Vec<_> = (4..7).map(|n| run.entry(n).unwrap()).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    for mut other in others {
        runtime.block_on(other.ended());
    }
    // Before any of the blocked ones was given up.
    assert!(run.entry(0).unwrap().state().stage < chaos_runner::EntryStage::Ended);
    assert!((0..3).all(|n| !bench.path(&format!("f{n}")).exists()) && bench.path("b0").exists());
    let report = ended(run);
    assert!(gate.held(), "the engine waited for a step that blocks");
    assert_eq!((report.verdict, report.exit_code()), (Verdict::RevertFailed, 3));
    let journal = PastJournal::list(&bench.state()).unwrap().remove(0);
    for entry in &report.entries[..4] {
        let error = entry.error.clone().unwrap();
        assert_eq!(entry.reverted, Reverted::Failed, "{error}");
        assert!(error.contains(&format!("journal `{}` is kept", journal.display())), "{error}");
    }
    assert!(report.entries[0].error.clone().unwrap().contains("blocks its thread"), "{report:?}");
    // What stands behind the part that was not let go was undone all the same.
    assert!(!bench.path("b3").exists() && bench.path("b0").exists());
    assert!(report.entries[4..].iter().all(|entry| entry.reverted == Reverted::Reverted), "{report:?}");
    let mut notes = Vec::new();
    while let Some(event) = events.blocking_recv() {
        if let EventKind::Note { text } = event.kind {
            notes.push(text);
        }
    }
    assert_eq!(notes.last().unwrap(), "4 threads are left behind, still blocked by calls of plug-ins");
}

#[test]
fn a_cancel_while_an_undo_step_blocks_is_answered_by_a_report() {
    let bench = Bench::new().unwrap();
    let gate = Gate::new(&bench);
    let mut long = blocking_undo(&bench, &gate, "b", false);
    long["duration_seconds"] = json!(600);
    let run = runner(&bench).start(task(&[long])).unwrap();
    wait_until("in force", || bench.path("b").exists());
    run.cancel();
    assert_eq!(ended(run).verdict, Verdict::RevertFailed);
    assert!(gate.held());
}

#[test]
fn a_step_that_blocks_keeps_no_other_from_recovery_and_is_undone_by_the_next_one() {
    let bench = Bench::new().unwrap();
    let gate = Gate::new(&bench);
    bench.state().prepare().unwrap();
    // The one that blocks is the newest of its run, and its run comes first.
    for run in ["r1", "r2"] {
        let journal = Journal::create(&bench.state(), run, "squall", bench.folder()).unwrap();
        for n in 0..4 {
            let (entry, file) = (format!("/chaos_spec/{n}"), bench.path(&format!("{run}-{n}")));
            fs::write(&file, "").unwrap();
            let step = match (run, n) {
                ("r1", 2 | 3) => json!({"type": "engine_blocking_step", "file": file, "path": gate.0}),
                _ => json!({"type": "test_remove_file", "path": file}),
            };
            let (seq, expires_at_boot_ms, owner, describe) = (0, None, None, format!("{run}-{n}"));
            let survives_reboot = false;
            let record = JournalRecord { seq, entry, expires_at_boot_ms, survives_reboot, owner, describe, step };
            journal.append(record).unwrap();
        }
    }
    let report = recover(&bench.state()).unwrap();
    assert!(gate.held(), "recovery waited for a step that blocks");
    let undone: Vec<String> = report.undone.iter().map(|step| step.step.clone()).collect();
    assert_eq!((report.exit_code(), report.abandoned, undone.len()), (3, 2, 6), "{report:?}");
    assert_eq!((report.kept.len(), report.kept[0].run_id.as_str()), (1, "r1"));
    assert!(report.lines().concat().contains("blocks its thread, which is left behind"), "{:?}", report.lines());
    for (run, n) in [("r1", 0), ("r1", 1), ("r2", 0), ("r2", 3)] {
        assert!(!bench.path(&format!("{run}-{n}")).exists());
    }
    drop(gate);
    let report = recover(&bench.state()).unwrap();
    assert_eq!((report.exit_code(), report.abandoned, bench.journals_left()), (0, 0, 0), "{report:?}");
    assert!(!bench.path("r1-2").exists() && !bench.path("r1-3").exists());
}
