//! A harness that embeds Squall: a fault in the background, work of its own meanwhile, its own verifier, a policy.

use std::error::Error;
use std::num::NonZeroU32;
use std::process::Command;
use std::sync::Arc;

use serde_json::Value;
use squall::chaos_faults::PauseProcess;
use squall::chaos_triggers::Immediate;
use squall::prelude::*;

/// Answers the `verify` names of this harness, in its own way.
#[derive(Debug)]
struct Harness {
    worker: u32,
}

impl Verifier for Harness {
    fn verify<'a>(
        &'a self,
        name: &'a str,
        _opaque: Option<&'a Value>,
        _cx: &'a RunContext,
    ) -> BoxFuture<'a, Option<Observation>> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.worker)).unwrap_or_default();
        let observed =
            if status.contains("State:\tS") { Observation::yes("it sleeps") } else { Observation::no(status) };
        Box::pin(async move { (name == "worker_is_back").then_some(observed) })
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let state = tempfile::tempdir()?;
    let mut worker = Command::new("sleep").arg("60").spawn()?;
    let pause = PauseProcess::from(NonZeroU32::try_from(worker.id())?);
    let mut entry = ChaosSpec::new(Immediate {}, pause);
    entry.duration_seconds = Some(Seconds::try_from(5.0)?); // at the most: `release()` below ends the hold
    entry.verify = Some("worker_is_back".into());
    let policy = Policy { max_duration_seconds: 5.0, ..Policy::default() };
    let runner = Runner::builder().policy(policy).verifier(Arc::new(Harness { worker: worker.id() }));
    let run = runner.state_dir(StateDir::at(state.path())).build()?.start(Task::of(entry))?;

    let evidence = run.entry(0).ok_or("no such entry")?.active().await.ok_or("it was never in force")?;
    println!("in force: {}", evidence.summary);
    // Here the harness does its own work, while the worker is paused.
    run.release();

    let report = run.wait().await?;
    worker.kill()?;
    worker.wait()?;
    println!("verdict: {}", report.verdict.word());
    if report.verdict == Verdict::Held { Ok(()) } else { Err("the worker did not come back".into()) }
}
