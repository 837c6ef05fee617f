//! Everything declared is asked about before anything starts; a dry run shows the same.

use chaos_core::{ChaosResult, Check, CheckBody, CheckMode, Policy, Task, Verdict, parse};
use chaos_runner::Report;
use chaos_test::Bench;
use serde_json::{Value, json};

fn touch(bench: &Bench, name: &str) -> Value {
    let action = json!({"type": "test_touch_file", "path": bench.path(name)});
    json!({"name": name, "trigger": {"type": "test_now"}, "action": action})
}

/// A task of an entry that may run, and of one that `change` spoils.
fn spoilt(bench: &Bench, change: &Value) -> Task {
    let mut second = touch(bench, "b");
    second.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
    task(&[touch(bench, "a"), second])
}

fn task(entries: &[Value]) -> Task {
    Task { entries: entries.iter().map(|entry| parse(entry).unwrap()).collect(), ..Task::default() }
}

fn many(connections: u16, interval: f64) -> Value {
    json!({"type": "engine_many", "connections": connections, "interval_seconds": interval})
}

fn asking(connections: u16, interval_ms: u64, seconds: u64) -> Value {
    json!({"type": "engine_many", "connections": connections, "interval_ms": interval_ms, "seconds": seconds})
}

fn far_check() -> Check {
    let body = CheckBody::Probe(parse(&json!({"type": "engine_far"})).unwrap());
    Check { body, mode: CheckMode::Assert, timeout_seconds: None }
}

fn events(entry: &ChaosResult) -> Vec<&str> {
    entry.timeline.iter().map(|point| point.event.as_str()).collect()
}

/// Nothing of the run began, and its verdict says so.
fn nothing_began(report: &Report, bench: &Bench) {
    assert_eq!((report.verdict, report.exit_code()), (Verdict::Inconclusive, 2));
    for entry in &report.entries {
        assert_eq!(events(entry), Vec::<&str>::new(), "{entry:?}");
    }
    assert!(report.steady_state_before.is_empty() && report.steady_state_after.is_empty());
    assert!(!bench.path("a").exists() && !bench.path("b").exists() && bench.journals_left() == 0);
}

#[test]
fn one_declared_thing_that_is_refused_starts_nothing_and_a_dry_run_says_the_same() {
    let far = json!({"type": "engine_far"});
    let host = "`203.0.113.9`";
    let rows = [
        (json!({"trigger": far}), host),
        (json!({"trigger": asking(11, 10, 1)}), "probes: qps 1100 is above the ceiling of 1000; `--max-qps 1100`"),
        (json!({"trigger": asking(65, 1_000, 1)}), "`--max-concurrency 65`"),
        (json!({"during": [far]}), host),
        (json!({"detect": far}), host),
        (json!({"abort_if": far}), host),
        (json!({"duration_seconds": 10_000}), "--max-duration"),
        (json!({"during": [many(11, 0.01)]}), "probes: qps 1100 is above the ceiling of 1000; `--max-qps 1100`"),
        (json!({"during": [many(33, 1.0), many(32, 1.0)]}), "`--max-concurrency 65`"),
        (json!({"abort_if": {"type": "engine_many", "connections": 65}}), "`--max-concurrency 65`"),
        (json!({"action": {"type": "engine_needs_file", "path": "/nonexistent", "may_appear": false}}), "no such file"),
        (
            json!({"action": {"type": "test_finite", "seconds": 1, "lands": true}, "duration_seconds": 1}),
            "does not fit `test_finite`",
        ),
    ];
    for (change, why) in &rows {
        let bench = Bench::new().unwrap();
        let runner = bench.runner().build().unwrap();
        let dry = runner.dry_run(spoilt(&bench, change)).unwrap();
        let report = runner.run(spoilt(&bench, change)).unwrap();
        nothing_began(&report, &bench);
        let (first, second) = (report.entries[0].error.clone().unwrap(), report.entries[1].error.clone().unwrap());
        assert!(first.starts_with("skipped: nothing was started"), "{first}");
        assert!(second.contains(why) && !second.starts_with("skipped"), "{change}: {second}");
        assert!(!dry.allowed());
        let refusals: Vec<_> = dry.entries.iter().map(|entry| entry.refusal.clone()).collect();
        assert_eq!(refusals, [None, Some(second)]);
    }
}

#[test]
fn checks_and_the_steady_state_are_asked_about_before_anything_starts() {
    for what in ["verify", "check", "steady_state"] {
        let bench = Bench::new().unwrap();
        let made = || {
            let mut task = spoilt(&bench, &if what == "verify" { json!({"verify": "far"}) } else { json!({}) });
            match what {
                "steady_state" => task.steady_state = vec![parse(&json!({"type": "engine_far"})).unwrap()],
                _ => drop(task.checks.insert("far".into(), far_check())),
            }
            task
        };
        let runner = bench.runner().build().unwrap();
        let dry = runner.dry_run(made()).unwrap();
        assert!(!dry.allowed(), "{what}");
        let report = runner.run(made()).unwrap();
        nothing_began(&report, &bench);
        let told = report.entries[0].error.clone().unwrap();
        assert!(told.contains("`203.0.113.9`"), "{what}: {told}");
        let shown = dry.refusals.iter().cloned().chain(dry.entries.iter().filter_map(|e| e.refusal.clone()));
        assert!(shown.into_iter().any(|refusal| told.contains(&refusal)), "{what}: {told}");
    }
}

#[test]
fn a_fault_that_the_policy_does_not_allow_is_refused_before_the_first_trigger_is_waited_for() {
    let bench = Bench::new().unwrap();
    let policy = Policy { allow_faults: Some(vec!["test_finite".into()]), ..Policy::default() };
    let mut late = touch(&bench, "a");
    late["trigger"] = json!({"type": "test_never", "after_seconds": 3000});
    let report = bench.runner().policy(policy).build().unwrap().run(task(&[late])).unwrap();
    nothing_began(&report, &bench);
    assert!(report.elapsed_seconds < 1.0, "{}", report.elapsed_seconds);
}

#[test]
fn a_target_that_may_appear_passes_the_preflight_and_is_planned_again_before_the_injection() {
    for appears in [true, false] {
        let bench = Bench::new().unwrap();
        let action = json!({"type": "engine_needs_file", "path": bench.path("a"), "may_appear": true});
        let waits = json!({"trigger": {"type": "test_never", "after_seconds": 5}, "action": action});
        let made = || {
            let first = if appears { touch(&bench, "a") } else { touch(&bench, "b") };
            task(&[first, waits.clone()])
        };
        let runner = bench.runner().build().unwrap();
        let dry = runner.dry_run(made()).unwrap();
        assert!(dry.allowed() && dry.entries[1].not_yet.as_deref() == Some("no such file"), "{dry:?}");
        let report = runner.run(made()).unwrap();
        let second = &report.entries[1];
        assert_eq!(second.success, appears, "{second:?}");
        if !appears {
            let error = second.error.clone().unwrap();
            assert_eq!(error, "`engine_needs_file` can't be planned: no such file");
        }
    }
}

#[test]
fn the_probes_of_entries_in_force_at_the_same_time_are_held_against_their_bound_together() {
    let bench = Bench::new().unwrap();
    let of = |name: &str| {
        let mut entry = touch(&bench, name);
        entry
            .as_object_mut()
            .unwrap()
            .extend([("during".to_owned(), json!([many(40, 1.0)])), ("duration_seconds".to_owned(), json!(2))]);
        entry
    };
    let report = bench.runner().build().unwrap().run(task(&[of("a"), of("b")])).unwrap();
    let refused: Vec<_> = report.entries.iter().filter_map(|entry| entry.error.clone()).collect();
    assert_eq!(refused.len(), 1, "{refused:?}");
    assert!(
        refused[0].contains("probes: concurrency 80 is above the ceiling of 64, with what is in force"),
        "{refused:?}"
    );
    let wide = Policy { max_concurrency: 80, ..Policy::default() };
    let report = bench.runner().policy(wide).build().unwrap().run(task(&[of("a"), of("b")])).unwrap();
    assert!(report.entries.iter().all(|entry| entry.error.is_none()), "{:?}", report.entries);
}

#[test]
fn the_triggers_of_entries_that_wait_at_the_same_time_count_with_the_probes_until_they_have_fired() {
    let bench = Bench::new().unwrap();
    let of = |name: &str, trigger: Value, during: Value| {
        let mut entry = touch(&bench, name);
        let more = [("trigger", trigger), ("during", during), ("duration_seconds", json!(5))];
        entry.as_object_mut().unwrap().extend(more.map(|(key, value)| (key.to_owned(), value)));
        entry
    };
    let nothing = json!([]);
    let refused = |entries: &[Value]| {
        let report = bench.runner().build().unwrap().run(task(entries)).unwrap();
        report.entries.iter().filter_map(|entry| entry.error.clone()).collect::<Vec<_>>()
    };
    let why = "probes: concurrency 80 is above the ceiling of 64, with what is in force in this run";
    // Both wait; one waits while the other is asked about; one waits no more when the other begins to be asked about.
    let waiting = of("a", asking(40, 1_000, 4), nothing.clone());
    let both = refused(&[waiting.clone(), of("b", asking(40, 1_000, 2), nothing.clone())]);
    assert!(both.len() == 1 && both[0].contains(why), "{both:?}");
    let beside = refused(&[waiting.clone(), of("b", json!({"type": "test_now"}), json!([many(40, 1.0)]))]);
    assert!(beside.len() == 1 && beside[0].contains(why), "{beside:?}");
    let later = json!({"type": "test_never", "after_seconds": 5});
    assert_eq!(refused(&[waiting, of("b", later, json!([many(40, 1.0)]))]), Vec::<String>::new());
}
