//! The loop against OpenAI-compatible servers: aimock, which others wrote, and raw answers that it cannot give.

#[path = "support/aimock.rs"]
mod aimock;
#[path = "support/raw_server.rs"]
mod raw_server;

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use aimock::{Aimock, Conversation};
use chaos_agent::{
    AgentError, BoxFuture, CallStatus, EndReason, Limits, LoopContext, LoopOutcome, OpenAiConfig, OpenAiModel,
    Redactor, Tool, ToolReply, Transcript, TranscriptWriter, replay, run_tool_loop,
};
use chaos_core::{Clock, RealClock, VirtualClock};
use raw_server::{RawServer, answer, completion};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

const KEY: &str = "sk-not-a-real-key";

/// Echoes the one number that it needs.
struct Load;

impl Tool for Load {
    fn name(&self) -> &'static str {
        "load"
    }
    fn description(&self) -> &'static str {
        "Sends load."
    }
    fn parameters(&self) -> Value {
        json!({"type": "object", "properties": {"qps": {"type": "integer"}}, "required": ["qps"]})
    }
    fn call(&self, args: Value) -> BoxFuture<'_, ToolReply> {
        Box::pin(async move { ToolReply::done(format!("sent {} qps with {KEY}", args["qps"])) })
    }
}

/// A loop's outcome and the transcript that it left.
struct Run {
    outcome: LoopOutcome,
    folder: TempDir,
}

impl Run {
    fn transcript_text(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("loop.jsonl")).expect("written")
    }

    fn replies(&self) -> Vec<Value> {
        self.transcript_text()
            .lines()
            .map(|line| serde_json::from_str(line).expect("JSON"))
            .filter(|line: &Value| line["kind"] == "reply")
            .collect()
    }

    fn ended_by_model_error(&self) -> &AgentError {
        match &self.outcome.end {
            EndReason::ModelError(error) => error,
            other => panic!("ended by {other:?}"),
        }
    }
}

fn config(base_url: &str) -> OpenAiConfig {
    let mut config = OpenAiConfig::new("any-model").with_base_url(base_url).expect("a usable address");
    // Waits short enough for a test: what is capped, and at what, is a matter of the policy's own tests.
    config.retry.first_wait = Duration::from_millis(5);
    config.retry.max_retry_after = Duration::from_millis(5);
    config
}

fn with_key(base_url: &str) -> OpenAiConfig {
    config(base_url).with_api_key(KEY).expect("a usable key")
}

async fn go(config: OpenAiConfig) -> Run {
    go_by(Arc::new(RealClock::new()), config).await
}

async fn go_by(clock: Arc<dyn Clock>, config: OpenAiConfig) -> Run {
    let folder = tempfile::tempdir().expect("temporary folder");
    let path = folder.path().join("loop.jsonl");
    let transcript = TranscriptWriter::create(path, Redactor::default()).expect("a new file");
    let mut cx = LoopContext::new(clock, CancellationToken::new(), transcript);
    let model = OpenAiModel::new(config).expect("a usable client");
    let limits = Limits::for_planned(Duration::from_secs(1));
    let outcome = run_tool_loop(&model, "Send load.", &[&Load], "Be brief.", &limits, &mut cx).await;
    Run { outcome, folder }
}

#[tokio::test]
async fn a_tool_call_its_result_and_a_final_text_pass_through_aimock() {
    let conversation =
        Conversation::default().asks(Some("here goes"), &[("load", "{\"qps\": 300}")]).says("The load was sent.");
    let Some(server) = Aimock::start(&conversation) else {
        return;
    };
    let run = go(with_key(&server.base_url())).await;
    assert!(matches!(run.outcome.end, EndReason::Finished), "{:?}", run.outcome.end);
    assert_eq!(run.outcome.text, "The load was sent.");
    assert_eq!(run.outcome.calls[0].status, CallStatus::Done);
    assert_eq!(run.outcome.calls[0].reply, "sent 300 qps with ***");
    assert!(run.outcome.usage.total() > 0);
    let transcript = std::fs::read_to_string(run.folder.path().join("loop.jsonl")).expect("a transcript");
    assert!(transcript.contains(r#""estimated":false"#), "the server's own count stands beside ours: {transcript}");

    let journal = server.journal();
    assert_eq!(journal.len(), 2);
    let (first, second) = (&journal[0]["body"], &journal[1]["body"]);
    assert_eq!(first["model"], "any-model");
    assert_eq!(first["tools"][0]["function"]["name"], "load");
    let messages = second["messages"].as_array().expect("a list");
    let roles: Vec<&str> = messages.iter().filter_map(|m| m["role"].as_str()).collect();
    assert_eq!(roles, ["system", "user", "assistant", "tool"]);
    assert_eq!(messages[3]["tool_call_id"], messages[2]["tool_calls"][0]["id"]);
    assert_eq!(messages[3]["content"], "sent 300 qps with ***");
}

#[tokio::test]
async fn the_transcript_of_a_real_conversation_holds_no_key_and_replays() {
    let conversation = Conversation::default()
        .asks(None, &[("load", "{\"qps\": 1}"), ("rm", "{}"), ("load", "[]")])
        .says(&format!("I know {KEY}"));
    let Some(server) = Aimock::start(&conversation) else {
        return;
    };
    let run = go(with_key(&server.base_url())).await;
    assert!(!run.transcript_text().contains(KEY));
    drop(server);
    let transcript = Transcript::read(run.folder.path().join("loop.jsonl")).expect("readable");
    assert_eq!(transcript.end_reason(), Some("finished"));
    let again = replay(&transcript).await.expect("the same calls");
    assert_eq!(again.calls, run.outcome.calls);
    let statuses: Vec<CallStatus> = again.calls.iter().map(|call| call.status).collect();
    assert_eq!(statuses, [CallStatus::Done, CallStatus::UnknownTool, CallStatus::BadArguments]);
}

#[tokio::test]
async fn status_429_and_500_are_tried_again() {
    let conversation = Conversation::default()
        .fails(429, "slow down", Some(3600))
        .fails(500, "out of order", None)
        .asks(None, &[("load", "{\"qps\": 2}")])
        .fails(429, "slow down", None)
        .says("done");
    let Some(server) = Aimock::start(&conversation) else {
        return;
    };
    let run = go(with_key(&server.base_url())).await;
    assert!(matches!(run.outcome.end, EndReason::Finished), "{:?}", run.outcome.end);
    assert_eq!(server.statuses(), [429, 500, 200, 429, 200]);
    let replies = run.replies();
    let attempts: Vec<&Value> = replies.iter().map(|reply| &reply["attempts"]).collect();
    assert_eq!(attempts, [3, 2]);
}

#[tokio::test]
async fn a_server_that_never_recovers_is_given_up_after_four_attempts() {
    let conversation =
        (0..9).fold(Conversation::default(), |conversation, _| conversation.fails(500, "out of order", None));
    let Some(server) = Aimock::start(&conversation) else {
        return;
    };
    let run = go(with_key(&server.base_url())).await;
    assert_eq!(
        run.ended_by_model_error().to_string(),
        "model server did not answer after 4 attempts: status 500: out of order"
    );
    assert_eq!(server.statuses(), [500; 4]);
}

#[tokio::test]
async fn a_refusal_is_not_tried_again_and_does_not_tell_the_key() {
    let message = format!("incorrect key {KEY}");
    let conversation = Conversation::default().fails(401, &message, None);
    let Some(server) = Aimock::start(&conversation) else {
        return;
    };
    let run = go(with_key(&server.base_url())).await;
    assert_eq!(run.ended_by_model_error().to_string(), "model server refused with status 401: incorrect key ***");
    assert_eq!(server.statuses(), [401]);
    assert!(!run.transcript_text().contains(KEY));
}

#[tokio::test]
async fn malformed_arguments_go_back_to_the_model_which_may_do_better() {
    let conversation = Conversation::default()
        .asks(None, &[("load", "{\"qps\": ")])
        .asks(None, &[("load", "{}")])
        .asks(None, &[("load", "[300]")])
        .asks(None, &[("load", "{\"qps\": 300}")])
        .says("done at last");
    let Some(server) = Aimock::start(&conversation) else {
        return;
    };
    let run = go(with_key(&server.base_url())).await;
    assert_eq!(run.outcome.text, "done at last");
    let last = server.journal().pop().expect("five requests");
    let messages = last["body"]["messages"].as_array().expect("a list").clone();
    let answers: Vec<&Value> =
        messages.iter().filter(|message| message["role"] == "tool").map(|message| &message["content"]).collect();
    assert_eq!(
        answers,
        [
            "Error: arguments are not valid JSON: EOF while parsing a value at line 1 column 8",
            "Error: missing argument `qps`",
            "Error: arguments must be a JSON object, not an array",
            "sent 300 qps with ***",
        ]
    );
}

// From here on: replies that aimock cannot give, by a raw server of our own.

#[tokio::test]
async fn calls_without_arguments_id_or_type_are_read_too() {
    let server = RawServer::start(vec![
        completion(&json!({"tool_calls": [
            {"function": {"name": "load"}},
            {"function": {"name": "load", "arguments": {"qps": 4}}},
        ]})),
        completion(&json!({"content": [{"type": "text", "text": "ok"}]})),
    ]);
    let run = go(with_key(&server.base_url())).await;
    assert_eq!(run.outcome.text, "ok");
    let replies: Vec<&str> = run.outcome.calls.iter().map(|c| c.reply.as_str()).collect();
    assert_eq!(replies, ["Error: missing argument `qps`", "sent 4 qps with ***"]);
    assert!(run.outcome.usage.estimated, "the server counted no tokens");
    let second = &server.bodies()[1]["messages"];
    assert_eq!(second[2]["tool_calls"][0]["id"], second[3]["tool_call_id"]);
    assert_eq!(second[2]["tool_calls"][0]["function"]["arguments"], "{}");
}

#[tokio::test]
async fn vendor_fields_survive_in_both_directions() {
    let message = json!({
        "role": "assistant", "content": null, "reasoning_content": "let me think",
        "tool_calls": [{"id": "c", "type": "function", "extra_content": {"signature": "s"},
            "function": {"name": "load", "arguments": "{\"qps\":1}"}}],
    });
    let server = RawServer::start(vec![completion(&message), completion(&json!({"content": "ok"}))]);
    let mut config = with_key(&server.base_url());
    config.extra.insert("chat_template_kwargs".into(), json!({"thinking": true}));
    let run = go(config).await;
    assert!(matches!(run.outcome.end, EndReason::Finished));
    let bodies = server.bodies();
    assert_eq!(bodies[0]["chat_template_kwargs"], json!({"thinking": true}));
    assert_eq!(bodies[1]["messages"][2], message);
    assert!(run.transcript_text().contains("let me think"));
}

#[tokio::test]
async fn the_key_is_sent_only_where_there_is_one() {
    let server = RawServer::start(vec![completion(&json!({"content": "ok"})); 2]);
    go(with_key(&server.base_url())).await;
    go(config(&server.base_url())).await;
    let requests = server.requests();
    let heads: Vec<String> = requests.iter().map(|r| r.to_ascii_lowercase()).collect();
    assert!(heads[0].contains(&format!("authorization: bearer {KEY}\r\n")));
    assert!(!heads[1].contains("authorization"), "{}", heads[1]);
}

#[tokio::test]
async fn retry_after_is_heeded_only_up_to_its_cap() {
    // Uncapped, the wait would be longer than the time for one answer.
    let busy = answer("429 Too Many Requests", "retry-after: 3600\r\n", "{}");
    let server = RawServer::start(vec![busy, completion(&json!({"content": "ok"}))]);
    let run = go(with_key(&server.base_url())).await;
    assert_eq!(run.outcome.text, "ok");
    assert_eq!(run.replies()[0]["attempts"], 2);
}

#[tokio::test]
async fn answers_that_are_none_end_the_loop_with_their_cause() {
    let elsewhere = "location: http://127.0.0.1:1/v1/chat/completions\r\n";
    let huge = format!("\"{}\"", "x".repeat(4 * 1024 * 1024));
    let quota = r#"{"error": {"message": "pay first", "code": "insufficient_quota"}}"#;
    let cases = [
        (
            answer("307 Temporary Redirect", elsewhere, ""),
            "model server refused with status 307: redirects are not followed",
        ),
        (
            answer("200 OK", "", "<html>"),
            "model reply is not a chat completion: reply is not JSON: it begins with `<html>` (from BASE/chat/completions)",
        ),
        (answer("200 OK", "", &huge), "model reply is not a chat completion: reply is longer than 4194304 bytes"),
        (answer("429 Too Many Requests", "", quota), "model server refused with status 429: pay first"),
        (
            answer("200 OK", "", r#"{"error": {"message": "no such model", "code": 404}}"#),
            "model server refused with status 404: no such model (from BASE/chat/completions)",
        ),
    ];
    for (reply, message) in cases {
        let server = RawServer::start(vec![reply]);
        let run = go(with_key(&server.base_url())).await;
        let told = run.ended_by_model_error().to_string();
        assert_eq!(told.replace(&server.base_url(), "BASE"), message);
        assert_eq!(server.requests().len(), 1);
    }
}

#[tokio::test]
async fn a_reply_that_breaks_off_is_not_asked_for_twice() {
    let broken = "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"choices\":".to_owned();
    let server = RawServer::start(vec![broken]);
    let run = go(with_key(&server.base_url())).await;
    let message = run.ended_by_model_error().to_string();
    assert!(message.starts_with("model server did not answer after 1 attempts: connection broke: "), "{message}");
}

#[tokio::test]
async fn a_refused_connection_is_tried_again_and_then_told_without_the_address() {
    // The kernel gives no such port to anybody.
    let address = "127.0.0.1:1";
    let run = go(with_key(&format!("http://{address}/v1"))).await;
    let message = run.ended_by_model_error().to_string();
    assert!(message.starts_with("model server did not answer after 4 attempts: no connection: "), "{message}");
    assert!(message.contains("refused"), "{message}");
    assert!(!message.contains(address), "{message}");
}

#[tokio::test]
async fn the_time_for_one_answer_counts_all_attempts() {
    let server = RawServer::start(vec![answer("503 Service Unavailable", "", "busy"); 4]);
    let mut config = with_key(&server.base_url());
    config.retry.first_wait = Duration::from_hours(1);
    config.retry.max_wait = Duration::from_hours(1);
    config.total_time = Duration::from_secs(5);
    let run = go(config).await;
    assert_eq!(
        run.ended_by_model_error().to_string(),
        "model server did not answer after 1 attempts: no answer within 5 s (`CHAOS_MODEL_TIMEOUT_SECONDS`); before that: status 503: busy"
    );
}

#[tokio::test(start_paused = true)]
async fn virtual_time_waits_for_a_real_answer_and_skips_the_waits_between() {
    let busy = answer("503 Service Unavailable", "", "busy");
    let server = RawServer::start(vec![busy, completion(&json!({"content": "ok"}))]);
    let clock = Arc::new(VirtualClock::starting_at(SystemTime::UNIX_EPOCH));
    let mut config = with_key(&server.base_url());
    config.retry.first_wait = Duration::from_secs(50);
    config.retry.max_wait = Duration::from_secs(50);
    // A paused clock that knew nothing of the real answer would jump to this limit at the first byte not yet there.
    config.total_time = Duration::from_secs(51);
    let run = go_by(clock.clone(), config).await;
    assert_eq!(run.outcome.text, "ok", "{:?}", run.outcome.end);
    assert!(clock.now() >= Duration::from_secs(50), "{:?}", clock.now());
}
