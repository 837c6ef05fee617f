//! The loop inside a run: its clock, deadline, cancellation and event stream are the run's.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use chaos_agent::{
    BoxFuture, CallStatus, EndReason, Limits, LoopContext, LoopOutcome, OfflinePlanner, Redactor, TimeLimit, Tool,
    ToolReply, TranscriptWriter, run_tool_loop,
};
use chaos_core::{
    Clock, ContextParts, EventKind, EventStream, Events, Hosts, RunContext, Secret, SystemResolver, VirtualClock,
};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

/// Takes ten minutes of the run's time.
struct Slow(RunContext);

impl Tool for Slow {
    fn name(&self) -> &'static str {
        "slow-hunter2"
    }
    fn description(&self) -> &'static str {
        "Takes ten minutes."
    }
    fn parameters(&self) -> Value {
        json!({"type": "object"})
    }
    fn call(&self, _args: Value) -> BoxFuture<'_, ToolReply> {
        Box::pin(async {
            self.0.clock().sleep(Duration::from_mins(10)).await;
            ToolReply::done("slept")
        })
    }
}

fn run() -> (RunContext, EventStream) {
    let clock: Arc<dyn Clock> = Arc::new(VirtualClock::starting_at(SystemTime::UNIX_EPOCH));
    let events = Events::new(Arc::clone(&clock));
    let stream = events.subscribe();
    let parts = ContextParts {
        run_id: "run".into(),
        seed: 0,
        clock,
        events,
        policy: Arc::default(),
        hosts: Hosts::new(Arc::new(SystemResolver)),
        env: Arc::default(),
        workspace: std::env::temp_dir(),
    };
    (RunContext::new(parts, CancellationToken::new()), stream)
}

async fn go(cx: &RunContext, limits: &Limits) -> LoopOutcome {
    let planner = OfflinePlanner::new("slow-hunter2", json!({}));
    let transcript = TranscriptWriter::discard(Redactor::new([Secret::new("hunter2")]));
    let mut loop_cx = LoopContext::of(cx, transcript);
    run_tool_loop(&planner, "goal", &[&Slow(cx.clone())], "", limits, &mut loop_cx).await
}

#[tokio::test(start_paused = true)]
async fn time_is_the_runs_own() {
    let (cx, _events) = run();
    let outcome = go(&cx, &Limits::for_planned(Duration::from_mins(10))).await;
    assert!(matches!(outcome.end, EndReason::Finished), "{:?}", outcome.end);
    assert_eq!(outcome.calls[0].status, CallStatus::Done);
    assert!(cx.clock().now() >= Duration::from_mins(10));
}

#[tokio::test(start_paused = true)]
async fn the_nodes_deadline_is_a_total_time_too() {
    let (cx, _events) = run();
    let cx = cx.child("action", Some(Duration::from_mins(1)));
    let outcome = go(&cx, &Limits::for_planned(Duration::from_mins(10))).await;
    assert!(matches!(outcome.end, EndReason::Time(TimeLimit::Total)), "{:?}", outcome.end);
    assert_eq!(outcome.calls[0].status, CallStatus::TimedOut);
}

#[tokio::test(start_paused = true)]
async fn cancelling_the_node_ends_the_loop() {
    let (cx, _events) = run();
    let cancel = cx.cancel_token().clone();
    let clock = cx.shared_clock();
    let cancel = async {
        clock.sleep(Duration::from_mins(5)).await;
        cancel.cancel();
    };
    let limits = Limits::for_planned(Duration::from_mins(10));
    let (outcome, ()) = tokio::join!(go(&cx, &limits), cancel);
    assert!(matches!(outcome.end, EndReason::Cancelled), "{:?}", outcome.end);
    assert_eq!(outcome.calls[0].status, CallStatus::Cancelled);
}

#[tokio::test(start_paused = true)]
async fn each_call_is_told_to_the_runs_events_without_secrets() {
    let (cx, mut events) = run();
    go(&cx, &Limits::for_planned(Duration::from_mins(10))).await;
    let mut notes = Vec::new();
    while let Some(event) = events.try_recv() {
        match event.kind {
            EventKind::Note { text } => notes.push(text),
            other => panic!("unexpected event {other:?}"),
        }
    }
    assert_eq!(notes, ["tool call `slow-***` in turn 1: done"]);
}
