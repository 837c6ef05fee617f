//! A load fault that simulates its target: `k` workers with a fixed service time behind one queue, under virtual time.
//!
//! It stands in for the load fault and gives the same report. The port of the URL chooses the target.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::num::NonZeroU32;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use chaos_agent::{AgentError, Model, ModelRequest, ModelTurn};
use chaos_core::{
    BoxFuture, CeilingKind, Evidence, Fault, InjectContext, Injection, LatencyReport, LoadCounts, LoadDuration,
    LoadFailure, LoadFailureKind, LoadGenerator, LoadReport, LoadRequest, LoadSchedule, LoadSegment, Outcome,
    PercentileMs, Plan, PluginError, Reach, RunContext, Sighting, Span, Undo, parse, register_fault,
};
use chaos_experiment::{Experiment, ExperimentReport};
use chaos_schema::ExperimentSpec;
use chaos_test::Bench;
use chaos_triggers as _;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::Rng;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Port, workers, seconds of service: the limit is the second over the third.
pub(crate) const TARGETS: [(u16, usize, f64); 3] = [(8001, 4, 0.010), (8002, 2, 0.050), (8003, 10, 0.0125)];
/// The port of a target that is faster than the generator, which manages `GENERATOR` requests a second.
pub(crate) const FAST: u16 = 8009;
pub(crate) const GENERATOR: f64 = 350.0;
/// The port of a target that answers 500 to everything, at once.
pub(crate) const FAILING: u16 = 8010;
/// The port of a target of which every twentieth request hangs for ever.
pub(crate) const HANGING: u16 = 8011;
/// The port of a target that serves `SERVED` connections, while the others wait for seconds.
pub(crate) const UNSERVED: u16 = 8012;
const SERVED: u32 = 8;
/// A file in the workspace that makes every answer slower by this much, in seconds.
pub(crate) const SLOW: &str = "slow";
const SLOWER: f64 = 0.008;
/// A file in the workspace that makes the target pause for a moment in one load; which one, from 0, is its text.
pub(crate) const STALL: &str = "stall";
const STALLED: f64 = 0.4;

/// Simulates a load.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Simulated {
    /// What is loaded.
    target: LoadRequest,
}

impl From<LoadRequest> for Simulated {
    fn from(target: LoadRequest) -> Self {
        Self { target }
    }
}

impl Fault for Simulated {
    const SPAN: Span = Span::Finite;

    async fn plan(&self, _cx: &RunContext) -> Result<Plan, PluginError> {
        let plan = Plan::new("simulate")
            .reaching(Reach::host(self.target.service_url.host().clone()))
            .at_most(CeilingKind::Qps, self.target.qps.get())
            .lasting(duration(&self.target));
        Ok(match self.target.concurrency {
            Some(connections) => plan.at_most(CeilingKind::Concurrency, connections.get()),
            None => plan,
        })
    }

    async fn inject(&self, cx: &InjectContext, _undo: &Undo) -> Result<Injection, PluginError> {
        let slower = if cx.workspace().join(SLOW).exists() { SLOWER } else { 0.0 };
        let stall = if meets_the_stall(cx.workspace()) { STALLED } else { 0.0 };
        let load = Simulation::of(&self.target, slower, stall, &mut cx.rng()).report(&self.target);
        cx.active(Evidence::new("the first request was answered"));
        let took = load.elapsed_seconds;
        if !cx.sleep(Duration::from_secs_f64(took)).await {
            return Err(PluginError::Cancelled);
        }
        Ok(Injection::Finished(Outcome::landed(Evidence::new("answered")).with_load(load)))
    }

    async fn witness(&self, _cx: &RunContext) -> Sighting {
        Sighting::unknown("its evidence is in its outcome")
    }
}

register_fault!(Simulated, "load", load_from: Simulated::from);

fn duration(target: &LoadRequest) -> Duration {
    target.duration.map_or(Duration::from_secs(30), LoadDuration::get)
}

/// Counts the file down by one load.
fn meets_the_stall(workspace: &Path) -> bool {
    let path = workspace.join(STALL);
    let Some(left) = std::fs::read_to_string(&path).ok().and_then(|text| text.parse::<u32>().ok()) else {
        return false;
    };
    let next = left.checked_sub(1).map(|left| std::fs::write(&path, left.to_string()));
    next.map_or_else(|| std::fs::remove_file(&path).is_ok(), |_| false)
}

/// One call, in seconds.
struct Call {
    due: f64,
    sent: f64,
    done: f64,
    failure: Option<LoadFailureKind>,
}

/// Orders times, which are never NaN.
#[derive(PartialEq)]
struct At(f64);
impl Eq for At {}
impl PartialOrd for At {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for At {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.total_cmp(&other.0)
    }
}

/// What a simulated load gave.
struct Simulation {
    calls: Vec<Call>,
    scheduled: f64,
    planned: f64,
    connections: u32,
}

#[expect(clippy::cast_precision_loss, reason = "small numbers of a simulation")]
impl Simulation {
    fn of(target: &LoadRequest, slower: f64, mut stall: f64, rng: &mut ChaCha8Rng) -> Self {
        let port = target.service_url.host().port;
        let known = TARGETS.into_iter().find(|(known, ..)| *known == port);
        let (workers, service) = known.map_or((64, 0.0005), |(_, workers, service)| (workers, service));
        let connections = target.concurrency.map_or(4, NonZeroU32::get);
        let (qps, planned) = (f64::from(target.qps.get()), duration(target).as_secs_f64());
        let heap = |n: u32| (0..n).map(|_| Reverse(At(0.0))).collect::<BinaryHeap<_>>();
        let (mut idle, mut free) = (heap(connections), heap(u32::try_from(workers).unwrap()));
        let mut sending: f64 = 0.0;
        let mut calls = Vec::new();
        let mut index = 0.0;
        while index / qps < planned {
            let due = index / qps;
            if stall > 0.0 && due > planned / 2.0 {
                let pause = std::mem::take(&mut stall);
                free = free.into_iter().map(|Reverse(At(at))| Reverse(At(at.max(due) + pause))).collect();
            }
            index += 1.0;
            let Some(Reverse(At(ready))) = idle.pop() else { break };
            // A generator of its own speed hands out one request after the other.
            let pace = if port == FAST { 1.0 / GENERATOR } else { 0.0 };
            sending = (sending + pace).max(due);
            let sent = due.max(ready).max(if pace > 0.0 { sending } else { 0.0 });
            if sent > planned + 3.0 {
                break;
            }
            let Some(Reverse(At(worker))) = free.pop() else { break };
            let noise = 0.001 * rng.next_u64() as f64 / u64::MAX as f64;
            let (failure, hangs) = trouble(port, calls.len(), connections, target);
            let served = worker.max(sent) + service;
            free.push(Reverse(At(served)));
            let done = served + slower + noise + hangs;
            idle.push(Reverse(At(done)));
            calls.push(Call { due, sent, done, failure });
        }
        Self { calls, scheduled: index, planned, connections }
    }

    /// The times of the calls that were due from `settle` on.
    fn times(&self, settle: f64, of: fn(&Call) -> f64) -> LatencyReport {
        Self::times_of(self.calls.iter().filter(|call| call.due >= settle), of)
    }

    /// The same of the calls that were answered well.
    fn ok_times(&self, settle: f64) -> LatencyReport {
        let good = self.calls.iter().filter(|call| call.due >= settle && call.failure.is_none());
        Self::times_of(good, |call| call.done - call.due)
    }

    fn failures(&self, settle: f64) -> Vec<LoadFailure> {
        let of = |kind: LoadFailureKind, cause: &str| {
            let failed = self.calls.iter().filter(|call| call.due >= settle && call.failure == Some(kind));
            LoadFailure { kind, cause: cause.to_owned(), count: failed.count() as u64, ..LoadFailure::default() }
        };
        let kinds = [of(LoadFailureKind::Status, "status 500"), of(LoadFailureKind::Timeout, "timeout")];
        kinds.into_iter().filter(|failure| failure.count > 0).collect()
    }

    fn times_of<'c>(calls: impl Iterator<Item = &'c Call>, of: fn(&Call) -> f64) -> LatencyReport {
        let mut values: Vec<f64> = calls.map(of).collect();
        values.sort_by(f64::total_cmp);
        let at = |p: f64| {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an index")]
            let index = (p / 100.0 * values.len() as f64) as usize;
            values.get(index.min(values.len().saturating_sub(1))).copied().unwrap_or(0.0)
        };
        let percentiles = [1.0, 10.0, 50.0, 75.0, 90.0, 95.0, 99.0, 99.9, 99.99];
        let mut percentiles =
            percentiles.map(|percentile| PercentileMs { percentile, ms: at(percentile) * 1e3 }).to_vec();
        percentiles.retain(|_| !values.is_empty());
        let mean = values.iter().sum::<f64>() / (values.len() as f64).max(1.0);
        let count = values.len() as u64;
        LatencyReport { count, min_ms: at(0.0) * 1e3, mean_ms: mean * 1e3, max_ms: at(100.0) * 1e3, percentiles }
    }

    fn report(&self, target: &LoadRequest) -> LoadReport {
        let end = self.calls.iter().map(|call| call.done).fold(self.planned, f64::max);
        let completed = self.calls.len() as u64;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count of calls")]
        let scheduled = self.scheduled as u64;
        let settle = target.warmup.map_or(0.0, |warmup| warmup.get().as_secs_f64());
        let service = self.times(settle, |call| call.done - call.sent);
        let response = self.times(settle, |call| call.done - call.due);
        let fast = target.service_url.host().port == FAST;
        let (failures, measured) = (self.failures(0.0), self.failures(settle));
        let errors = |failures: &[LoadFailure]| failures.iter().map(|failure| failure.count).sum::<u64>();
        let timed_out = self.calls.iter().filter(|call| call.failure == Some(LoadFailureKind::Timeout)).count() as u64;
        let busy = if fast { (f64::from(target.qps.get()) / GENERATOR).min(1.0) } else { 0.05 };
        LoadReport {
            request: target.clone(),
            generator: LoadGenerator::Embedded,
            schedule: LoadSchedule::Open,
            connections: self.connections,
            started_at_ms: 0,
            elapsed_seconds: end,
            achieved_qps: completed as f64 / end,
            timeout_ms: target.timeout_seconds.get().as_secs_f64() * 1e3,
            counts: LoadCounts {
                scheduled,
                started: completed,
                completed,
                missed: scheduled - completed,
                ok: completed - errors(&failures),
                errors: errors(&failures),
                answered: completed - timed_out,
                timed_out,
                ..LoadCounts::default()
            },
            statuses: Vec::new(),
            failures,
            bytes_sent: 0,
            bytes_received: 0,
            service: self.times(0.0, |call| call.done - call.sent),
            service_buckets: Vec::new(),
            response: self.times(0.0, |call| call.done - call.due),
            ok_response: self.ok_times(0.0),
            start_lag: self.times(0.0, |call| call.sent - call.due),
            backlog_ms: (end - self.planned) * 1e3,
            saturated: false,
            generator_busy_ratio: busy,
            measured: Some(LoadSegment {
                name: "measured".to_owned(),
                start_seconds: settle,
                ok: response.count - errors(&measured),
                errors: errors(&measured),
                service,
                ok_response: self.ok_times(settle),
                response,
                failures: measured,
            }),
            segments: Vec::new(),
            phases: Vec::new(),
            seconds: Vec::new(),
            traces: Vec::new(),
            stopped_early: None,
            failure: None,
        }
    }
}

/// How a call fails, if it does, and how many seconds it takes beyond its service.
fn trouble(port: u16, call: usize, connections: u32, target: &LoadRequest) -> (Option<LoadFailureKind>, f64) {
    match port {
        FAILING => (Some(LoadFailureKind::Status), 0.0),
        HANGING if call % 20 == 19 => (Some(LoadFailureKind::Timeout), target.timeout_seconds.get().as_secs_f64()),
        UNSERVED if connections > SERVED && call % 50 == 49 => (None, 1.8),
        _ => (None, 0.0),
    }
}

/// Says the scripted messages one after the other, and then nothing but that it is done.
pub(crate) struct Script(pub(crate) Vec<Value>);

impl Model for Script {
    fn name(&self) -> &'static str {
        "script"
    }

    fn reply<'a>(&'a self, request: ModelRequest<'a>) -> BoxFuture<'a, Result<ModelTurn, AgentError>> {
        let done = json!({"content": "done"});
        let message = self.0.get(request.turns_so_far()).cloned().unwrap_or(done);
        Box::pin(async move { Ok(ModelTurn::new(message)) })
    }
}

/// The document of an experiment on one of the targets, with more in it.
pub(crate) fn spec(port: u16, goal: &str, more: &Value) -> ExperimentSpec {
    let mut document = json!({"goal": goal, "target": format!("http://127.0.0.1:{port}/")});
    document.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap());
    parse(&document).unwrap()
}

/// Runs an experiment under virtual time, in a place of its own.
pub(crate) fn run(bench: &Bench, seed: u64, spec: ExperimentSpec, model: Option<Script>) -> ExperimentReport {
    let runner = bench.runner().seed(seed).build().unwrap();
    let mut experiment = Experiment::new(spec);
    if let Some(model) = model {
        experiment = experiment.model(Arc::new(model));
    }
    experiment.start(&runner).unwrap().wait_blocking().unwrap()
}

/// A fault that makes a file, and so does something only where the file has the right name.
pub(crate) fn touch(path: &Path) -> Value {
    json!({"type": "test_touch_file", "path": path, "misbehave": "no"})
}
