//! `generate_load` with a model behind an OpenAI-compatible server that somebody else wrote.
#![expect(clippy::unwrap_used, reason = "a test that can't be set up should stop at once")]

#[path = "../../agent/tests/support/aimock.rs"]
mod aimock;

use std::collections::HashMap;

use aimock::{Aimock, Conversation};
use chaos_agent::{CallRecord, CallStatus, Transcript, replay};
use chaos_core::{ChaosResult, Task, Verdict, parse};
use chaos_faults as _;
use chaos_load::target::{Behaviour, Target, serve};
use chaos_runner::Runner;
use chaos_test::Bench;
use serde_json::{Value, json};

const KEY: &str = "sk-not-a-real-key";

fn service() -> Target {
    serve(([127, 0, 0, 1], 0).into(), Behaviour::new()).unwrap()
}

/// The error where a conversation ended well and no load was asked for.
const NOT_ASKED_FOR: &str = "no fortio load command was executed";

/// 100 requests a second for half a second.
fn spike(url: &str) -> Value {
    json!({"service_url": url, "qps": 100, "duration": "500ms", "concurrency": 4})
}

/// A run whose model is the server's scripted one.
struct Told {
    result: ChaosResult,
    transcript: Transcript,
    text: String,
    _bench: Bench,
}

impl Told {
    fn by(server: &Aimock, target: &Value, allow_command: bool) -> Self {
        let bench = Bench::new().unwrap();
        let env = [("CHAOS_MODEL", "scripted"), ("OPENAI_BASE_URL", &server.base_url()), ("OPENAI_API_KEY", KEY)];
        let env: HashMap<String, String> = env.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let runner = Runner::builder().state_dir(bench.state()).workspace(bench.folder()).env(env).seed(1);
        let action = json!({"type": "generate_load", "target": target, "allow_command": allow_command});
        let entry = json!({"trigger": {"type": "test_now"}, "action": action});
        let report = runner.build().unwrap().run(Task::of(parse(&entry).unwrap())).unwrap();
        let result = report.entries.into_iter().next().unwrap();
        let path = result.witness.as_ref().unwrap().evidence.data["transcript"].as_str().unwrap().to_owned();
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(!text.contains(KEY), "the key is in the transcript");
        Self { result, transcript: Transcript::read(&path).unwrap(), text, _bench: bench }
    }

    fn statuses(&self) -> Vec<CallStatus> {
        self.transcript.calls().iter().map(|call| call.status).collect()
    }

    /// Plays the transcript with no server left, and compares the calls.
    fn replays(&self) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let again = runtime.block_on(replay(&self.transcript)).unwrap();
        let key = |call: &CallRecord| (call.tool.clone(), call.arguments.clone(), call.status, call.reply.clone());
        let recorded: Vec<_> = self.transcript.calls().iter().map(key).collect();
        assert_eq!(again.calls.iter().map(key).collect::<Vec<_>>(), recorded);
        assert_eq!(Some(again.text.as_str()), self.transcript.final_text());
    }

    fn made_no_load(&self, service: &Target, why: &str) {
        let result = &self.result;
        assert_eq!((result.success, result.verdict), (false, Verdict::Inconclusive));
        assert_eq!(result.error.as_deref(), Some(why));
        assert_eq!((service.requests(), service.connections()), (0, 0));
    }
}

#[test]
fn one_good_call_makes_the_spike_and_the_models_last_text_is_the_output() {
    let service = service();
    let args = json!({"service_url": service.url(), "qps": 100, "duration": "500ms"}).to_string();
    let conversation = Conversation::default().asks(None, &[("load", &args)]).says("50 requests, no errors.");
    let Some(server) = Aimock::start(&conversation) else { return };
    let told = Told::by(&server, &spike(&service.url()), false);
    assert_eq!(service.requests(), 50);
    let result = &told.result;
    assert_eq!((result.success, result.verdict, &result.error), (true, Verdict::Unchecked, &None));
    assert_eq!(result.output, "50 requests, no errors.");
    assert_eq!(told.transcript.model(), "scripted");

    let journal = server.journal();
    let first = &journal[0]["body"];
    let tools: Vec<&Value> = first["tools"].as_array().unwrap().iter().map(|tool| &tool["function"]["name"]).collect();
    assert_eq!(tools, ["load"], "`run_command` only where the task allows it");
    assert!(first["messages"][1]["content"].as_str().unwrap().contains(&service.url()));
    let answer = journal[1]["body"]["messages"][3]["content"].as_str().unwrap();
    assert!(answer.starts_with("50 requests in "), "{answer}");
    drop(server);
    told.replays();
    assert_eq!(service.requests(), 50, "a replay touches nothing");
}

#[test]
fn a_command_line_makes_the_same_spike() {
    let service = service();
    let url = service.url();
    let args = json!({"command": ["fortio", "load", "-qps", "100", "-c", "4", "-t", "500ms", url]}).to_string();
    let conversation = Conversation::default().asks(None, &[("run_command", &args)]).says("done");
    let Some(server) = Aimock::start(&conversation) else { return };
    let told = Told::by(&server, &spike(&url), true);
    assert_eq!((service.requests(), told.result.success), (50, true), "{:?}", told.result.error);
    told.replays();
}

#[test]
fn a_command_where_the_task_allows_none_is_an_unknown_tool() {
    let service = service();
    let args = json!({"command": format!("fortio load -qps 100 -t 500ms {}", service.url())}).to_string();
    let conversation = Conversation::default().asks(None, &[("run_command", &args)]).says("it is not there");
    let Some(server) = Aimock::start(&conversation) else { return };
    let told = Told::by(&server, &spike(&service.url()), false);
    assert_eq!(told.statuses(), [CallStatus::UnknownTool]);
    told.made_no_load(&service, NOT_ASKED_FOR);
}

#[test]
fn another_host_is_refused_however_it_is_written() {
    let (service, other) = (service(), service());
    let (own, port) = (service.url(), other.address().port());
    let hosts = [
        other.url(),
        format!("http://localhost:{port}/"),
        format!("http://[::ffff:127.0.0.1]:{port}/"),
        format!("http://2130706433:{port}/"),
        format!("{}@127.0.0.1:{port}/", own.trim_end_matches('/')),
        format!("http://127.0.0.1:{port}/#{own}"),
    ];
    let load = |url: &String| ("load", json!({"service_url": url, "qps": 100, "duration": "500ms"}).to_string());
    let command = |url: &String| {
        let text = format!("fortio load -qps 100 -c 4 -t 500ms '{url}'");
        ("run_command", json!({ "command": text }).to_string())
    };
    let calls: Vec<(&str, String)> = hosts.iter().map(load).chain(hosts.iter().map(command)).collect();
    let told = refused(&service, &calls);
    let Some(told) = told else { return };
    assert_eq!((other.requests(), other.connections()), (0, 0), "no request reaches another listener");
    let every = format!("Error: the only target is `{own}`; every other URL is refused");
    let elsewhere = told.transcript.calls().iter().filter(|call| call.reply == every).count();
    // One is not a URL to fortio's own parser, which says so first.
    assert!(elsewhere >= calls.len() - 1, "{:#?}", told.transcript.calls());
}

/// Lets the model ask for each call in turns of its own, and checks that all were refused and stand in the transcript.
fn refused(service: &Target, calls: &[(&str, String)]) -> Option<Told> {
    let mut conversation = Conversation::default();
    // At most 8 calls are run in one turn.
    for turn in calls.chunks(8) {
        let turn: Vec<(&str, &str)> = turn.iter().map(|(tool, args)| (*tool, args.as_str())).collect();
        conversation = conversation.asks(None, &turn);
    }
    let server = Aimock::start(&conversation.says("everything was refused"))?;
    let told = Told::by(&server, &spike(&service.url()), true);
    drop(server);
    told.made_no_load(service, NOT_ASKED_FOR);
    assert_eq!(told.statuses(), vec![CallStatus::Failed; calls.len()], "{:#?}", told.transcript.calls());
    assert_eq!(told.result.output, "everything was refused");
    told.replays();
    Some(told)
}

#[test]
fn a_shell_is_refused_in_every_dress() {
    let service = service();
    let url = service.url();
    let mark = Bench::new().unwrap();
    let touch = format!("touch {}", mark.path("mark").display());
    let good = format!("fortio load -qps 100 -t 500ms {url}");
    let commands = [
        json!(["sh", "-c", good]),
        json!(format!("sh -c '{touch}'")),
        json!(format!("{good}; {touch}")),
        json!(format!("{good} && {touch}")),
        json!(format!("{good} | sh")),
        json!(format!("{good} $({touch})")),
        json!(format!("$({touch}) load {url}")),
        json!(format!("{good}\n{touch}")),
        json!(["fortio", "load", format!("-qps=$({touch})"), url]),
        json!(["/bin/sh", "load", url]),
        json!(touch),
    ];
    let calls: Vec<(&str, String)> =
        commands.iter().map(|command| ("run_command", json!({ "command": command }).to_string())).collect();
    if refused(&service, &calls).is_some() {
        assert!(!mark.path("mark").exists());
    }
}

#[test]
fn every_flag_off_the_list_is_refused_by_name_and_told_to_the_model() {
    let service = service();
    let url = service.url();
    let out = Bench::new().unwrap();
    let file = out.path("out.json").display().to_string();
    let flags = [
        ("-json", file.as_str()),
        ("-H", "Host: evil.example"),
        ("-payload", "x"),
        ("-payload-file", "/etc/hostname"),
        ("-unix-socket", "/run/x.sock"),
        ("-resolve", "192.0.2.1"),
        ("-access-log-file", file.as_str()),
        ("-data-dir", "/etc"),
        ("-X", "DELETE"),
        ("-user", "a:b"),
        ("-a", ""),
        ("-k", ""),
        ("-L", ""),
        ("-stdclient", ""),
    ];
    let calls: Vec<(&str, String)> = flags
        .iter()
        .map(|(flag, value)| {
            let words = ["fortio", "load", "-qps", "100", "-t", "500ms", flag, value, &url];
            let words: Vec<&str> = words.into_iter().filter(|word| !word.is_empty()).collect();
            ("run_command", json!({ "command": words }).to_string())
        })
        .collect();
    let Some(told) = refused(&service, &calls) else { return };
    for ((flag, _), call) in flags.iter().zip(told.transcript.calls()) {
        let want = format!(
            "Error: flag `{flag}` is not allowed; allowed are -qps, -c, -t, -n, -uniform, -jitter, -nocatchup, -timeout"
        );
        assert_eq!(call.reply, want);
        assert!(told.text.contains(&want), "the model read it");
    }
    assert!(!out.path("out.json").exists());
}

#[test]
fn of_two_loads_the_second_is_refused() {
    let service = service();
    let url = service.url();
    let load = json!({"service_url": url}).to_string();
    let command = json!({"command": format!("fortio load -qps 100 -t 500ms {url}")}).to_string();
    let conversation = Conversation::default()
        .asks(None, &[("load", &load), ("load", &load)])
        .asks(Some("once more"), &[("run_command", &command)])
        .says("one spike");
    let Some(server) = Aimock::start(&conversation) else { return };
    let told = Told::by(&server, &spike(&url), true);
    assert_eq!(told.statuses(), [CallStatus::Done, CallStatus::Failed, CallStatus::Failed]);
    for call in &told.transcript.calls()[1..] {
        assert!(call.reply.starts_with("Error: the one load was made already"), "{}", call.reply);
    }
    assert_eq!((service.requests(), told.result.success), (50, true));
    told.replays();
}

#[test]
fn more_than_planned_is_refused_and_the_model_may_correct_itself() {
    let service = service();
    let url = service.url();
    let args = |more: &Value| {
        let mut args = json!({ "service_url": url });
        args.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        args.to_string()
    };
    let wrong = [
        args(&json!({"qps": 100_000})),
        args(&json!({"duration": "1h"})),
        args(&json!({"concurrency": 1000})),
        args(&json!({"qps": -1})),
        "{\"service_url\": ".to_owned(),
        "{}".to_owned(),
    ];
    let calls: Vec<(&str, &str)> = wrong.iter().map(|args| ("load", args.as_str())).collect();
    let good = args(&json!({}));
    let conversation = Conversation::default()
        .fails(429, "slow down", None)
        .fails(500, "out of order", None)
        .asks(None, &calls)
        .asks(None, &[("load", &good)])
        .says("at last");
    let Some(server) = Aimock::start(&conversation) else { return };
    let told = Told::by(&server, &spike(&url), false);
    let (statuses, figures) = (told.statuses(), [CallStatus::Failed; 4]);
    assert_eq!(statuses[..4], figures);
    assert_eq!(statuses[4..], [CallStatus::BadArguments, CallStatus::BadArguments, CallStatus::Done]);
    assert_eq!(server.statuses(), [429, 500, 200, 200, 200]);
    assert_eq!((service.requests(), told.result.success), (50, true));
    told.replays();
}

#[test]
fn an_open_duration_is_the_models_choice_within_the_policy() {
    let service = service();
    let target = json!({"service_url": service.url(), "qps": 100});
    let args = |duration: &str| json!({"service_url": service.url(), "duration": duration}).to_string();
    let conversation =
        Conversation::default().asks(None, &[("load", &args("601s")), ("load", &args("300ms"))]).says("a short one");
    let Some(server) = Aimock::start(&conversation) else { return };
    let told = Told::by(&server, &target, false);
    assert_eq!(told.transcript.calls()[0].reply, "Error: the load must end after at most 10m");
    assert_eq!((service.requests(), told.result.success), (30, true));
}

#[test]
fn a_model_that_cannot_be_had_or_only_talks_makes_no_load() {
    let service = service();
    let talk = Conversation::default().says("I sent 50 requests and all is well.");
    let gone = Conversation::default().fails(401, "no such key", None);
    let broken = (0..4).fold(Conversation::default(), |broken, _| broken.fails(500, "out of order", None));
    let rows = [
        (talk, NOT_ASKED_FOR),
        (gone, "no load was made: model server refused with status 401: no such key"),
        (broken, "no load was made: model server did not answer after 4 attempts: status 500: out of order"),
    ];
    for (conversation, why) in rows {
        let Some(server) = Aimock::start(&conversation) else { return };
        let told = Told::by(&server, &spike(&service.url()), false);
        told.made_no_load(&service, why);
        let summary = told.result.witness.unwrap().evidence.summary;
        assert!(summary.contains(why), "{summary}");
    }
}
