//! One conversation about one load, and what comes of it.

use std::time::Duration;

use chaos_agent::{EndReason, Limits, LoopContext, Model, Tool, run_tool_loop};
use chaos_core::{InjectContext, Outcome, PluginError};

use super::super::engine::LoadStarter;
use super::goal::{SYSTEM, goal};
use super::judge;
use super::load_tool::LoadTool;
use super::offer::Offer;
use super::one_load::{LoadState, OneLoad};
use super::run_command::RunCommand;
use super::transcript::Record;

/// A cancelled load waits for requests under way; this much more is for the threads, still inside the engine's 5 s.
const MARGIN: Duration = Duration::from_secs(1);

/// Lets a model make the planned load, and judges by what the load engine measured, never by what the model says.
pub(super) async fn drive(
    model: &dyn Model,
    offer: &Offer,
    starter: &LoadStarter<'_>,
    allow_command: bool,
    cx: &InjectContext,
) -> Result<Outcome, PluginError> {
    let longest = offer.longest();
    let addresses = cx.allowed_addresses(longest.host()).await?;
    let Record { writer, path } = Record::create(cx).await?;
    let one_load = OneLoad::new(offer, starter, addresses, cx);
    let load = LoadTool(&one_load);
    let run_command = RunCommand { one_load: &one_load, home: cx.env("HOME") };
    let mut tools: Vec<&dyn Tool> = vec![&load];
    if allow_command {
        tools.push(&run_command);
    }
    let mut limits = Limits::for_planned(longest.duration()).with_answer_time(model.answer_time());
    limits.cancel_grace = longest.timeout() + MARGIN;
    if let Some(left) = cx.time_left() {
        // A model that is slow to sum up must not cost a load that landed: the conversation ends before the engine does.
        limits.total_time = limits.total_time.min(left.saturating_sub(MARGIN));
    }
    let mut loop_cx = LoopContext::of(cx, writer);
    let conversation = run_tool_loop(model, &goal(offer), &tools, SYSTEM, &limits, &mut loop_cx).await;
    let state = one_load.into_state();
    if let (LoadState::NotMade, EndReason::Setup(error) | EndReason::TranscriptFailed(error)) =
        (&state, &conversation.end)
    {
        return Err(PluginError::failed(format!("no load was made: {error}")));
    }
    Ok(judge::outcome(state, &conversation, &path.display().to_string()))
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use chaos_agent::{AgentError, BoxFuture, ModelRequest, ModelTurn};
    use chaos_core::{Policy, Presence};
    use chaos_load::target::{Behaviour, Target, serve};
    use serde_json::{Value, json};

    use super::super::super::engine::Engine;
    use super::super::super::test_context::{TestContext, target, undo};
    use super::super::offer::Chooses;
    use super::*;

    const TOO_LATE: &str = "too late for the load: it takes 500ms and its answers up to 3s more, but only ";

    /// Says the scripted messages one after the other.
    struct Script(Vec<Value>);

    impl Model for Script {
        fn name(&self) -> &'static str {
            "script"
        }

        fn reply<'a>(&'a self, request: ModelRequest<'a>) -> BoxFuture<'a, Result<ModelTurn, AgentError>> {
            let message = self.0[request.turns_so_far()].clone();
            Box::pin(async move { Ok(ModelTurn::new(message)) })
        }
    }

    fn asks(calls: &[(&str, Value)]) -> Value {
        let calls: Vec<Value> = calls
            .iter()
            .enumerate()
            .map(|(n, (tool, args))| json!({"id": n.to_string(), "function": {"name": tool, "arguments": args}}))
            .collect();
        json!({"content": null, "tool_calls": calls})
    }

    fn says(text: &str) -> Value {
        json!({ "content": text })
    }

    fn service() -> Target {
        serve(([127, 0, 0, 1], 0).into(), Behaviour::new()).unwrap()
    }

    /// A model that cannot be had.
    struct Gone;

    impl Model for Gone {
        fn name(&self) -> &'static str {
            "gone"
        }

        fn reply<'a>(&'a self, _: ModelRequest<'a>) -> BoxFuture<'a, Result<ModelTurn, AgentError>> {
            Box::pin(async { Err(AgentError::ModelRefused { status: 401, message: "no such key".to_owned() }) })
        }
    }

    /// Lets a script make 50 requests in half a second, or whatever else it asks for.
    async fn run(url: &str, script: Vec<Value>) -> (Outcome, String) {
        let place = TestContext::new(&[("HOME", "/home/someone")]);
        let offer = Offer::of(&target(url, 100, "500ms", 4), Chooses::Model, &Policy::default()).unwrap();
        let cx = place.cx();
        let starter = LoadStarter { engine: Engine::Embedded, undo: &undo(&cx) };
        let model: &dyn Model = if script.is_empty() { &Gone } else { &Script(script) };
        let outcome = drive(model, &offer, &starter, true, &cx.into()).await.unwrap();
        let path = outcome.sighting.evidence.data["transcript"].as_str().unwrap().to_owned();
        (outcome, std::fs::read_to_string(path).unwrap())
    }

    #[tokio::test]
    async fn a_model_that_only_claims_to_have_made_load_did_not() {
        let service = service();
        let (outcome, _) = run(&service.url(), vec![says("I sent 50 requests; all were answered with 200.")]).await;
        assert_eq!(outcome.error.as_deref(), Some("no fortio load command was executed"));
        assert_eq!((outcome.sighting.presence, outcome.load), (Presence::Absent, None));
        assert_eq!(service.requests(), 0);
    }

    #[tokio::test]
    async fn why_no_load_was_made_is_the_error() {
        let service = service();
        let as_text = || says("<tool_call>{\"name\": \"load\"}</tool_call>");
        let again = || asks(&[("run_command", json!({"command": "true"}))]);
        let rows = [
            (vec![], "no load was made: model server refused with status 401: no such key"),
            (vec![says("I would rather not.")], "no fortio load command was executed"),
            (
                vec![as_text(), as_text(), as_text()],
                "no load was made: the model wrote its tool calls as text, which its server should have read",
            ),
            (vec![again(); 8], "no load was made: the conversation ended with turn_cap"),
        ];
        for (script, why) in rows {
            let (outcome, _) = run(&service.url(), script).await;
            assert_eq!(outcome.error.as_deref(), Some(why));
            assert!(outcome.sighting.evidence.summary.contains(why), "{}", outcome.sighting.evidence.summary);
        }
        assert_eq!(service.requests(), 0);
    }

    #[tokio::test]
    async fn one_good_call_lands_and_the_final_text_is_the_output() {
        let service = service();
        let url = service.url();
        let calls = [
            ("load", json!({"service_url": url})),
            ("run_command", json!({"command": format!("fortio load -qps 100 -t 500ms {url}")})),
            ("run_command", json!({"command": ["~/bin/fortio", "load", "-qps", "100", "-n", "50", url]})),
        ];
        for (n, call) in (1..).zip(calls) {
            let (outcome, _) = run(&url, vec![asks(&[call]), says("done")]).await;
            assert_eq!((outcome.error, outcome.output.as_str()), (None, "done"));
            assert_eq!(outcome.sighting.presence, Presence::Present);
            assert_eq!(service.requests(), 50 * n);
            let load = outcome.load.unwrap();
            assert_eq!((load.with_status(200), load.request.qps.get()), (50, 100));
        }
    }

    #[tokio::test]
    async fn a_second_load_is_refused_whatever_tool_asks_for_it() {
        let service = service();
        let url = service.url();
        let load = ("load", json!({"service_url": url}));
        let command = ("run_command", json!({"command": format!("fortio load -qps 100 -t 500ms {url}")}));
        let script = vec![asks(&[load.clone(), command.clone()]), asks(&[command, load]), says("done")];
        let (outcome, transcript) = run(&url, script).await;
        assert_eq!(outcome.error, None);
        assert_eq!(service.requests(), 50);
        assert_eq!(transcript.matches("Error: the one load was made already").count(), 3 + 3, "answer and history");
    }

    #[tokio::test]
    async fn refused_calls_reach_nobody_and_stand_in_the_transcript() {
        let (service, other) = (service(), service());
        let url = service.url();
        let calls = [
            ("load", json!({"service_url": other.url()})),
            ("run_command", json!({"command": format!("fortio load -qps 100 -t 500ms {}", other.url())})),
            ("run_command", json!({"command": format!("sh -c 'fortio load {url}'")})),
            ("run_command", json!({"command": format!("fortio load -resolve 127.0.0.1 {url}")})),
            ("run_command", json!({"command": format!("fortio load -qps 100 -t 500ms -json /etc/x {url}")})),
            ("run_command", json!({"command": {"program": "fortio"}})),
            ("load", json!({"service_url": url, "qps": 101})),
        ];
        let (outcome, transcript) = run(&url, vec![asks(&calls), says("refused")]).await;
        assert_eq!(outcome.error.as_deref(), Some("no fortio load command was executed"));
        assert_eq!((service.requests(), other.requests(), other.connections()), (0, 0, 0));
        let failed = transcript.lines().filter(|line| line.contains(r#""status":"failed""#)).count();
        assert_eq!(failed, calls.len(), "{transcript}");
    }

    #[tokio::test]
    async fn a_load_that_would_be_cut_off_is_not_begun() {
        let (service, place) = (service(), TestContext::new(&[]));
        let offer = Offer::of(&target(&service.url(), 100, "500ms", 4), Chooses::Model, &Policy::default()).unwrap();
        let cx = place.cx().child("action", Some(Duration::from_secs(3)));
        let script = Script(vec![asks(&[("load", json!({"service_url": service.url()}))]), says("too late")]);
        let starter = LoadStarter { engine: Engine::Embedded, undo: &undo(&cx) };
        let outcome = drive(&script, &offer, &starter, false, &cx.into()).await.unwrap();
        assert_eq!(outcome.error.as_deref(), Some("no fortio load command was executed"));
        let transcript = outcome.sighting.evidence.data["transcript"].as_str().unwrap().to_owned();
        assert!(std::fs::read_to_string(transcript).unwrap().contains(TOO_LATE));
        assert_eq!(service.connections(), 0);
    }

    #[tokio::test]
    async fn load_that_nobody_answers_did_not_reach_the_workload() {
        // The port of a client: nobody listens there, and nobody else gets it while the connection is held.
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let url = format!("http://{}/", client.local_addr().unwrap());
        let script = vec![asks(&[("load", json!({"service_url": url}))]), says("50 requests were answered")];
        let (outcome, _) = run(&url, script).await;
        assert_eq!(outcome.error.as_deref(), Some("load did not reach the workload: connection refused"));
        assert_eq!(outcome.sighting.presence, Presence::Absent);
        assert_eq!(outcome.load.unwrap().counts.errors, 50);
    }

    #[tokio::test]
    async fn answers_of_whatever_status_land_and_the_errors_are_told() {
        let service = serve(([127, 0, 0, 1], 0).into(), Behaviour::new().status(503)).unwrap();
        let script = vec![asks(&[("load", json!({"service_url": service.url()}))]), says("done")];
        let (outcome, _) = run(&service.url(), script).await;
        let evidence = &outcome.sighting.evidence;
        assert_eq!((outcome.error, &evidence.data["error_ratio"]), (None, &json!(1.0)));
        assert!(evidence.summary.contains("100.0 % errors: status 503 (50)"), "{}", evidence.summary);
    }
}
