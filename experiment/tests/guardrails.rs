//! A model inside the guardrails: budgets, claims, hostile calls, the transcript.
#![expect(clippy::unwrap_used, reason = "a test that can't be set up should stop at once")]

#[path = "support/simulated.rs"]
mod simulated;

use chaos_core::{
    Evidence, Fault, InjectContext, Injection, Outcome, Plan, PluginError, RunContext, Sighting, Span, Undo, Verdict,
    register_fault,
};
use chaos_experiment::{
    BudgetKind, ExperimentOutcome, ExperimentReport, ExperimentTranscript, html, offered_tools, text,
};
use chaos_schema::{KindHint, LoadOptions, check_value};
use chaos_test::Bench;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use simulated::{FAST, GENERATOR, SLOW, Script, run, spec, touch};

/// A message that asks for calls.
fn calls(calls: &[(&str, Value)]) -> Value {
    let calls: Vec<Value> = (0..)
        .zip(calls)
        .map(|(n, (tool, args))| {
            let arguments = if let Value::String(raw) = args { raw.clone() } else { args.to_string() };
            json!({"id": format!("c{n}"), "type": "function", "function": {"name": tool, "arguments": arguments}})
        })
        .collect();
    json!({"content": "I measure.", "tool_calls": calls})
}

fn load(qps: u64) -> Value {
    json!({"target": {"service_url": "http://127.0.0.1:8001/", "qps": qps, "duration": "2s", "concurrency": 8}})
}

fn conclude(answer: &str, claims: &Value) -> (&'static str, Value) {
    ("conclude", json!({"answer": answer, "claims": claims, "confidence": "high", "not_tested": ["a restart"]}))
}

fn talk(bench: &Bench, more: &Value, messages: Vec<Value>) -> ExperimentReport {
    run(bench, 1, spec(8001, "how much can it take", more), Some(Script(messages)))
}

#[test]
fn claims_stand_beside_what_was_measured() {
    let bench = Bench::new().unwrap();
    let first = talk(&bench, &json!({}), vec![calls(&[("load", load(100)), ("load", load(200))])]);
    let p50 = first.steps[1].measures["response_p50_ms"];
    assert_eq!(first.exit_code(), 2, "a model that only stops has not concluded");
    let claims = json!([
        {"measure": "response_p50_ms", "value": p50, "unit": "ms", "steps": [2]},
        {"measure": "response_p50_ms", "value": p50 * 1.1, "unit": "ms", "steps": [2]},
        {"measure": "error_ratio", "value": 0, "unit": "ratio", "steps": []},
    ]);
    let answer = format!("The median is {p50:.1} ms and p99 is 777 ms.");
    let ends = calls(&[conclude(&answer, &claims)]);
    let loads = calls(&[("load", load(100)), ("load", load(200)), ("results", json!(""))]);
    let report = talk(&bench, &json!({}), vec![loads, ends.clone(), ends]);
    let standing: Vec<bool> = report.claims.iter().map(|claim| claim.supported).collect();
    assert_eq!((standing, report.outcome), (vec![true, false, false], ExperimentOutcome::Answered), "{:?}", report.why);
    assert!((report.claims[1].measured.unwrap() / p50 - 1.0).abs() < 1e-9);
    let said = report.said.clone().unwrap();
    assert!(said.contains("[777 ms: not measured]") && !said.contains(&format!("[{p50:.1} ms")), "{said}");
    let text = text(&report);
    assert!(text.contains("unsupported  error_ratio = 0 ratio (steps ); not measured; it cites no step"), "{text}");
}

#[test]
fn a_wrong_claim_is_sent_back_once_and_can_be_corrected() {
    let bench = Bench::new().unwrap();
    let claim = |value: f64| json!([{"measure": "target_qps", "value": value, "unit": "qps", "steps": [1]}]);
    let report = talk(
        &bench,
        &json!({}),
        vec![
            calls(&[("load", load(100)), conclude("a", &claim(150.0))]),
            calls(&[conclude("b", &claim(100.0)), ("load", load(100))]),
        ],
    );
    assert!(report.claims[0].supported && report.said.as_deref() == Some("b"), "{report:?}");
    assert_eq!(report.steps.len(), 1, "nothing is done behind a conclusion");
}

#[test]
fn each_budget_ends_the_experiment_and_is_named() {
    let endless = || (0..60).map(|_| calls(&[("load", load(100))])).collect::<Vec<_>>();
    let rows = [
        (json!({"steps": 3}), BudgetKind::Steps),
        (json!({"requests": 400}), BudgetKind::Requests),
        (json!({"fault_seconds": 4}), BudgetKind::FaultSeconds),
        (json!({"wall_seconds": 5}), BudgetKind::WallSeconds),
        (json!({"turns": 4}), BudgetKind::Turns),
    ];
    for (budget, kind) in rows {
        let bench = Bench::new().unwrap();
        let report = talk(&bench, &json!({"budget": budget}), endless());
        assert_eq!((report.ran_out, report.exit_code()), (Some(kind), 2), "{budget}: {:?}", report.why);
        assert!(text(&report).contains(&format!("the budget `{kind}` ran out")));
        assert!(report.spent.steps <= report.budget.steps.get());
        assert!(report.spent.requests <= u64::from(report.budget.requests.get()));
        assert!(report.spent.fault_seconds <= report.budget.fault_seconds.get().as_secs_f64() + 1.0);
        assert!(report.spent.wall_seconds <= report.budget.wall_seconds.get().as_secs_f64() + 1.0);
        assert_eq!(bench.journals_left(), 0);
    }
}

#[test]
fn a_strategy_without_a_model_is_ended_by_each_budget_too() {
    let rows = [
        (json!({"steps": 3}), BudgetKind::Steps),
        (json!({"requests": 900}), BudgetKind::Requests),
        (json!({"fault_seconds": 20}), BudgetKind::FaultSeconds),
        (json!({"wall_seconds": 20}), BudgetKind::WallSeconds),
    ];
    for (budget, kind) in rows {
        let bench = Bench::new().unwrap();
        let report = run(&bench, 1, spec(8001, "how much", &json!({"budget": budget})), None);
        assert_eq!((report.ran_out, report.exit_code()), (Some(kind), 2), "{budget}: {:?}", report.why);
        assert!(!report.findings.is_empty() && !report.steps.is_empty(), "what was found is kept");
    }
}

#[test]
fn hostile_calls_are_refused_and_the_experiment_still_ends_with_a_report() {
    let url = |url: &str| json!({"target": {"service_url": url, "qps": 10, "duration": "1s"}});
    let with = |key: &str, value: Value| {
        let mut node = load(10);
        node["target"][key] = value;
        node
    };
    let hostile = [
        ("load", url("http://127.0.0.2:8001/")),
        ("load", url("http://127.0.0.1:8002/")),
        ("load", url("http://[::1]:8001/")),
        ("load", url("http://evil.example/")),
        ("load", url("http://2130706433:8001/")),
        ("load", with("qps", json!(0))),
        ("load", with("qps", json!(-5))),
        ("load", with("qps", json!(1e300))),
        ("load", with("qps", json!(4_294_967_295_u64))),
        ("load", with("duration", json!("999999999s"))),
        ("load", with("concurrency", json!(4_294_967_295_u64))),
        ("load", json!("{\"target\": NaN}")),
        ("load", json!("")),
        ("test_touch_file", touch(std::path::Path::new("/nowhere"))),
        ("run_command", json!({"argv": ["id"]})),
        ("observe", json!({"probe": {"type": "command", "argv": ["id"]}})),
        ("observe", json!({"probe": "x".repeat(1 << 20)})),
        ("capacity", json!({"max_qps": 4_294_967_296_u64})),
        ("repeat", json!({"runs": 1000})),
        ("compare", json!({"fault": {"type": "test_touch_file", "path": "/nowhere", "misbehave": "no"}})),
    ];
    for (tool, args) in hostile {
        let bench = Bench::new().unwrap();
        let report = talk(&bench, &json!({}), vec![calls(&[(tool, args.clone())])]);
        let shown: String = args.to_string().chars().take(100).collect();
        assert!(report.steps.iter().all(|step| step.kind != "test_touch_file"), "{tool} {shown}");
        assert!(report.steps.is_empty() || tool == "compare", "{tool} {shown}: {:?}", report.steps);
        assert_eq!((report.outcome, report.complete), (ExperimentOutcome::Inconclusive, true), "{tool} {shown}");
    }
}

#[test]
fn a_pinned_fault_can_be_used_only_as_it_is_written() {
    let bench = Bench::new().unwrap();
    let pinned = touch(&bench.path(SLOW));
    let more = json!({"fault": pinned});
    let other = json!({"path": bench.path("other"), "misbehave": "no", "duration_seconds": 1});
    let mine = json!({"path": bench.path(SLOW), "misbehave": "no", "duration_seconds": 1});
    let report = talk(&bench, &more, vec![calls(&[("test_touch_file", other), ("test_touch_file", mine)])]);
    assert_eq!((report.steps.len(), report.refused.len()), (1, 1), "{:?}", report.refused);
    assert_eq!(report.steps[0].state, Verdict::Unchecked.word());
    assert!(report.refused[0].why.contains("only as the experiment writes it"));
}

/// Does nothing to a process that its author names.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct OfProcess {
    /// The process.
    #[schemars(extend("x-author-only" = true))]
    pid: u32,
}

impl Fault for OfProcess {
    const SPAN: Span = Span::Finite;

    async fn plan(&self, _cx: &RunContext) -> Result<Plan, PluginError> {
        Ok(Plan::new("look at a process"))
    }

    async fn inject(&self, _cx: &InjectContext, _undo: &Undo) -> Result<Injection, PluginError> {
        Ok(Injection::Finished(Outcome::landed(Evidence::new("looked"))))
    }

    async fn witness(&self, _cx: &RunContext) -> Sighting {
        Sighting::unknown("its evidence is in its outcome")
    }
}

register_fault!(OfProcess, "test_of_process");

#[test]
fn a_fault_of_a_process_is_offered_only_where_the_author_names_the_process() {
    let named = json!({"allow": ["load", "test_of_process"]});
    let document = json!({"goal": "how much", "target": "http://127.0.0.1:8001/", "allow": ["test_of_process"]});
    let told = check_value(&document, "e", &LoadOptions::of(KindHint::Experiment)).diagnostics;
    assert_eq!(told[0].pointer, "/allow/0");
    assert!(told[0].message.contains("`test_of_process`") && told[0].message.contains("`pid`"), "{}", told[0].message);
    let is_offered = |more: &Value| {
        let tools = offered_tools(&spec(8001, "how much", more));
        tools.into_iter().find(|tool| tool.name == "test_of_process").map(|tool| tool.parameters)
    };
    assert_eq!(is_offered(&named), None);
    let pinned = json!({"fault": {"type": "test_of_process", "pid": 7}});
    let parameters = is_offered(&pinned).unwrap();
    assert!(!parameters.to_string().contains("pid"), "{parameters}");

    let free = json!({"fault": {"type": "test_of_process", "pid": 8}});
    let hostile = || {
        vec![calls(&[
            ("test_of_process", json!({"pid": 8})),
            ("compare", free.clone()),
            ("load", json!({"type": "test_of_process", "pid": 8})),
            ("test_of_process", json!({})),
        ])]
    };
    for (more, steps) in [(named, 0), (pinned, 1)] {
        let bench = Bench::new().unwrap();
        let report = talk(&bench, &more, hostile());
        let used: Vec<_> = report.steps.iter().filter(|step| step.kind == "test_of_process").collect();
        assert_eq!(used.len(), steps, "{:?}", report.steps);
        let transcript = std::fs::read_to_string(report.transcript().unwrap()).unwrap();
        let started = transcript.lines().filter(|line| line.contains("\"started\""));
        assert!(started.clone().all(|line| !line.contains("\"pid\":8")), "{transcript}");
        assert_eq!(started.filter(|line| line.contains("\"pid\":7")).count(), steps, "{transcript}");
    }
}

#[test]
fn a_conclusion_without_work_is_no_answer() {
    let bench = Bench::new().unwrap();
    let report = talk(&bench, &json!({}), vec![calls(&[conclude("It takes 5000 qps, trust me.", &json!([]))])]);
    assert_eq!(report.outcome, ExperimentOutcome::Inconclusive);
    assert_eq!(report.said.as_deref(), Some("It takes [5000 qps: not measured], trust me."));
}

#[test]
fn a_replay_gives_the_same_report_and_a_cut_off_transcript_a_partial_one() {
    let bench = Bench::new().unwrap();
    let report = run(&bench, 1, spec(FAST, "how much", &json!({"load": {"max_qps": 900}})), None);
    assert!(report.steps.iter().any(|step| step.measures["achieved_qps"] > GENERATOR / 4.0));
    let bytes = std::fs::read(report.transcript().unwrap()).unwrap();
    let again = ExperimentReport::of(&ExperimentTranscript::parse(&bytes).unwrap());
    assert_eq!((text(&report), html(&report)), (text(&again), html(&again)));
    assert_eq!(serde_json::to_string(&report).unwrap(), serde_json::to_string(&again).unwrap());
    let ends: Vec<usize> = (0..bytes.len()).filter(|at| bytes[*at] == b'\n').collect();
    for cut in [ends[0] + 1, ends[1] + 40, ends[2] + 1, ends[4] + 7, bytes.len() - 3] {
        let partial = ExperimentReport::of(&ExperimentTranscript::parse(&bytes[..cut]).unwrap());
        assert_eq!((partial.outcome, partial.complete), (ExperimentOutcome::Inconclusive, false), "{cut}");
        assert!(partial.why.as_ref().unwrap().starts_with("it was cut off"), "{:?}", partial.why);
        assert!(html(&partial).ends_with("</main></body></html>\n"));
    }
}

#[test]
fn what_a_model_writes_can_not_become_a_tag() {
    let bench = Bench::new().unwrap();
    let claims = json!([{"measure": "<script>alert(1)</script>", "value": 1, "unit": "\"><img>", "steps": [1]}]);
    let ends = calls(&[conclude("<script>x</script>", &claims)]);
    let page = html(&talk(&bench, &json!({}), vec![ends.clone(), ends]));
    assert!(!page.contains("<script") && !page.contains("<img"), "{page}");
}

#[test]
fn the_two_steps_of_a_pair_fit_into_the_budget_together_or_not_at_all() {
    let bench = Bench::new().unwrap();
    let more = json!({"fault": touch(&bench.path(SLOW)), "budget": {"steps": 4}, "load": {"qps": 50}});
    let report = run(&bench, 1, spec(8001, "compare", &more), None);
    assert_eq!(report.ran_out, Some(BudgetKind::Steps));
    assert!(report.spent.steps <= 4, "{}", report.spent.steps);
}
