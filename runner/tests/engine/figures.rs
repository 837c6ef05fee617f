//! The figures of an entry, from the checks of its fault and the answers of its probes.

use std::time::Duration;

use chaos_core::{
    Answer, ChaosResult, ControlOrder, Edge, Evidence, Fault, FaultEdges, Fired, InjectContext, Injection, Observation,
    Outcome, Plan, PluginError, Probe, RunContext, SecondsRange, Sighting, Span, Task, Trigger, Undo, Verdict, parse,
    register_fault, register_probe, register_trigger,
};
use chaos_test::Bench;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Says yes from a second of the run on, until another one.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Between {
    from: f64,
    until: Option<f64>,
}

impl Probe for Between {
    async fn observe(&self, cx: &RunContext) -> Observation {
        let now = cx.clock().now();
        let begun = now >= Duration::from_secs_f64(self.from);
        let over = self.until.is_some_and(|until| now >= Duration::from_secs_f64(until));
        if begun && !over { Observation::yes("in its time") } else { Observation::no("not in its time") }
    }
}

register_probe!(Between, "engine_between");

/// Fires some seconds after it has begun to wait.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct After {
    seconds: f64,
}

impl Trigger for After {
    async fn wait(&self, cx: &RunContext) -> Result<Fired, PluginError> {
        cx.clock().sleep(Duration::from_secs_f64(self.seconds)).await;
        Ok(Fired("its time has come".to_owned()))
    }
}

register_trigger!(After, "engine_after");

/// Writes down the edges of the run for 20 s, and says nothing of its length beforehand.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct WatchEdges {}

impl Fault for WatchEdges {
    const SPAN: Span = Span::Finite;

    async fn plan(&self, _cx: &RunContext) -> Result<Plan, PluginError> {
        Ok(Plan::new("look at the edges of the run"))
    }

    async fn inject(&self, cx: &InjectContext, _undo: &Undo) -> Result<Injection, PluginError> {
        cx.sleep(Duration::from_secs(20)).await;
        let edges = cx.services().get::<FaultEdges>().watch();
        let told = |edge: &Edge| format!("{}: {}", edge.entry.fault_name(), edge.stage.word());
        let edges: Vec<String> = edges.borrow().iter().filter(|edge| edge.entry.name != "watcher").map(told).collect();
        Ok(Injection::Finished(Outcome::landed(Evidence::new("edges were seen")).with_output(edges.join(", "))))
    }

    async fn witness(&self, _cx: &RunContext) -> Sighting {
        Sighting::unknown("its evidence is in its outcome")
    }
}

register_fault!(WatchEdges, "engine_edges");

fn entry(bench: &Bench, more: &Value) -> Value {
    let mut entry = json!({
        "trigger": {"type": "test_now"},
        "action": {"type": "test_touch_file", "path": bench.path("f")},
        "duration_seconds": 4
    });
    entry.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap_or_default());
    entry
}

fn run(bench: &Bench, entry: &Value, sham: bool) -> ChaosResult {
    let check: Value = json!({"type": "engine_between", "from": 6.2});
    let mut task = Task::of(parse(entry).unwrap());
    let check = chaos_core::Check {
        body: chaos_core::CheckBody::Probe(parse(&check).unwrap()),
        mode: chaos_core::CheckMode::Converge,
        timeout_seconds: None,
    };
    task.checks.insert("well".to_owned(), check);
    let mut report = bench.runner().sham(sham).build().unwrap().run(task).unwrap();
    report.entries.remove(0)
}

fn near(range: Option<SecondsRange>, at_least: f64, at_most: f64) {
    let range = range.unwrap();
    let close = |is: f64, want: f64| (is - want).abs() < 0.02;
    assert!(close(range.at_least, at_least) && close(range.at_most.unwrap(), at_most), "{range}");
}

#[test]
fn the_system_noticed_and_recovered_between_the_last_no_and_the_first_yes() {
    let bench = Bench::new().unwrap();
    let detect = json!({"type": "engine_between", "from": 1.1});
    let result = run(&bench, &entry(&bench, &json!({"detect": detect, "verify": "well"})), false);
    assert_eq!(result.verdict, Verdict::Held, "{result:?}");
    near(result.bounds.in_force_seconds, 4.0, 4.0);
    // Asked every 250 ms: no at 1.0 s, yes at 1.25 s.
    near(result.bounds.detect_seconds, 1.0, 1.25);
    // Asked every 500 ms after the undo at 4 s: no at 6 s, yes at 6.5 s.
    near(result.bounds.recover_seconds, 2.0, 2.5);
    let times = [
        result.times.landing_seconds,
        result.times.in_force_seconds,
        result.times.leaving_seconds,
        result.times.gone_seconds,
    ];
    assert!(times.iter().all(Option::is_some) && times.is_sorted(), "{times:?}");
}

#[test]
fn a_fault_that_was_never_there_has_no_time_in_force() {
    let bench = Bench::new().unwrap();
    let detect = json!({"type": "engine_between", "from": 1.1});
    let result = run(&bench, &entry(&bench, &json!({"detect": detect})), true);
    assert_eq!(
        (result.verdict, result.bounds.in_force_seconds, result.bounds.detect_seconds),
        (Verdict::Inconclusive, None, None)
    );
    assert!(result.times.landing_seconds.is_some() && result.times.in_force_seconds.is_none(), "{:?}", result.times);
}

/// Runs an entry with a control leg; its trigger takes two seconds each time, its fault four.
fn controlled(bench: &Bench, order: ControlOrder, more: &Value) -> ChaosResult {
    let mut entry = entry(bench, more);
    entry["control"] = json!(true);
    entry["trigger"] = json!({"type": "engine_after", "seconds": 2});
    let runner = bench.runner().control_order(order).build().unwrap();
    runner.run(Task::of(parse(&entry).unwrap())).unwrap().entries.remove(0)
}

fn about(is: Option<f64>, want: f64) {
    assert!(is.is_some_and(|is| (is - want).abs() < 0.05), "{is:?}, not {want}");
}

#[test]
fn a_control_leg_waits_for_the_trigger_takes_as_long_and_injects_nothing() {
    for (order, leg_at, fault_at) in [(ControlOrder::Before, 2.0, 8.0), (ControlOrder::After, 8.0, 2.0)] {
        let bench = Bench::new().unwrap();
        let steady = json!({"type": "test_answer", "answer": true, "name": "serves"});
        let there = json!({"type": "test_file_exists", "path": bench.path("f"), "name": "alarm"});
        let result = controlled(&bench, order, &json!({"during": [steady], "detect": there}));
        let leg = result.control.as_deref().unwrap();
        assert_eq!((result.verdict, leg.order, &leg.reason), (Verdict::Held, order, &None), "{result:#?}");
        about(leg.began_seconds, leg_at);
        about(leg.ended_seconds, leg_at + 4.0);
        about(result.times.in_force_seconds, fault_at);
        // What proves that nothing was there is the file: the probe that found it beside the fault did not find it in the leg.
        let answers: Vec<_> = leg.probes.iter().map(|probe| (probe.name.as_str(), probe.answer)).collect();
        assert_eq!(answers, [("serves", Answer::Yes), ("alarm", Answer::No)]);
        assert_eq!(result.probes.iter().map(|probe| probe.answer).collect::<Vec<_>>(), [Answer::Yes, Answer::Yes]);
        assert!(result.success && !bench.path("f").exists());
    }
}

#[test]
fn a_system_that_is_not_steady_without_the_fault_makes_the_entry_inconclusive() {
    // Not steady while the leg goes on, and steady while the fault is in force.
    let rows =
        [(ControlOrder::Before, json!({"from": 5.0})), (ControlOrder::After, json!({"from": 0.0, "until": 7.0}))];
    for (order, when) in rows {
        let bench = Bench::new().unwrap();
        let mut serves = when;
        serves["type"] = json!("engine_between");
        serves["name"] = json!("serves");
        let result = controlled(&bench, order, &json!({"during": [serves]}));
        let reason = "the system was not steady without the fault: `serves`: not in its time";
        assert_eq!(result.verdict, Verdict::Inconclusive, "{result:#?}");
        assert_eq!(result.control.as_deref().unwrap().reason.as_deref(), Some(reason));
        match order {
            // Nothing is injected into a system that is not steady.
            ControlOrder::Before => {
                assert_eq!(result.error, Some(format!("nothing was injected: {reason}")));
                assert!(result.times.landing_seconds.is_none());
            }
            ControlOrder::After => assert!(result.probes[0].success && result.error.is_none()),
        }
    }
}

#[test]
fn a_failure_beside_the_fault_is_no_deviation_where_the_control_leg_fails_too() {
    let bench = Bench::new().unwrap();
    let never = json!({"type": "test_answer", "answer": false, "name": "serves"});
    let result = controlled(&bench, ControlOrder::After, &json!({"during": [never]}));
    assert!(!result.probes[0].success);
    assert_eq!(result.verdict, Verdict::Inconclusive);
}

#[test]
fn a_detection_without_the_fault_is_contradicted_and_never_a_pass() {
    // The alarm goes off by the clock, whether there is a fault or not; beside the fault it looks like a detection.
    let rows = [(ControlOrder::Before, json!({"from": 4.0})), (ControlOrder::After, json!({"from": 3.0}))];
    for (order, when) in rows {
        let bench = Bench::new().unwrap();
        let mut alarm = when;
        alarm["type"] = json!("engine_between");
        alarm["name"] = json!("alarm");
        let result = controlled(&bench, order, &json!({"detect": alarm}));
        assert_eq!(result.verdict, Verdict::Inconclusive, "{result:#?}");
        let reason = result.control.as_deref().unwrap().reason.as_deref().unwrap();
        assert!(
            reason.starts_with("detection contradicted: `detect` said yes without the fault, `alarm`: "),
            "{reason}"
        );
        // Without the leg it would have been a pass.
        let mut alone = entry(&bench, &json!({"detect": alarm}));
        alone["trigger"] = json!({"type": "engine_after", "seconds": 2});
        assert_eq!(bench.run(&alone).unwrap().verdict, Verdict::Held);
    }
}

#[test]
fn a_leg_that_does_not_run_to_its_end_leaves_nothing_shown() {
    let bench = Bench::new().unwrap();
    let stop = json!({"type": "engine_between", "from": 8.5, "name": "too much"});
    let result = controlled(&bench, ControlOrder::After, &json!({"abort_if": stop}));
    assert_eq!(result.verdict, Verdict::Inconclusive, "{result:#?}");
    let reason = result.control.as_deref().unwrap().reason.as_deref().unwrap();
    assert!(reason.contains("did not run to its end: abort_if `too much`: in its time"), "{reason}");
    // A fault of unknown length has no leg of the same length.
    let action = json!({"type": "engine_edges"});
    let entry = json!({"trigger": {"type": "test_now"}, "action": action, "control": true});
    let result = bench.run(&entry).unwrap().entries.remove(0);
    let error = result.error.unwrap();
    assert!(error.contains("`control` needs a fault whose length is known beforehand"), "{error}");
}

#[test]
fn a_control_leg_is_no_fault_to_the_loads_of_the_run_and_has_a_name_of_its_own() {
    let bench = Bench::new().unwrap();
    let mut entry = entry(&bench, &json!({"name": "pause", "control": true}));
    entry["trigger"] = json!({"type": "test_now"});
    let watcher = json!({"trigger": {"type": "test_now"}, "action": {"type": "engine_edges"}, "name": "watcher"});
    let mut task = Task::of(parse(&entry).unwrap());
    task.entries.push(parse(&watcher).unwrap());
    let report = bench.runner().build().unwrap().run(task).unwrap();
    let seen = &report.entries[1].output;
    let leg = "pause (control): landing, pause (control): in force, pause (control): leaving, pause (control): gone";
    assert!(seen.contains(&format!("{leg}, pause: landing, pause: in force")), "{seen}");
}
