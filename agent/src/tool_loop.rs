//! The one tool loop: a model proposes, code disposes, within limits.

mod call;
mod context;
mod run;
mod unfinished;

pub use context::LoopContext;

use crate::{limits::Limits, model::Model, outcome::LoopOutcome, tool::Tool};

/// Lets a model work towards a goal with the given tools, until it is done or a limit ends it.
///
/// Nothing that a model writes can fail the loop: bad arguments, unknown tools, tool errors and panics go back to it as
/// `Error: …`. A reply that was cut off, or that holds a call as text, is not a final answer: the model is told so, twice at
/// most. Calls of one turn run one after the other. When a reply reaches the turn cap or the token budget, the
/// calls in it are recorded but not run, since the model would not read their answers.
///
/// What tools answer is masked and cut before the model, the transcript or the outcome sees it.
pub async fn run_tool_loop(
    model: &dyn Model,
    goal: &str,
    tools: &[&dyn Tool],
    system: &str,
    limits: &Limits,
    cx: &mut LoopContext,
) -> LoopOutcome {
    run::run(model, goal, tools, system, limits, cx).await
}

#[cfg(test)]
mod tests {
    use std::{
        future::pending,
        sync::{Arc, Mutex},
        time::Duration,
    };

    use chaos_core::{BoxFuture, Clock, RealClock, Secret};
    use serde_json::{Value, json};
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::{
        AgentError, CallStatus, EndReason, ModelRequest, ModelTurn, OfflinePlanner, Redactor, Replayer, TimeLimit,
        TokenUsage, ToolReply, Transcript, TranscriptWriter, replay,
    };

    /// Says the scripted messages one after the other and keeps what it was asked.
    #[derive(Default)]
    struct Script {
        replies: Vec<Value>,
        usage: Option<TokenUsage>,
        delay: Duration,
        asked: Mutex<Vec<Vec<Value>>>,
    }

    impl Script {
        fn of(replies: impl Into<Vec<Value>>) -> Self {
            Self { replies: replies.into(), usage: Some(TokenUsage::default()), ..Self::default() }
        }

        fn request(&self, index: usize) -> Vec<Value> {
            self.asked.lock().expect("not poisoned")[index].clone()
        }
    }

    impl Model for Script {
        fn name(&self) -> &'static str {
            "script"
        }

        fn reply<'a>(&'a self, request: ModelRequest<'a>) -> BoxFuture<'a, Result<ModelTurn, AgentError>> {
            let mut asked = self.asked.lock().expect("not poisoned");
            asked.push(request.messages.to_vec());
            let reply = self.replies.get(asked.len() - 1).cloned();
            Box::pin(async move {
                tokio::time::sleep(self.delay).await;
                let message = reply.ok_or(AgentError::ModelUnavailable { attempts: 1, last: "script over".into() })?;
                assert_ne!(message, "panic", "scripted panic");
                let mut turn = ModelTurn::new(message);
                turn.usage = self.usage;
                Ok(turn)
            })
        }

        fn secrets(&self) -> Vec<Secret> {
            vec![Secret::new("sk-script-key")]
        }
    }

    /// Does what its argument `act` says and keeps every argument it was given.
    #[derive(Default)]
    struct Act {
        seen: Mutex<Vec<Value>>,
        cancel: CancellationToken,
    }

    impl Tool for Act {
        fn name(&self) -> &'static str {
            "act"
        }

        fn description(&self) -> &'static str {
            "Does what it is told."
        }

        fn parameters(&self) -> Value {
            json!({"type": "object", "required": ["act"]})
        }

        fn call(&self, args: Value) -> BoxFuture<'_, ToolReply> {
            self.seen.lock().expect("not poisoned").push(args.clone());
            let act = args["act"].as_str().unwrap_or_default().to_owned();
            assert_ne!(act, "panic at once", "scripted panic");
            Box::pin(async move {
                match act.as_str() {
                    "fail" => ToolReply::failed("no such host"),
                    "panic" => panic!("scripted panic with sk-script-key"),
                    "hang" => pending().await,
                    "sleep" => {
                        tokio::time::sleep(Duration::from_secs(10)).await;
                        ToolReply::done("slept")
                    }
                    "tell" => ToolReply::done("sk-script-key ".repeat(2000)),
                    "cancel" => {
                        self.cancel.cancel();
                        tokio::time::sleep(Duration::from_secs(1)).await;
                        ToolReply::done("stopped cleanly")
                    }
                    "cancel and hang" => {
                        self.cancel.cancel();
                        pending().await
                    }
                    _ => ToolReply::done(format!("did {act}")),
                }
            })
        }
    }

    fn calls(calls: impl IntoIterator<Item = (&'static str, Value)>) -> Value {
        let calls: Vec<Value> = calls
            .into_iter()
            .enumerate()
            .map(|(index, (tool, arguments))| {
                json!({"id": format!("c{index}"), "type": "function",
                    "function": {"name": tool, "arguments": arguments}})
            })
            .collect();
        json!({"role": "assistant", "content": null, "tool_calls": calls})
    }

    fn act(what: &str) -> Value {
        calls([("act", json!(json!({"act": what}).to_string()))])
    }

    fn says(text: &str) -> Value {
        json!({"role": "assistant", "content": text})
    }

    fn clock() -> Arc<dyn Clock> {
        Arc::new(RealClock::new())
    }

    fn unrecorded() -> LoopContext {
        let transcript = TranscriptWriter::discard(Redactor::default());
        LoopContext::new(clock(), CancellationToken::new(), transcript)
    }

    fn limits() -> Limits {
        Limits::for_planned(Duration::from_secs(30))
    }

    async fn go(model: &dyn Model, tool: &Act, limits: &Limits) -> LoopOutcome {
        let transcript = TranscriptWriter::discard(Redactor::default());
        let mut cx = LoopContext::new(clock(), tool.cancel.clone(), transcript);
        run_tool_loop(model, "goal", &[tool], "system", limits, &mut cx).await
    }

    #[derive(Clone, Default)]
    struct Buffer(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Buffer {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().expect("not poisoned").extend(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    async fn recorded(model: &dyn Model, tool: &Act) -> (LoopOutcome, String) {
        let buffer = Buffer::default();
        let redactor = Redactor::new([Secret::new("hunter2")]);
        let transcript = TranscriptWriter::to_writer(buffer.clone(), redactor);
        let mut cx = LoopContext::new(clock(), tool.cancel.clone(), transcript);
        let outcome = run_tool_loop(model, "goal", &[tool], "", &limits(), &mut cx).await;
        let bytes = buffer.0.lock().expect("not poisoned").clone();
        (outcome, String::from_utf8(bytes).expect("text"))
    }

    #[tokio::test]
    async fn a_call_its_result_and_the_last_text_make_this_conversation() {
        let script = Script::of([act("jump"), says("all done")]);
        let tool = Act::default();
        let outcome = go(&script, &tool, &limits()).await;
        assert!(matches!(outcome.end, EndReason::Finished));
        assert_eq!((outcome.text.as_str(), outcome.turns), ("all done", 2));
        assert_eq!(
            script.request(1),
            [
                json!({"role": "system", "content": "system"}),
                json!({"role": "user", "content": "goal"}),
                json!({"role": "assistant", "content": null, "tool_calls": [{
                    "id": "c0", "type": "function",
                    "function": {"name": "act", "arguments": "{\"act\":\"jump\"}"}}]}),
                json!({"role": "tool", "tool_call_id": "c0", "content": "did jump"}),
            ]
        );
        assert_eq!(script.request(0), script.request(1)[..2]);
    }

    #[tokio::test]
    async fn what_a_model_writes_wrong_comes_back_as_error_text() {
        use CallStatus::{BadArguments, Failed, Panicked, UnknownTool};
        let cases = [
            (
                "act",
                json!("{\"act\": "),
                BadArguments,
                "Error: arguments are not valid JSON: EOF while parsing a value at line 1 column 8",
            ),
            ("act", json!("{}"), BadArguments, "Error: missing argument `act`"),
            ("act", json!(""), BadArguments, "Error: missing argument `act`"),
            ("act", json!("{\"act\": null}"), BadArguments, "Error: missing argument `act`"),
            ("act", json!(null), BadArguments, "Error: missing argument `act`"),
            ("act", json!("[1]"), BadArguments, "Error: arguments must be a JSON object, not an array"),
            ("act", json!(7), BadArguments, "Error: arguments must be a JSON object, not a number"),
            ("rm", json!("{}"), UnknownTool, "Error: unknown tool `rm`; the tools are `act`"),
            ("", json!("{}"), UnknownTool, "Error: unknown tool ``; the tools are `act`"),
            ("act", json!({"act": "fail"}), Failed, "Error: no such host"),
            ("act", json!({"act": "panic"}), Panicked, "Error: the tool panicked: scripted panic with ***"),
        ];
        for (name, arguments, status, text) in cases {
            let script = Script::of([calls([(name, arguments.clone())]), says("I see")]);
            let outcome = go(&script, &Act::default(), &limits()).await;
            assert!(matches!(outcome.end, EndReason::Finished), "{arguments}");
            assert_eq!(outcome.calls[0].status, status, "{arguments}");
            assert_eq!(outcome.calls[0].arguments, arguments);
            let answer = script.request(1).pop().expect("the tool message");
            assert_eq!(answer["content"], text, "{arguments}");
        }
    }

    #[tokio::test]
    async fn a_panic_before_the_first_await_is_caught_too() {
        let script = Script::of([act("panic at once"), says("I see")]);
        let outcome = go(&script, &Act::default(), &limits()).await;
        assert_eq!(outcome.calls[0].status, CallStatus::Panicked);
        assert!(matches!(outcome.end, EndReason::Finished));
    }

    #[tokio::test]
    async fn several_calls_run_in_order_and_text_beside_them_is_kept() {
        let mut first = calls([("act", json!({"act": "a", "note": null})), ("act", json!({"act": "b"}))]);
        first["content"] = json!("two at once");
        let tool = Act::default();
        let outcome = go(&Script::of([first, says("")]), &tool, &limits()).await;
        assert_eq!(outcome.text, "two at once");
        assert_eq!(*tool.seen.lock().expect("not poisoned"), [json!({"act": "a"}), json!({"act": "b"})]);
    }

    #[tokio::test]
    async fn calls_beyond_the_number_for_one_reply_are_refused() {
        let many = calls((0..10).map(|_| ("act", json!({"act": "x"}))));
        let tool = Act::default();
        let outcome = go(&Script::of([many, says("ok")]), &tool, &limits()).await;
        assert_eq!(tool.seen.lock().expect("not poisoned").len(), 8);
        assert_eq!(outcome.calls[9].status, CallStatus::TooMany);
        assert_eq!(outcome.calls[9].reply, "Error: too many tool calls in one turn; at most 8 are run");
    }

    #[tokio::test]
    async fn at_the_turn_cap_the_text_is_kept_and_calls_are_left() {
        let mut last = act("b");
        last["content"] = json!("one more");
        let script = Script::of([act("a"), last, says("never asked")]);
        let tool = Act::default();
        let mut limits = limits();
        limits.max_turns = 2;
        let outcome = go(&script, &tool, &limits).await;
        assert!(matches!(outcome.end, EndReason::TurnCap), "{:?}", outcome.end);
        assert_eq!(outcome.text, "one more");
        assert_eq!(outcome.calls[1].status, CallStatus::NotRun);
        assert_eq!(tool.seen.lock().expect("not poisoned").len(), 1);
    }

    #[tokio::test]
    async fn the_default_cap_is_eight_turns() {
        let script = Script::of(vec![act("again"); 20]);
        let outcome = go(&script, &Act::default(), &limits()).await;
        assert!(matches!(outcome.end, EndReason::TurnCap));
        assert_eq!((outcome.turns, outcome.calls.len()), (8, 8));
    }

    #[tokio::test]
    async fn the_token_budget_ends_the_loop_before_more_is_done() {
        let used = TokenUsage { prompt: 40_000, completion: 11_000, estimated: false };
        for (usage, estimated, turns) in [(Some(used), false, 2), (None, true, 2)] {
            let mut script = Script::of(vec![act("more"); 9]);
            script.usage = usage;
            let tool = Act::default();
            let mut limits = limits();
            if usage.is_none() {
                limits.max_tokens = 200;
            }
            let outcome = go(&script, &tool, &limits).await;
            assert!(matches!(outcome.end, EndReason::Tokens), "{:?}", outcome.end);
            assert_eq!(outcome.usage.estimated, estimated);
            assert_eq!(outcome.turns, turns, "{:?}", outcome.usage);
            assert_eq!(tool.seen.lock().expect("not poisoned").len(), turns as usize - 1);
        }
    }

    #[tokio::test]
    async fn a_server_that_counts_nothing_makes_no_budget_endless() {
        let zero = TokenUsage::default();
        let low = TokenUsage { prompt: 1, completion: 1, estimated: false };
        let most = TokenUsage { prompt: u64::MAX, completion: u64::MAX, estimated: false };
        for (usage, most_turns) in [(Some(zero), 99), (Some(low), 99), (None, 99), (Some(most), 1)] {
            let mut script = Script::of(vec![act("more"); 1000]);
            script.usage = usage;
            let mut limits = limits();
            (limits.max_turns, limits.max_tokens) = (1000, 5000);
            let outcome = go(&script, &Act::default(), &limits).await;
            assert!(matches!(outcome.end, EndReason::Tokens), "{usage:?}: {:?}", outcome.end);
            assert!((1..=most_turns).contains(&outcome.turns), "{usage:?}: {} turns", outcome.turns);
        }
    }

    #[tokio::test]
    async fn a_request_that_does_not_fit_what_is_left_is_not_sent() {
        let script = Script::of([act("tell"), says("done")]);
        let mut limits = limits();
        // The answer of the tool is 8 KiB, which is some 2,000 tokens.
        limits.max_tokens = 1000;
        let outcome = go(&script, &Act::default(), &limits).await;
        assert!(matches!(outcome.end, EndReason::Tokens), "{:?}", outcome.end);
        assert_eq!(script.asked.lock().expect("not poisoned").len(), 1, "the second request was not sent");
        let script = Script::of([says("done")]);
        limits.max_tokens = 5;
        let outcome = go(&script, &Act::default(), &limits).await;
        assert!(matches!(outcome.end, EndReason::Tokens), "{:?}", outcome.end);
        assert_eq!((script.asked.lock().expect("not poisoned").len(), outcome.usage.total()), (0, 0));
    }

    #[tokio::test]
    async fn what_failed_was_sent_all_the_same() {
        let outcome = go(&Script::default(), &Act::default(), &limits()).await;
        assert!(matches!(outcome.end, EndReason::ModelError(_)), "{:?}", outcome.end);
        assert!(outcome.usage.estimated && outcome.usage.prompt > 0, "{:?}", outcome.usage);
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_that_takes_too_long_is_dropped_and_the_model_is_told() {
        let script = Script::of([act("hang"), says("gave up")]);
        let outcome = go(&script, &Act::default(), &limits()).await;
        assert!(matches!(outcome.end, EndReason::Finished));
        assert_eq!(outcome.calls[0].status, CallStatus::TimedOut);
        assert_eq!(outcome.calls[0].reply, "Error: the tool did not end in time and was stopped");
    }

    #[tokio::test(start_paused = true)]
    async fn each_time_limit_ends_the_loop_and_is_named() {
        let slow = |seconds| {
            let mut script = Script::of(vec![act("sleep"); 8]);
            script.delay = Duration::from_secs(seconds);
            script
        };
        let mut short_turn = limits();
        short_turn.turn_time = Duration::from_secs(5);
        let mut short_total = limits();
        short_total.total_time = Duration::from_secs(25);
        let cases = [
            (slow(6), &short_turn, TimeLimit::Turn, 0, vec![]),
            (slow(1), &short_turn, TimeLimit::Turn, 1, vec![CallStatus::TimedOut]),
            (slow(4), &short_total, TimeLimit::Total, 2, vec![CallStatus::Done, CallStatus::TimedOut]),
        ];
        for (script, limits, limit, turns, statuses) in cases {
            let outcome = go(&script, &Act::default(), limits).await;
            assert!(matches!(outcome.end, EndReason::Time(l) if l == limit), "{:?}", outcome.end);
            assert_eq!(outcome.turns, turns);
            let seen: Vec<CallStatus> = outcome.calls.iter().map(|call| call.status).collect();
            assert_eq!(seen, statuses);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_cancellation_ends_the_loop_and_gives_calls_a_grace() {
        for (what, status) in [("cancel", CallStatus::Done), ("cancel and hang", CallStatus::Cancelled)] {
            let two = calls([("act", json!({"act": what})), ("act", json!({"act": "more"}))]);
            let outcome = go(&Script::of([two, says("")]), &Act::default(), &limits()).await;
            assert!(matches!(outcome.end, EndReason::Cancelled), "{:?}", outcome.end);
            assert_eq!(outcome.calls[0].status, status);
            assert_eq!(outcome.calls[1].status, CallStatus::NotRun);
        }
    }

    #[tokio::test]
    async fn a_loop_cancelled_before_it_starts_asks_nothing() {
        let (script, tool) = (Script::of([says("hi")]), Act::default());
        tool.cancel.cancel();
        let outcome = go(&script, &tool, &limits()).await;
        assert!(matches!(outcome.end, EndReason::Cancelled));
        assert!(script.asked.lock().expect("not poisoned").is_empty());
    }

    #[tokio::test]
    async fn a_model_that_fails_panics_or_babbles_ends_the_loop_with_its_error() {
        let cases = [
            (vec![], "model server did not answer after 1 attempts: script over"),
            (
                vec![json!("panic")],
                "model client panicked: assertion `left != right` failed: scripted panic\n  left: String(\"panic\")\n right: \"panic\"",
            ),
            (vec![json!(5)], "model reply is not a chat completion: the message is not an object"),
        ];
        for (replies, message) in cases {
            let outcome = go(&Script::of(replies), &Act::default(), &limits()).await;
            let EndReason::ModelError(error) = outcome.end else {
                panic!("ended by {:?}", outcome.end);
            };
            assert_eq!(error.to_string(), message);
        }
    }

    #[tokio::test]
    async fn tools_that_cannot_be_offered_are_found_before_the_first_request() {
        let (script, tool) = (Script::of([says("hi")]), Act::default());
        let mut cx = unrecorded();
        let outcome = run_tool_loop(&script, "", &[&tool, &tool], "", &limits(), &mut cx).await;
        assert!(matches!(outcome.end, EndReason::Setup(AgentError::DuplicateTool { .. })), "{:?}", outcome.end);
        assert!(script.asked.lock().expect("not poisoned").is_empty());
    }

    #[tokio::test]
    async fn tool_output_is_masked_and_cut_before_the_model_sees_it() {
        let script = Script::of([act("tell"), says("sk-script-key, I say")]);
        let mut limits = limits();
        limits.max_tool_output_bytes = 100;
        let outcome = go(&script, &Act::default(), &limits).await;
        let answer = script.request(1).pop().expect("the tool message");
        let text = answer["content"].as_str().expect("text");
        assert!(text.len() <= 100 && text.contains("bytes cut"), "{text}");
        assert!(text.starts_with("*** ") && !text.contains("sk-"), "{text}");
        assert_eq!(outcome.text, "***, I say");
    }

    #[tokio::test]
    async fn the_offline_planner_makes_its_call_and_says_that_it_is_no_model() {
        let planner = OfflinePlanner::new("act", json!({"act": "the plan"}));
        let outcome = go(&planner, &Act::default(), &limits()).await;
        assert!(matches!(outcome.end, EndReason::Finished));
        assert_eq!(outcome.calls.len(), 1);
        assert_eq!(outcome.calls[0].status, CallStatus::Done);
        assert!(outcome.text.contains("did the plan"), "{}", outcome.text);
        assert!(outcome.text.contains("No model was used"), "{}", outcome.text);
    }

    #[tokio::test]
    async fn a_transcript_holds_every_step_and_no_secret() {
        let with_secret = calls([("act", json!({"act": "hunter2 sk-script-key"}))]);
        let script = Script::of([with_secret, says("bye hunter2")]);
        let (outcome, text) = recorded(&script, &Act::default()).await;
        assert!(!text.contains("hunter2") && !text.contains("sk-script-key"), "{text}");
        let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        let kinds: Vec<&str> = lines.iter().filter_map(|line| line["kind"].as_str()).collect();
        assert_eq!(kinds, ["header", "request", "reply", "call", "request", "reply", "end"]);
        assert_eq!(lines[0]["version"], 1);
        assert_eq!(lines[0]["model"], "script");
        assert_eq!(lines[3]["arguments"], json!({"act": "*** ***"}));
        assert_eq!(lines[3]["status"], "done");
        // The second request holds only what is new.
        assert_eq!(lines[4]["messages"].as_array().map(Vec::len), Some(2));
        assert_eq!(lines[6]["reason"], "finished");
        assert_eq!(lines[6]["text"], "bye ***");
        assert_eq!(outcome.text, "bye ***");
    }

    #[tokio::test]
    async fn a_transcript_replays_to_the_same_calls_without_model_or_tools() {
        let odd = calls([
            ("act", json!("{\"act\": ")),
            ("nothing", json!("{}")),
            ("act", json!({"act": "fail"})),
            ("act", json!({"act": "panic"})),
            ("act", json!({"act": "jump"})),
        ]);
        let script = Script::of([odd, act("again"), says("bye")]);
        let (outcome, text) = recorded(&script, &Act::default()).await;
        let transcript = Transcript::parse(text.as_bytes()).expect("a transcript");
        let again = replay(&transcript).await.expect("the same calls");
        let statuses = |outcome: &LoopOutcome| -> Vec<(CallStatus, String)> {
            let call = |call: &crate::CallRecord| (call.status, call.reply.clone());
            outcome.calls.iter().map(call).collect()
        };
        let mut expected = statuses(&outcome);
        // A recorded panic is told, not raised again.
        expected[3].0 = CallStatus::Failed;
        assert_eq!(statuses(&again), expected);
        assert_eq!(again.text, "bye");
    }

    #[tokio::test]
    async fn a_replay_that_leads_to_other_calls_is_refused() {
        let script = Script::of([act("jump"), says("bye")]);
        let (_, text) = recorded(&script, &Act::default()).await;
        // The reply asks for another tool than the call line says.
        let forged = text.replacen("\"name\":\"act\"", "\"name\":\"rm\"", 2);
        let forged = Transcript::parse(forged.as_bytes()).expect("still a transcript");
        let error = replay(&forged).await.expect_err("another call");
        assert_eq!(error.to_string(), "replay differs at call 1: recorded `act` in turn 1, replayed `rm` in turn 1");
    }

    #[tokio::test]
    async fn a_torn_transcript_replays_as_far_as_it_goes() {
        let script = Script::of([act("jump"), act("sit"), says("bye")]);
        let (_, text) = recorded(&script, &Act::default()).await;
        let cut = text.rfind("\"kind\":\"reply\"").expect("three replies");
        let torn = Transcript::parse(&text.as_bytes()[..cut]).expect("torn");
        assert!(torn.is_torn());
        let outcome = replay(&torn).await.expect("two turns and their calls");
        assert_eq!(outcome.calls.len(), 2);
        assert!(
            matches!(outcome.end, EndReason::ModelError(AgentError::ReplayExhausted { recorded: 2 })),
            "{:?}",
            outcome.end
        );
    }

    #[tokio::test]
    async fn a_replayer_drives_real_tools_too() {
        let script = Script::of([act("jump"), says("bye")]);
        let (_, text) = recorded(&script, &Act::default()).await;
        let transcript = Transcript::parse(text.as_bytes()).expect("a transcript");
        let (replayer, tool) = (Replayer::new(&transcript), Act::default());
        let outcome = go(&replayer, &tool, &limits()).await;
        replayer.check(&outcome).expect("the same calls");
        assert_eq!(*tool.seen.lock().expect("not poisoned"), [json!({"act": "jump"})]);
    }

    #[tokio::test]
    async fn nothing_is_done_once_the_transcript_cannot_be_written() {
        let full = std::fs::File::options().write(true).open("/dev/full").expect("Linux has it");
        let transcript = TranscriptWriter::to_writer(full, Redactor::default());
        let mut cx = LoopContext::new(clock(), CancellationToken::new(), transcript);
        let (script, tool) = (Script::of([act("jump")]), Act::default());
        let outcome = run_tool_loop(&script, "", &[&tool], "", &limits(), &mut cx).await;
        assert!(matches!(outcome.end, EndReason::TranscriptFailed(_)), "{:?}", outcome.end);
        assert!(tool.seen.lock().expect("not poisoned").is_empty());
    }

    #[test]
    fn the_loop_can_run_on_any_thread() {
        fn is_send<T: Send>(_: &T) {}
        let (script, tool) = (Script::default(), Act::default());
        let tools: [&dyn Tool; 1] = [&tool];
        let (limits, mut cx) = (limits(), unrecorded());
        is_send(&run_tool_loop(&script, "", &tools, "", &limits, &mut cx));
    }
}
