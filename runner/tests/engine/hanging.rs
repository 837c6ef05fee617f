//! A check that hangs counts: undo starts on time, and an answer after it is never a yes.

use chaos_core::{Answer, Task, Verdict, parse};
use chaos_runner::{Report, TimeSource};
use chaos_test::Bench;
use serde_json::{Value, json};

/// A file that is held for some seconds, merged with what the test adds.
fn held(bench: &Bench, seconds: f64, more: &Value) -> Value {
    let action = json!({"type": "test_touch_file", "path": bench.path("f")});
    let mut entry = json!({"trigger": {"type": "test_now"}, "action": action, "duration_seconds": seconds});
    entry.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    entry
}

/// Milliseconds until each answer, and the answer.
type Script<'s> = &'s [(u64, bool)];

fn script(answers: &[(u64, bool)]) -> Value {
    json!({"type": "engine_scripted", "answers": answers})
}

fn answer_of(report: &Report) -> (Verdict, Option<Answer>, String) {
    let probe = report.entries[0].probes.first();
    (report.verdict, probe.map(|probe| probe.answer), probe.map(|probe| probe.detail.clone()).unwrap_or_default())
}

/// When the undo began, in seconds.
fn undo_began(report: &Report) -> f64 {
    let timeline = &report.entries[0].timeline;
    timeline.iter().find(|point| point.event == "undoing").map(|point| point.at_seconds).unwrap()
}

#[test]
fn a_during_probe_that_is_open_at_the_end_counts() {
    let yes = (0, true);
    let rows: [(f64, Script<'_>, Verdict, Option<Answer>, &str); 6] = [
        // Three answers, then silence for half of the hold.
        (
            6.0,
            &[yes, yes, yes],
            Verdict::Deviated,
            Some(Answer::No),
            "no answer for 3 s of the hold (3 answers before)",
        ),
        // Silent from the beginning.
        (3.0, &[], Verdict::Deviated, Some(Answer::No), "no answer for 3 s of the hold"),
        // The answer would have come, but after the undo.
        (3.0, &[(9000, true)], Verdict::Deviated, Some(Answer::No), "no answer for 3 s of the hold"),
        // Open for less than an interval.
        (2.4, &[yes, yes], Verdict::Inconclusive, Some(Answer::Unknown), "no answer for 0.4 s of the hold"),
        // Slow, but every answer came.
        (6.0, &[(2000, true), (2000, true), (500, true)], Verdict::Held, Some(Answer::Yes), "by the script"),
        // A no before counts more than the silence.
        (3.0, &[(0, false)], Verdict::Deviated, Some(Answer::No), "by the script"),
    ];
    for (seconds, answers, verdict, answer, detail) in rows {
        let bench = Bench::new().unwrap();
        let report = bench.run(&held(&bench, seconds, &json!({"during": [script(answers)]}))).unwrap();
        let seen = answer_of(&report);
        assert_eq!((seen.0, seen.1), (verdict, answer), "{answers:?}: {report:?}");
        assert!(seen.2.starts_with(detail), "{answers:?}: {}", seen.2);
        assert!((undo_began(&report) - seconds).abs() < 0.01, "the undo did not begin on time: {report:?}");
        assert!(!bench.path("f").exists());
    }
}

#[test]
fn a_healthy_probe_is_never_open_at_the_end_of_the_hold() {
    // Each latency would put an answer on, or just behind, the end of the hold.
    for latency in [1, 50, 100, 250, 400] {
        let answers = vec![(latency, true); 60];
        let bench = Bench::new().unwrap();
        let report = bench.run(&held(&bench, 10.0, &json!({"during": [script(&answers)]}))).unwrap();
        assert_eq!(report.verdict, Verdict::Held, "{latency}: {:?}", report.entries[0].probes);
    }
}

#[test]
fn a_stop_condition_that_hangs_has_not_watched_over_the_fault() {
    let no = (0, false);
    // The first answer is the one before the fault.
    let rows: [(Script<'_>, Verdict, &str); 3] = [
        (&[no], Verdict::Deviated, "the stop condition gave no answer for 3 s of the hold"),
        (&[no, no, no], Verdict::Deviated, "the stop condition gave no answer for 2.5 s of the hold"),
        (&[no, (400, false), (400, false), (400, false), (400, false), (400, false)], Verdict::Unchecked, ""),
    ];
    for (answers, verdict, detail) in rows {
        let bench = Bench::new().unwrap();
        let report = bench.run(&held(&bench, 3.0, &json!({"abort_if": script(answers)}))).unwrap();
        let seen = answer_of(&report);
        assert_eq!((seen.0, seen.2.as_str()), (verdict, detail), "{answers:?}: {report:?}");
    }
}

#[test]
fn a_stop_condition_that_passes_its_own_timeout_ends_the_fault() {
    let bench = Bench::new().unwrap();
    let probe = json!({"type": "engine_scripted", "answers": [[0, false]], "at_most_seconds": 4});
    let report = bench.run(&held(&bench, 500.0, &json!({"abort_if": probe}))).unwrap();
    assert_eq!(report.verdict, Verdict::Deviated);
    let error = report.entries[0].error.clone().unwrap();
    assert!(error.contains("no answer within 6 s"), "{error}");
    assert!(report.entries[0].elapsed_time < 10.0, "{report:?}");
}

#[test]
fn a_detect_that_hangs_past_its_window_is_a_no_and_a_late_yes_does_not_count() {
    let no = (0, false);
    let rows: [(Script<'_>, &str); 3] = [
        (&[no], "not noticed within 2 s: no answer for 2 s"),
        (&[no, (4000, true)], "not noticed within 2 s: no answer for 2 s"),
        (&[no, no, no], "not noticed within 2 s: no answer for 1.5 s"),
    ];
    for (answers, detail) in rows {
        let bench = Bench::new().unwrap();
        let mut detect = script(answers);
        detect["within_seconds"] = json!(2);
        let report = bench.run(&held(&bench, 5.0, &json!({"detect": detect}))).unwrap();
        assert_eq!(answer_of(&report), (Verdict::Deviated, Some(Answer::No), detail.to_owned()), "{answers:?}");
    }
    // The hold ends by itself before the window does.
    let bench = Bench::new().unwrap();
    let mut detect = script(&[no]);
    detect["within_seconds"] = json!(60);
    let report = bench.run(&held(&bench, 3.0, &json!({"detect": detect}))).unwrap();
    let detail = "the fault ended before the system noticed: no answer for 3 s of the hold";
    assert_eq!(answer_of(&report), (Verdict::Deviated, Some(Answer::No), detail.to_owned()));
}

#[test]
fn a_fault_that_is_interrupted_leaves_a_pending_detect_unknown() {
    let bench = Bench::new().unwrap();
    // The second question is asked as soon as the fault is in force. Until the cancel has ended it no virtual time passes:
    // else the window may be over first.
    let detect = json!({"type": "engine_scripted", "answers": [[0, false]], "holds_time": true, "within_seconds": 60});
    let entry = held(&bench, 500.0, &json!({"detect": detect}));
    let mut handle = bench.runner().build().unwrap().start(Task::of(parse(&entry).unwrap())).unwrap();
    let mut events = handle.take_events().unwrap();
    while let Some(event) = events.blocking_recv() {
        if matches!(event.kind, chaos_core::EventKind::Holding { .. }) {
            handle.cancel();
        }
    }
    let report = handle.wait_blocking().unwrap();
    let (verdict, answer, detail) = answer_of(&report);
    assert_eq!((verdict, answer), (Verdict::Inconclusive, Some(Answer::Unknown)), "{report:?}");
    assert!(detail.starts_with("ended early after"), "{detail}");
}

#[test]
fn the_undo_does_not_wait_for_a_probe_that_blocks_its_thread() {
    let bench = Bench::new().unwrap();
    let probe = json!({"type": "engine_blocking", "path": bench.path("f")});
    let entry = held(&bench, 0.3, &json!({"during": [probe]}));
    let runner = bench.runner().time(TimeSource::default()).build().unwrap();
    let report = runner.run(Task::of(parse(&entry).unwrap())).unwrap();
    // Had the undo waited, the probe would have said that the file stayed.
    let (verdict, answer, detail) = answer_of(&report);
    assert_eq!((verdict, answer), (Verdict::Deviated, Some(Answer::No)), "{report:?}");
    assert!(detail.starts_with("no answer"), "{detail}");
}

#[test]
fn a_probes_own_timeout_is_the_one_that_counts() {
    let bench = Bench::new().unwrap();
    // 45 s is more than any bound of the engine's own.
    let slow = json!({"type": "engine_scripted", "answers": [[45_000, true], [45_000, true]], "at_most_seconds": 60});
    let report = bench.run(&held(&bench, 91.5, &json!({"during": [slow]}))).unwrap();
    assert_eq!(report.verdict, Verdict::Held, "{:?}", report.entries[0].probes);
    let silent = json!({"type": "engine_scripted", "answers": []});
    let report = bench.run(&held(&bench, 30.5, &json!({"during": [silent]}))).unwrap();
    assert_eq!(answer_of(&report).2, "no answer within 30 s");
}

#[test]
fn the_steady_state_may_take_a_while_to_be_there() {
    let steady = |within: Option<u32>| {
        let no = (0, false);
        let mut probe = script(&[no, no, no, (0, true), no, no, (0, true)]);
        if let Some(within) = within {
            probe["within_seconds"] = json!(within);
        }
        let bench = Bench::new().unwrap();
        let task = Task {
            steady_state: vec![parse(&probe).unwrap()],
            ..Task::of(parse(&held(&bench, 3.0, &json!({}))).unwrap())
        };
        bench.runner().build().unwrap().run(task).unwrap()
    };
    let report = steady(Some(10));
    assert_eq!(report.verdict, Verdict::Held, "{report:?}");
    assert!(report.steady_state_before[0].success && report.steady_state_after[0].success);
    let report = steady(Some(1));
    assert_eq!(report.verdict, Verdict::Inconclusive);
    assert!(report.steady_state_before[0].detail.starts_with("not within 1 s: "), "{report:?}");
    assert_eq!(steady(None).verdict, Verdict::Inconclusive);
}
