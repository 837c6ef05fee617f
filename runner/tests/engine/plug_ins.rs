//! Plug-ins that only the tests of the engine need.

use std::time::Duration;

use chaos_core::{
    Ceiling, Evidence, Fault, Fired, HostPort, InjectContext, Injection, Observation, Outcome, Plan, PluginError,
    Probe, Reach, RunContext, Sighting, Span, Trigger, Undo, UndoContext, UndoStep, Undone, register_fault,
    register_probe, register_trigger, register_undo_step,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A host that no default policy allows, as an address, so that nobody asks a name server.
fn far() -> Reach {
    Reach::host(HostPort::new("203.0.113.9", 80))
}

/// A probe that would reach a host far away.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct FarProbe {}

impl Probe for FarProbe {
    async fn observe(&self, _cx: &RunContext) -> Observation {
        Observation::yes("never asked")
    }

    fn reach(&self) -> Result<Reach, PluginError> {
        Ok(far())
    }
}

register_probe!(FarProbe, "engine_far");

/// A probe that opens so many connections at each look.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ManyProbe {
    connections: u16,
}

impl Probe for ManyProbe {
    async fn observe(&self, _cx: &RunContext) -> Observation {
        Observation::yes("asked")
    }

    fn reach(&self) -> Result<Reach, PluginError> {
        let hosts = (0..self.connections).map(|_| HostPort::new("127.0.0.1", 80)).collect();
        Ok(Reach { hosts, ..Reach::default() })
    }
}

register_probe!(ManyProbe, "engine_many");

/// A trigger that would reach a host far away.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct FarTrigger {}

impl Trigger for FarTrigger {
    async fn wait(&self, _cx: &RunContext) -> Result<Fired, PluginError> {
        Ok(Fired("never waited for".into()))
    }

    fn reach(&self) -> Result<Reach, PluginError> {
        Ok(far())
    }
}

register_trigger!(FarTrigger, "engine_far");

/// A trigger that opens so many connections at each look, for a while.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ManyTrigger {
    connections: u16,
    interval_ms: u64,
    /// After so many seconds.
    seconds: u64,
}

impl Trigger for ManyTrigger {
    async fn wait(&self, cx: &RunContext) -> Result<Fired, PluginError> {
        cx.clock().sleep(Duration::from_secs(self.seconds)).await;
        Ok(Fired("asked".into()))
    }

    fn reach(&self) -> Result<Reach, PluginError> {
        let hosts = (0..self.connections).map(|_| HostPort::new("127.0.0.1", 80)).collect();
        Ok(Reach { hosts, ..Reach::default() })
    }

    fn asks(&self) -> Result<Vec<Ceiling>, PluginError> {
        Ok(Trigger::reach(self)?.asked_every(Duration::from_millis(self.interval_ms)).into())
    }
}

register_trigger!(ManyTrigger, "engine_many");

/// A probe that answers after a time.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct SlowProbe {
    /// After so many seconds.
    seconds: u32,
}

impl Probe for SlowProbe {
    async fn observe(&self, cx: &RunContext) -> Observation {
        cx.clock().sleep(Duration::from_secs(self.seconds.into())).await;
        Observation::yes("at last")
    }
}

register_probe!(SlowProbe, "engine_slow");

/// A finite fault whose target is a file that may appear later, or is missing for good.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NeedsFile {
    /// The file.
    path: std::path::PathBuf,
    /// Whether it may appear until the trigger fires.
    may_appear: bool,
}

impl Fault for NeedsFile {
    const SPAN: Span = Span::Finite;

    async fn plan(&self, _cx: &RunContext) -> Result<Plan, PluginError> {
        match (self.path.exists(), self.may_appear) {
            (true, _) => Ok(Plan::new("use the file").lasting(Duration::from_secs(1))),
            (false, true) => Err(PluginError::NotYet("no such file".into())),
            (false, false) => Err(PluginError::failed("no such file")),
        }
    }

    async fn inject(&self, cx: &InjectContext, _undo: &Undo) -> Result<Injection, PluginError> {
        cx.active(Evidence::new("used"));
        Ok(Injection::Finished(Outcome::landed(Evidence::new("used"))))
    }

    async fn witness(&self, _cx: &RunContext) -> Sighting {
        Sighting::unknown("its evidence is in its outcome")
    }
}

register_fault!(NeedsFile, "engine_needs_file");

/// A finite fault that is in force only after a while, and counts what it has done when it is released.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct CountsUp {
    /// Seconds until it is in force.
    starts_in: u32,
    /// Seconds until its own end.
    seconds: u32,
}

impl Fault for CountsUp {
    const SPAN: Span = Span::Finite;

    async fn plan(&self, _cx: &RunContext) -> Result<Plan, PluginError> {
        let seconds = self.starts_in + self.seconds;
        Ok(Plan::new("count").lasting(Duration::from_secs(seconds.into())))
    }

    async fn inject(&self, cx: &InjectContext, _undo: &Undo) -> Result<Injection, PluginError> {
        if !cx.sleep(Duration::from_secs(self.starts_in.into())).await {
            return Err(PluginError::Cancelled);
        }
        cx.active(Evidence::new("counting"));
        let mut counted = 0;
        while counted < self.seconds && !cx.is_released() {
            tokio::select! {
                () = cx.released() => {}
                whole = cx.sleep(Duration::from_secs(1)) => {
                    if !whole {
                        return Err(PluginError::Cancelled);
                    }
                    counted += 1;
                }
            }
        }
        let seen = Evidence::new(format!("counted to {counted}"));
        let outcome = if counted == 0 { Outcome::missed("it counted nothing", seen) } else { Outcome::landed(seen) };
        Ok(Injection::Finished(outcome.with_output(counted.to_string())))
    }

    async fn witness(&self, _cx: &RunContext) -> Sighting {
        Sighting::unknown("its evidence is in its outcome")
    }
}

register_fault!(CountsUp, "engine_counts_up");

/// A probe that answers by a script, and never again once the script is over.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ScriptedProbe {
    /// Milliseconds until each answer, and the answer.
    answers: Vec<(u64, bool)>,
    /// What it says of itself: an answer takes so long at the most.
    #[serde(default)]
    at_most_seconds: Option<u32>,
    /// Whether no virtual time passes any more once the script is over.
    #[serde(default)]
    holds_time: bool,
    #[serde(skip)]
    #[schemars(skip)]
    asked: std::sync::atomic::AtomicUsize,
}

impl Probe for ScriptedProbe {
    async fn observe(&self, cx: &RunContext) -> Observation {
        let turn = self.asked.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        let Some((after, yes)) = self.answers.get(turn).copied() else {
            let _held = self.holds_time.then(|| cx.clock().external());
            return std::future::pending().await;
        };
        cx.clock().sleep(Duration::from_millis(after)).await;
        if yes { Observation::yes("by the script") } else { Observation::no("by the script") }
    }

    fn at_most(&self) -> Option<Duration> {
        self.at_most_seconds.map(|seconds| Duration::from_secs(seconds.into()))
    }
}

register_probe!(ScriptedProbe, "engine_scripted");

/// A badly written probe: it blocks its thread until a file is gone.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct BlockingProbe {
    /// The file.
    path: std::path::PathBuf,
}

impl Probe for BlockingProbe {
    async fn observe(&self, _cx: &RunContext) -> Observation {
        block_while(&self.path);
        if !self.path.exists() {
            return Observation::yes("the file is gone");
        }
        Observation::yes("the file stayed for 2 min")
    }
}

register_probe!(BlockingProbe, "engine_blocking");

/// Blocks its thread, as badly written plug-ins do; 2 min are a bound, for the case that nobody ever removes the file.
fn block_while(path: &std::path::Path) {
    for _ in 0..12_000 {
        if !path.exists() {
            return;
        }
        #[expect(clippy::disallowed_methods, reason = "blocking its thread is what these plug-ins do wrong")]
        std::thread::sleep(Duration::from_millis(10));
    }
    // Shows that somebody waited for it.
    let _ = std::fs::write(path.with_extension("late"), "");
}

/// A trigger that blocks its thread until a file is gone.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct BlockingTrigger {
    /// The file.
    path: std::path::PathBuf,
}

impl Trigger for BlockingTrigger {
    async fn wait(&self, _cx: &RunContext) -> Result<Fired, PluginError> {
        block_while(&self.path);
        Ok(Fired("the file is gone".into()))
    }
}

register_trigger!(BlockingTrigger, "engine_blocking_trigger");

/// A fault that makes a file without an undo, and blocks its thread, in its injection or when it is looked at.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct BlockingFault {
    /// The file that says that it was called.
    called: std::path::PathBuf,
    /// The file that it waits for.
    path: std::path::PathBuf,
    /// Whether it is the look that blocks.
    in_witness: bool,
}

impl Fault for BlockingFault {
    const SPAN: Span = Span::Sustained;

    async fn plan(&self, _cx: &RunContext) -> Result<Plan, PluginError> {
        Ok(Plan::new("block a thread"))
    }

    async fn inject(&self, _cx: &InjectContext, _undo: &Undo) -> Result<Injection, PluginError> {
        std::fs::write(&self.called, "").map_err(|error| PluginError::failed(error.to_string()))?;
        if !self.in_witness {
            block_while(&self.path);
        }
        Ok(Injection::in_force_while(()))
    }

    async fn witness(&self, _cx: &RunContext) -> Sighting {
        if !self.called.exists() {
            return Sighting::absent(Evidence::new("not called"));
        }
        if self.in_witness {
            block_while(&self.path);
        }
        Sighting::present(Evidence::new("called"))
    }
}

register_fault!(BlockingFault, "engine_blocking_fault");

/// A fault that makes a file; its undo step blocks its thread, or what it holds does when it is let go.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct BlockingUndoFault {
    /// The file.
    file: std::path::PathBuf,
    /// The file that the undo waits for.
    path: std::path::PathBuf,
    /// Whether it is what the fault holds that blocks.
    in_drop: bool,
}

/// Blocks the thread that drops it.
struct BlocksWhenDropped(std::path::PathBuf);

impl Drop for BlocksWhenDropped {
    fn drop(&mut self) {
        block_while(&self.0);
    }
}

/// Removes a file once another one is gone, and blocks its thread until then.
#[derive(Debug, Serialize, Deserialize)]
struct BlockingStep {
    file: std::path::PathBuf,
    path: std::path::PathBuf,
}

impl Fault for BlockingUndoFault {
    const SPAN: Span = Span::Sustained;

    async fn plan(&self, _cx: &RunContext) -> Result<Plan, PluginError> {
        Ok(Plan::new("make a file"))
    }

    async fn inject(&self, _cx: &InjectContext, undo: &Undo) -> Result<Injection, PluginError> {
        let gate = if self.in_drop { self.path.with_extension("never") } else { self.path.clone() };
        let _effect = undo.arm(BlockingStep { file: self.file.clone(), path: gate }).await?;
        std::fs::write(&self.file, "").map_err(|error| PluginError::failed(error.to_string()))?;
        let held = self.in_drop.then(|| BlocksWhenDropped(self.path.clone()));
        Ok(held.map_or_else(Injection::in_force, Injection::in_force_while))
    }

    async fn witness(&self, _cx: &RunContext) -> Sighting {
        let shown = Evidence::new("the file");
        if self.file.exists() { Sighting::present(shown) } else { Sighting::absent(shown) }
    }
}

register_fault!(BlockingUndoFault, "engine_blocking_undo");

impl UndoStep for BlockingStep {
    async fn undo(&self, _cx: &UndoContext) -> Result<Undone, PluginError> {
        block_while(&self.path);
        match std::fs::remove_file(&self.file) {
            Ok(()) => Ok(Undone::Reverted("removed".into())),
            Err(_) => Ok(Undone::NothingToDo("no such file".into())),
        }
    }

    fn describe(&self) -> String {
        format!("remove `{}`", self.file.display())
    }
}

register_undo_step!(BlockingStep, "engine_blocking_step");
