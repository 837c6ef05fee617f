//! Budgets of `squall experiment`: each, run out, ends it and is named; those that are none are refused.

#![cfg(feature = "full")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::net::TcpListener;
use std::process::Output;
use std::time::Duration;

use serde_json::{Value, json};
use squall::chaos_load::target::{Behaviour, Target, serve};
use tempfile::TempDir;

#[path = "../../agent/tests/support/aimock.rs"]
#[expect(dead_code, reason = "the server's own journal is of no use here")]
mod aimock;
#[path = "support/experiment.rs"]
mod experiment;
#[path = "support/shell.rs"]
#[expect(dead_code, reason = "an experiment needs no task file")]
mod shell;

use aimock::{Aimock, Conversation};
use experiment::{TRANSCRIPT, experiment, planned_by, replay, replayed};
use shell::{journals, place, report};

/// Time before an answer that comes too late.
const SLOW: Duration = Duration::from_secs(15);
/// Turns that a model has something to say.
const TURNS: usize = 6;

fn service() -> Target {
    serve(([127, 0, 0, 1], 0).into(), Behaviour::new()).unwrap()
}

/// The experiment ended because this budget ran out, says so in every form, and left nothing behind.
fn ran_out(place: &TempDir, service: &Target, budget: &str, output: &Output) -> Value {
    let (key, limit) = budget.split_once('=').unwrap();
    let (report, code) = report(output);
    let why = format!("the budget `{key}` ran out");
    assert_eq!((code, &report["outcome"]), (2, &json!("inconclusive")), "{budget}: {report:#}");
    assert_eq!((&report["ran_out"], &report["why"]), (&json!(key), &json!(why)), "{budget}: {report:#}");
    assert_eq!(report["complete"], true, "{budget}");
    assert_eq!(report["budget"][key].as_f64(), limit.parse().ok(), "{budget}: the budget that was asked for");
    assert_eq!(replayed(place), (report.clone(), 2), "{budget}");
    let text = String::from_utf8(replay(place, &["--report", "page.html"]).stdout).unwrap();
    assert!(text.ends_with(&format!("outcome: inconclusive ({why})\n")), "{budget}: {text}");
    let page = fs::read_to_string(place.path().join("page.html")).unwrap();
    assert!(page.contains(&format!("<strong>inconclusive</strong> · {why}</p>")), "{budget}");
    // What was counted is what came to pass, and within the limit.
    let spent = &report["spent"];
    assert_eq!(spent["steps"], report["steps"].as_array().unwrap().len(), "{budget}");
    assert_eq!(spent["requests"], service.requests(), "{budget}");
    for counted in ["steps", "requests"] {
        assert!(spent[counted].as_u64() <= report["budget"][counted].as_u64(), "{budget}: {spent}");
    }
    assert_eq!(journals(place), 0, "{budget}");
    report
}

/// A run of a strategy: 21 requests in 201 ms.
const RUN: [[&str; 2]; 2] = [["--load", "qps=100"], ["--load", "seconds=0.2"]];

/// Offline, and how many runs each budget allows; `None` where the clock says.
const OFFLINE: [(&str, Option<usize>); 5] = [
    ("steps=2", Some(2)),
    ("steps=1", Some(1)),
    ("requests=5", Some(0)),
    ("fault_seconds=0.15", Some(0)),
    ("wall_seconds=1.5", None),
];

#[test]
fn without_a_model_each_budget_that_runs_out_ends_the_experiment_and_is_named() {
    for (budget, runs) in OFFLINE {
        let (place, service) = (place(), service());
        let fixed = ["--offline", "--strategy", "repeat", "--runs", "50", "--budget", budget, "--format", "json"];
        let output = experiment(&place, &service.url(), &[&fixed[..], RUN.as_flattened()].concat()).output().unwrap();
        let report = ran_out(&place, &service, budget, &output);
        let made = report["steps"].as_array().unwrap().len();
        assert!(runs.is_none_or(|runs| runs == made), "{budget}: {made} runs");
    }
}

#[test]
fn single_requests_between_two_runs_keep_to_the_budget_and_what_was_found_by_then_is_told() {
    let (place, budget) = (place(), "requests=30");
    // Slower than an unknown target may be without load: it is checked again and again between two runs.
    let service = serve(([127, 0, 0, 1], 0).into(), Behaviour::new().delay(Duration::from_millis(400))).unwrap();
    let fixed = ["--offline", "--strategy", "repeat", "--slo", "p50<1ms", "--budget", budget, "--format", "json"];
    let output = experiment(&place, &service.url(), &[&fixed[..], RUN.as_flattened()].concat()).output().unwrap();
    let report = ran_out(&place, &service, budget, &output);
    let found = &report["findings"][0];
    assert_eq!((&found["strategy"], found["points"].as_array().unwrap().len()), (&json!("repeat"), 1), "{report:#}");
}

/// A model that never concludes: six turns with three loads each of 20 requests in 200 ms.
fn endless(url: &str) -> Conversation {
    let load = json!({"target": {"service_url": url, "qps": 100, "duration": "200ms"}}).to_string();
    (0..TURNS).fold(Conversation::default(), |so_far, _| so_far.asks(None, &[("load", load.as_str()); 3]))
}

/// With the steps that each budget allows; `None` where the clock says.
const BY_A_MODEL: [(&str, Option<usize>); 8] = [
    ("steps=2", Some(2)),
    ("requests=50", Some(2)),
    ("requests=40", Some(2)),
    ("fault_seconds=0.15", Some(0)),
    ("turns=2", Some(3)),
    ("turns=1", Some(0)),
    ("tokens=10", Some(0)),
    ("wall_seconds=1.5", None),
];

#[test]
fn with_a_model_each_budget_that_runs_out_ends_the_experiment_and_is_named() {
    for (budget, steps) in BY_A_MODEL {
        let (place, service) = (place(), service());
        let Some(server) = Aimock::start(&endless(&service.url())) else { return };
        let asked = experiment(&place, &service.url(), &["--budget", budget, "--format", "json"]);
        let output = planned_by(&server.base_url(), asked).output().unwrap();
        let report = ran_out(&place, &service, budget, &output);
        let made = report["steps"].as_array().unwrap().len();
        assert!(steps.is_none_or(|steps| steps == made), "{budget}: {made} steps");
        assert!(made < 3 * TURNS, "{budget}: the model said all that it had to say");
    }
}

#[test]
fn a_load_that_the_wall_cuts_off_is_on_the_record() {
    // The last answers come after the wall.
    let (place, service) = (place(), serve(([127, 0, 0, 1], 0).into(), Behaviour::new().delay(SLOW)).unwrap());
    let load = json!({"target": {"service_url": service.url(), "qps": 20, "duration": "500ms"}}).to_string();
    let conversation = Conversation::default().asks(None, &[("load", &load)]).says("one word too many");
    let Some(server) = Aimock::start(&conversation) else { return };
    let asked = experiment(&place, &service.url(), &["--budget", "wall_seconds=5", "--format", "json"]);
    let output = planned_by(&server.base_url(), asked).output().unwrap();
    let report = ran_out(&place, &service, "wall_seconds=5", &output);
    assert_eq!(report["steps"].as_array().unwrap().len(), 1, "{report:#}");
}

#[test]
fn a_model_that_never_answers_is_not_waited_for_beyond_the_wall() {
    let (place, service) = (place(), service());
    // Connections wait in its backlog for good.
    let silent = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let base_url = format!("http://{}/v1", silent.local_addr().unwrap());
    let asked = experiment(&place, &service.url(), &["--budget", "wall_seconds=0.5", "--format", "json"]);
    let output = planned_by(&base_url, asked).output().unwrap();
    ran_out(&place, &service, "wall_seconds=0.5", &output);
}

/// What is typed, the exit code, and the one sentence.
const REFUSED: [(&str, i32, &str); 16] = [
    ("steps=0", 65, "error[out-of-bounds]: `steps` must be at least 1"),
    ("requests=-1", 65, "error[out-of-bounds]: `requests` must be at least 1"),
    ("turns=4294967296", 65, "error[out-of-bounds]: `turns` must be at most 4294967295"),
    ("tokens=1e99", 65, "error[out-of-bounds]: `tokens` must be at most 4294967295"),
    ("steps=1.5", 65, "error[wrong-type]: `steps` must be an integer, not a number with a fraction"),
    ("wall_seconds=0", 65, "error[out-of-bounds]: `wall_seconds` must be at least 0.001"),
    ("wall_seconds=-3", 65, "error[out-of-bounds]: `wall_seconds` must be at least 0.001"),
    ("fault_seconds=1e9", 65, "error[out-of-bounds]: `fault_seconds` must be at most 86400.0"),
    ("stepz=3", 65, "error[unknown-key]: unknown key `stepz`"),
    ("requests=NaN", 64, "invalid setting `requests=NaN`: expected `KEY=NUMBER`"),
    ("=NaN", 64, "invalid setting `=NaN`: expected `KEY=NUMBER`"),
    ("wall_seconds=inf", 64, "invalid setting `wall_seconds=inf`: expected `KEY=NUMBER`"),
    ("wall_seconds=1e999", 64, "invalid setting `wall_seconds=1e999`: expected `KEY=NUMBER`"),
    ("tokens=many", 64, "invalid setting `tokens=many`: expected `KEY=NUMBER`"),
    ("steps=", 64, "invalid setting `steps=`: expected `KEY=NUMBER`"),
    ("steps", 64, "invalid setting `steps`: expected `KEY=NUMBER`"),
];

#[test]
fn a_budget_that_is_none_is_refused_in_one_sentence_before_anything_is_done() {
    let (place, service) = (place(), service());
    for (budget, code, sentence) in REFUSED {
        let output = experiment(&place, &service.url(), &["--offline", "--budget", budget]).output().unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{budget}: {told}");
        let first = told.lines().next().unwrap();
        assert!(first.ends_with(sentence), "{budget}: {told}");
        assert_eq!(told.matches("error").count(), 1, "{budget}: {told}");
        assert_eq!(String::from_utf8(output.stdout).unwrap(), "", "{budget}");
    }
    assert!(!place.path().join(TRANSCRIPT).exists());
    assert_eq!((service.requests(), service.connections()), (0, 0));
}

#[test]
fn a_budget_that_is_given_twice_is_refused() {
    let place = place();
    let output = experiment(&place, "http://127.0.0.1:1/", &["--budget", "steps=3", "--budget", "steps=300"]).output();
    let output = output.unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(64), "{told}");
    assert!(told.contains("`--budget steps=…` is given twice; give it once"), "{told}");
}

#[test]
fn an_unknown_budget_is_told_what_is_known() {
    let place = place();
    let output = experiment(&place, "http://127.0.0.1:1/", &["--budget", "stepz=3"]).output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    let want = "did you mean `steps`? known: fault_seconds, requests, steps, tokens, turns, wall_seconds";
    assert!(told.contains(want), "{told}");
}
