//! `squall experiment` with a model behind an OpenAI-compatible server of a third party.

#![cfg(feature = "full")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::process::Output;
use std::time::Duration;

use serde_json::{Value, json};
use squall::chaos_load::target::{Behaviour, Target, serve};
use tempfile::TempDir;

#[path = "../../agent/tests/support/aimock.rs"]
mod aimock;
#[path = "support/experiment.rs"]
mod experiment;
#[path = "../../agent/tests/support/raw_server.rs"]
mod raw_server;
#[path = "support/shell.rs"]
mod shell;

use aimock::{Aimock, Conversation};
use experiment::{TRANSCRIPT, experiment, planned_by, replay};
use raw_server::{RawServer, completion};
use shell::{journals, place, report, squall};

/// What every refusal of a conclusion begins with.
const SENT_BACK: &str = "Error: the records do not support these claims";
const PAGE: &str = "report.html";

/// Slow enough that what a busy machine adds breaks no SLO.
fn service() -> Target {
    serve(([127, 0, 0, 1], 0).into(), Behaviour::new().delay(Duration::from_millis(200))).unwrap()
}

/// Arguments of a load of half a second: its requests are a product, not a measurement.
fn load(url: &str, qps: u32) -> String {
    json!({"target": {"service_url": url, "qps": qps, "duration": "500ms", "concurrency": 32}}).to_string()
}

fn claim(measure: &str, value: f64, unit: &str, steps: &[u32]) -> Value {
    json!({"measure": measure, "value": value, "unit": unit, "steps": steps})
}

fn conclusion(claims: &[Value]) -> String {
    json!({"answer": "It answered.", "claims": claims, "confidence": "high", "not_tested": ["other paths"]}).to_string()
}

/// One that is right, one that is wrong by 10 % (25 requests were made), one that nothing supports.
fn three_claims() -> String {
    conclusion(&[
        claim("requests", 50.0, "1", &[1]),
        claim("started", 27.5, "1", &[2]),
        claim("response_p99_ms", 12.0, "ms", &[]),
    ])
}

/// Seven steps, then the same three claims twice; a word after that would be one too many.
fn seven_steps(url: &str) -> Conversation {
    let observe = json!({"probe": {"type": "http", "url": url}}).to_string();
    let repeat = json!({"qps": 50, "seconds": 0.3, "runs": 3}).to_string();
    Conversation::default()
        .asks(Some("First a load by itself."), &[("load", &load(url, 100))])
        .asks(None, &[("load", &load(url, 50)), ("observe", &observe), ("results", "")])
        .fails(429, "slow down", None)
        .asks(None, &[("repeat", &repeat)])
        .asks(Some("Once more."), &[("load", &load(url, 40)), ("results", "")])
        .asks(None, &[("conclude", &three_claims())])
        .asks(None, &[("conclude", &three_claims())])
        .says("one word too many")
}

/// An experiment that has ended, and its server and service with it.
struct Held {
    place: TempDir,
    output: Output,
    page: String,
    journal: Vec<Value>,
    statuses: Vec<u64>,
    requests: u64,
}

impl Held {
    fn by(conversation: impl FnOnce(&str) -> Conversation, format: &str) -> Option<Self> {
        let (place, service) = (place(), service());
        let url = service.url();
        let server = Aimock::start(&conversation(&url))?;
        let more = ["--report", PAGE, "--format", format];
        let output = planned_by(&server.base_url(), experiment(&place, &url, &more)).output().unwrap();
        let page = fs::read_to_string(place.path().join(PAGE))
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
        let (journal, statuses) = (server.journal(), server.statuses());
        Some(Self { place, output, page, journal, statuses, requests: service.requests() })
    }

    /// What tools answered, in order, as the model last read it.
    fn answers(&self) -> Vec<&str> {
        tool_answers(&self.journal.last().unwrap()["body"])
    }

    /// A replay prints and writes what the experiment did.
    fn replays(&self, format: &str) {
        let again = replay(&self.place, &["--format", format, "--report", "again.html"]);
        assert_eq!(again.status.code(), self.output.status.code(), "{again:?}");
        if format == "json" {
            // What is masked comes with its keys sorted, and a replay has no key of a model to mask.
            let read = |output: &Output| serde_json::from_slice::<Value>(&output.stdout).unwrap();
            assert_eq!(read(&again), read(&self.output));
        } else {
            assert_eq!(String::from_utf8_lossy(&again.stdout), String::from_utf8_lossy(&self.output.stdout));
        }
        assert_eq!(fs::read_to_string(self.place.path().join("again.html")).unwrap(), self.page);
    }
}

fn tool_answers(body: &Value) -> Vec<&str> {
    let messages = body["messages"].as_array().unwrap();
    messages.iter().filter(|message| message["role"] == "tool").map(|said| said["content"].as_str().unwrap()).collect()
}

#[test]
fn of_three_claims_one_is_supported_in_json_and_page_and_a_replay_says_the_same() {
    let Some(held) = Held::by(seven_steps, "json") else { return };
    let (report, _) = report(&held.output);
    // The outcome does not matter here: whether the SLOs held in `repeat` is the machine's to say.
    assert_eq!((&report["complete"], &report["ran_out"]), (&json!(true), &Value::Null), "{report:#}");
    let steps: Vec<&str> = report["steps"].as_array().unwrap().iter().map(|s| s["kind"].as_str().unwrap()).collect();
    let load = "load";
    assert_eq!(steps, [load, load, "http", load, load, load, load]);
    assert_eq!(report["said"], "It answered.");

    let claims = report["claims"].as_array().unwrap();
    let shown = |at: usize| (&claims[at]["supported"], &claims[at]["measured"], &claims[at]["why"]);
    assert_eq!(claims.len(), 3);
    assert_eq!(shown(0), (&json!(true), &json!(50.0), &json!("")));
    assert_eq!(shown(1), (&json!(false), &json!(25.0), &json!("the evidence gives another figure")));
    assert_eq!(shown(2), (&json!(false), &Value::Null, &json!("it cites no step")));
    let rows = [
        "<tr><td>requests = 50 1</td><td>1</td><td>50</td><td><b class=\"good\">supported</b></td></tr>",
        "<tr><td>started = 27.5 1</td><td>2</td><td>25</td><td><b class=\"bad\">unsupported</b> · the evidence gives \
         another figure</td></tr>",
        "<tr><td>response_p99_ms = 12 ms</td><td></td><td>not measured</td><td><b class=\"bad\">unsupported</b> · it cites \
         no step</td></tr>",
    ];
    for row in rows {
        assert!(held.page.contains(row), "no {row} in {}", held.page);
    }
    held.replays("json");
    assert_eq!(journals(&held.place), 0);
}

#[test]
fn of_three_claims_one_is_supported_in_text_and_a_replay_says_the_same() {
    let Some(held) = Held::by(seven_steps, "text") else { return };
    let text = String::from_utf8_lossy(&held.output.stdout);
    let want = "\nclaims:\n  supported    requests = 50 1 (steps 1); measured: 50\n  \
                unsupported  started = 27.5 1 (steps 2); measured: 25; the evidence gives another figure\n  \
                unsupported  response_p99_ms = 12 ms (steps ); not measured; it cites no step\n";
    assert!(text.contains(want), "{text}");
    held.replays("text");
}

#[test]
fn a_wrong_claim_is_sent_back_once_and_not_twice() {
    let Some(held) = Held::by(seven_steps, "json") else { return };
    assert_eq!(
        held.statuses,
        [200, 200, 429, 200, 200, 200, 200],
        "the model is not asked after the second conclusion"
    );
    let answers = held.answers();
    let tables = answers.iter().filter(|answer| answer.starts_with("step label")).count();
    assert_eq!(tables, 2, "empty arguments are none: {answers:#?}");
    let back: Vec<&&str> = answers.iter().filter(|answer| answer.starts_with(SENT_BACK)).collect();
    let [back] = back[..] else { panic!("sent back {} times: {answers:#?}", back.len()) };
    let lines: Vec<&str> = back.lines().skip(1).collect();
    let want = [
        "- started = 27.5 1: the evidence gives another figure; measured: 25",
        "- response_p99_ms = 12 ms: it cites no step",
    ];
    assert_eq!(lines, want, "both wrong ones, with the right figure, and not the right one");
    let (report, _) = report(&held.output);
    assert_eq!(report["spent"]["turns"], 6);
}

#[test]
fn a_model_that_corrects_itself_has_no_unsupported_claim() {
    let conversation = |url: &str| {
        let right = conclusion(&[claim("started", 50.0, "1", &[1]), claim("target_qps", 100.0, "qps", &[1])]);
        let wrong = conclusion(&[claim("started", 55.0, "1", &[1]), claim("target_qps", 100.0, "qps", &[1])]);
        Conversation::default()
            .asks(None, &[("load", &load(url, 100))])
            .asks(None, &[("conclude", &wrong)])
            .asks(None, &[("conclude", &right)])
            .says("one word too many")
    };
    let Some(held) = Held::by(conversation, "json") else { return };
    let (report, code) = report(&held.output);
    let supported: Vec<&Value> = report["claims"].as_array().unwrap().iter().map(|claim| &claim["supported"]).collect();
    assert_eq!((code, supported), (0, vec![&json!(true); 2]), "{report:#}");
    assert_eq!(report["claims"][0]["claim"]["value"], 50.0);
    assert_eq!((held.requests, held.statuses.len()), (50, 3));
}

#[test]
fn a_conclusion_is_an_answer_where_one_claim_is_supported_and_none_where_none_is() {
    let (right, wrong) = (claim("target_qps", 100.0, "qps", &[1]), claim("started", 55.0, "1", &[1]));
    let rows = [
        (vec![right, wrong.clone()], 0, "answered", Value::Null),
        (vec![wrong], 2, "inconclusive", json!("no claim of the conclusion is supported")),
    ];
    for (claims, code, outcome, why) in rows {
        let conversation = |url: &str| {
            let claims = conclusion(&claims);
            let load = load(url, 100);
            let so_far = Conversation::default().asks(None, &[("load", &load)]);
            so_far.asks(None, &[("conclude", &claims)]).asks(None, &[("conclude", &claims)])
        };
        let Some(held) = Held::by(conversation, "json") else { return };
        let (report, exit) = report(&held.output);
        assert_eq!((exit, &report["outcome"], &report["why"]), (code, &json!(outcome), &why), "{report:#}");
    }
}

/// A call as a vendor writes it.
type Call = fn(usize, &str, &str) -> Value;

/// A vendor's way to ask for tools: what stands beside the calls, and each call.
struct Dialect {
    name: &'static str,
    beside: Value,
    call: Call,
    /// Arguments of a tool that has none.
    none: &'static str,
}

fn dialects() -> [Dialect; 4] {
    [
        Dialect {
            name: "content null, ids, empty arguments",
            beside: json!({"role": "assistant", "content": null, "refusal": null}),
            call: |at, tool, args| json!({"id": format!("call_{at}"), "type": "function", "function": {"name": tool, "arguments": args}}),
            none: "",
        },
        Dialect {
            name: "no content, empty ids, a signature",
            beside: json!({"role": "assistant"}),
            call: |_, tool, args| {
                json!({"id": "", "type": "function", "function": {"name": tool, "arguments": args},
                    "extra_content": {"signature": "opaque"}})
            },
            none: "{}",
        },
        Dialect {
            name: "parts beside calls without ids and types",
            beside: json!({"role": "assistant", "content": [
                {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]},
                {"type": "text", "text": "Let me look."}]}),
            call: |_, tool, args| json!({"function": {"name": tool, "arguments": args}}),
            none: "null",
        },
        Dialect {
            name: "reasoning and text beside calls with an index and an object",
            beside: json!({"role": "assistant", "content": "Let me look.", "reasoning_content": "hm"}),
            call: |at, tool, args| {
                let args = serde_json::from_str(args).unwrap_or_else(|_| json!(args));
                json!({"index": at, "id": "call_same", "type": "function",
                    "function": {"name": tool, "arguments": args}})
            },
            none: "",
        },
    ]
}

impl Dialect {
    fn turn(&self, calls: &[(&str, &str)]) -> String {
        let calls = calls.iter().enumerate().map(|(at, (tool, args))| (self.call)(at, tool, args));
        let mut message = self.beside.clone();
        message["tool_calls"] = calls.collect();
        completion(&message)
    }
}

#[test]
fn every_dialect_of_tool_calls_makes_the_same_experiment() {
    for dialect in dialects() {
        let (place, service) = (place(), service());
        let (url, name) = (service.url(), dialect.name);
        let claims = conclusion(&[claim("started", 50.0, "1", &[1]), claim("started", 20.0, "1", &[2])]);
        let server = RawServer::start(vec![
            dialect.turn(&[("load", &load(&url, 100)), ("results", dialect.none), ("load", &load(&url, 40))]),
            dialect.turn(&[("results", dialect.none)]),
            dialect.turn(&[("conclude", &claims)]),
        ]);
        let asked = experiment(&place, &url, &["--format", "json"]);
        let (report, code) = report(&planned_by(&server.base_url(), asked).output().unwrap());
        let supported: Vec<&Value> =
            report["claims"].as_array().unwrap().iter().map(|claim| &claim["supported"]).collect();
        assert_eq!((code, supported), (0, vec![&json!(true); 2]), "{name}: {report:#}");
        assert_eq!(service.requests(), 70, "{name}");

        // Each call is answered once, under an id of its own, in the order in which they were asked.
        let last = &server.bodies()[2];
        let messages = last["messages"].as_array().unwrap();
        let calls = messages.iter().flat_map(|message| message["tool_calls"].as_array().into_iter().flatten());
        let mut asked: Vec<&str> = calls.map(|call| call["id"].as_str().unwrap()).collect();
        let answered = messages.iter().filter(|message| message["role"] == "tool");
        let answered: Vec<&str> = answered.map(|message| message["tool_call_id"].as_str().unwrap()).collect();
        assert_eq!(asked, answered, "{name}");
        let answers = tool_answers(last);
        assert!(answers[0].starts_with("step 1:") && answers[2].starts_with("step 2:"), "{name}: {answers:#?}");
        for (table, rows) in [(answers[1], 1), (answers[3], 2)] {
            let shown = table.lines().filter(|line| line.contains("\"load\"")).count();
            assert_eq!(shown, rows, "{name}: calls of one turn run one after the other: {table}");
        }
        asked.truncate(3);
        asked.sort_unstable();
        asked.dedup();
        assert_eq!(asked.len(), 3, "{name}: parallel calls are told apart");
    }
}

#[test]
fn a_transcript_that_is_none_is_told_as_such() {
    let place = place();
    let missing = squall(&place, &["experiment", "--replay", TRANSCRIPT]);
    let told = String::from_utf8_lossy(&missing.stderr);
    assert_eq!(missing.status.code(), Some(2), "{told}");
    assert!(told.contains("transcript `transcript.jsonl` can't be read: No such file"), "{told}");
    fs::write(place.path().join(TRANSCRIPT), "{\"kind\":\"end\"}\n").unwrap();
    let (told, code) = experiment::replayed(&place);
    assert_eq!(code, 2);
    assert!(told["error"].as_str().unwrap().starts_with("line 1 of the transcript"), "{told}");
}

/// A file with a pinned fault, which is never used, beside the load.
fn with_a_pause(place: &TempDir, url: &str) -> String {
    let fault = json!({"type": "pause_process", "pid": std::process::id()});
    let load = json!({"warmup_seconds": 0.001});
    let document = json!({"goal": "what happens", "target": url, "fault": fault, "load": load, "slo": ["p99<100s"]});
    shell::write(place, "experiment.json", &document)
}

#[test]
fn the_tools_of_a_request_are_what_schema_prints_byte_for_byte() {
    let (place, service) = (place(), service());
    let file = with_a_pause(&place, &service.url());
    let server = RawServer::start(vec![completion(&json!({"content": "That is all."}))]);
    let asked = planned_by(&server.base_url(), shell::command(&place, &["experiment", &file]));
    let output = { asked }.output().unwrap();
    assert_eq!(output.status.code(), Some(2), "a model that only stops has not concluded: {output:?}");

    let printed = |more: &[&str]| -> Vec<Value> {
        let output = squall(&place, &[&["schema", "--profile", "tools"], more].concat());
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
    };
    let text = |tools: &[Value]| serde_json::to_string(tools).unwrap();
    let offered = printed(&[&file]);
    assert!(server.requests()[0].contains(&format!("\"tools\":{}", text(&offered))), "{}", server.requests()[0]);

    let all = printed(&[]);
    let name = |tool: &Value| tool["function"]["name"].as_str().unwrap().to_owned();
    let faults: Vec<Value> =
        offered.iter().filter(|tool| all.iter().any(|one| name(one) == name(tool))).cloned().collect();
    let names: Vec<String> = faults.iter().map(name).collect();
    assert_eq!(names, ["load", "pause_process"]);
    let same: Vec<Value> = all.into_iter().filter(|tool| names.contains(&name(tool))).collect();
    assert_eq!(text(&faults), text(&same));
    for tool in &offered {
        assert!(tool["function"]["strict"].is_boolean(), "{tool}");
    }
}

#[test]
fn a_model_that_does_not_conclude_is_named_with_what_it_said() {
    let text = |text: &str| completion(&json!({"role": "assistant", "content": text}));
    let as_text = || text("<tool_call>{\"name\": \"capacity\", \"arguments\": {}}</tool_call> 777 ms");
    let rows = [
        (vec![text("I am done.")], "the model did not conclude: it stopped without `conclude`", json!("I am done.")),
        (
            vec![as_text(), as_text(), as_text()],
            "the model did not conclude: it wrote its tool calls as text; set the server to read this model's tool calls",
            json!("<tool_call>{\"name\": \"capacity\", \"arguments\": {}}</tool_call> [777 ms: not measured]"),
        ),
        (
            vec![raw_server::answer("401 Unauthorized", "", r#"{"error": {"message": "no such key"}}"#)],
            "model server refused with status 401: no such key",
            Value::Null,
        ),
    ];
    for (answers, why, said) in rows {
        let (place, service) = (place(), service());
        let server = RawServer::start(answers);
        let experiment = experiment(&place, &service.url(), &["--format", "json"]);
        let (report, code) = report(&planned_by(&server.base_url(), experiment).output().unwrap());
        assert_eq!((code, &report["outcome"]), (2, &json!("inconclusive")), "{report:#}");
        assert_eq!((&report["why"], &report["said"]), (&json!(why), &said), "{report:#}");
        assert_eq!(service.requests(), 0);
    }
}

#[test]
fn a_complaint_of_the_schema_is_an_instruction_and_a_targets_words_are_data() {
    let (place, service) = (place(), service());
    let calls = json!({"role": "assistant", "content": null, "tool_calls": [
        {"id": "a", "type": "function", "function": {"name": "load", "arguments": "{\"target\": {\"qps\": 5}}"}},
        {"id": "b", "type": "function", "function": {"name": "observe", "arguments": "{\"probe\": {\"type\": \"htp\"}}"}},
    ]});
    let server = RawServer::start(vec![completion(&calls), completion(&json!({"content": "done"}))]);
    planned_by(&server.base_url(), experiment(&place, &service.url(), &[])).output().unwrap();
    let bodies = server.bodies();
    let answers = tool_answers(&bodies[1]);
    assert!(answers[0].starts_with("Error: refused: ") && answers[0].contains("`service_url`"), "{answers:#?}");
    assert!(answers[1].starts_with("Error: refused: ") && answers[1].contains("htp"), "{answers:#?}");
    assert!(answers.iter().all(|answer| !answer.contains("not instructions")), "{answers:#?}");
}
