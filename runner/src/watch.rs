//! The probes that run beside a fault while it is in force: `during`, `detect` and `abort_if`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use chaos_core::{
    Answer, ChaosSpec, Configured, DynProbe, EventKind, Observation, ProbeNode, ProbeRole, RunContext, SampledProbe,
    Verification, WithinProbe,
};
use serde_json::json;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::entry_state::{EntryStage, EntryState};
use crate::life::Life;
use crate::verify::ask;

/// How often `detect` and `abort_if` are asked.
const POLL: Duration = Duration::from_millis(250);

/// The watchers of one entry.
#[derive(Debug)]
pub(crate) struct Watchers {
    spec: Arc<ChaosSpec>,
    tasks: JoinSet<Option<(usize, Verification)>>,
    stop: CancellationToken,
    released: Arc<AtomicBool>,
    abort: watch::Receiver<Option<String>>,
}

/// What one watcher works with.
struct Watcher {
    spec: Arc<ChaosSpec>,
    life: Arc<Life>,
    cx: RunContext,
    state: watch::Receiver<EntryState>,
    stop: CancellationToken,
    released: Arc<AtomicBool>,
}

impl Watchers {
    /// Starts them; each begins to ask once the fault is active.
    pub(crate) fn start(spec: &Arc<ChaosSpec>, life: &Arc<Life>) -> Self {
        let (stop, released) = (CancellationToken::new(), Arc::new(AtomicBool::new(false)));
        let (condition, abort) = watch::channel(None);
        let mut tasks = JoinSet::new();
        let watcher = |segment: &str| Watcher {
            spec: Arc::clone(spec),
            life: Arc::clone(life),
            cx: life.cx().child(segment, None),
            state: life.watch(),
            stop: stop.clone(),
            released: Arc::clone(&released),
        };
        for index in 0..spec.during.len() {
            let mut watcher = watcher(&format!("during/{index}"));
            tasks.spawn(async move {
                watcher.began().await?;
                Some((index, watcher.during(&watcher.spec.during[index]).await))
            });
        }
        let after_during = spec.during.len();
        if spec.detect.is_some() {
            let mut watcher = watcher("detect");
            tasks.spawn(async move {
                watcher.began().await?;
                Some((after_during, watcher.detect(watcher.spec.detect.as_ref()?).await))
            });
        }
        if spec.abort_if.is_some() {
            let mut watcher = watcher("abort_if");
            tasks.spawn(async move {
                watcher.began().await?;
                let answer = watcher.abort_if(watcher.spec.abort_if.as_ref()?).await?;
                condition.send_replace(Some(format!("abort_if `{}`: {}", answer.name, answer.detail)));
                Some((after_during + 1, answer))
            });
        }
        Self { spec: Arc::clone(spec), tasks, stop, released, abort }
    }

    /// Waits until the stop condition says so, with the reason; for ever when it never does.
    pub(crate) async fn aborted(&mut self) -> String {
        if let Ok(reason) = self.abort.wait_for(Option::is_some).await
            && let Some(reason) = reason.as_ref()
        {
            return reason.clone();
        }
        // There was no stop condition, or it ended with the watchers.
        std::future::pending().await
    }

    /// Stops them and gives what they saw, in the order of the document. A stop condition that stayed silent says
    /// nothing; what was to be seen of a fault that was active, and was not seen, is unknown.
    pub(crate) async fn finish(mut self, was_active: bool, released: bool) -> Vec<Verification> {
        self.released.store(released, Ordering::Relaxed);
        self.stop.cancel();
        let mut answers = std::collections::BTreeMap::new();
        while let Some(done) = self.tasks.join_next().await {
            answers.extend(done.ok().flatten());
        }
        if was_active {
            let during = self.spec.during.iter().map(Configured::label);
            let asked = during.chain(self.spec.detect.iter().map(Configured::label));
            for (index, label) in asked.enumerate() {
                let unknown =
                    || Verification::of(label, Observation::unknown("the fault ended before the first answer"));
                answers.entry(index).or_insert_with(unknown);
            }
        }
        answers.into_values().collect()
    }
}

impl Watcher {
    /// Waits until the fault is active; `None` when it ended without, or the watchers were stopped first.
    async fn began(&mut self) -> Option<()> {
        let settled = |state: &EntryState| state.active.is_some() || state.stage >= EntryStage::Undoing;
        let state = self.stop.run_until_cancelled(self.state.wait_for(settled)).await?.ok()?;
        state.active.is_some().then_some(())
    }

    async fn ask<X>(&self, probe: &Configured<dyn DynProbe, X>, role: ProbeRole) -> Option<Observation> {
        let seen = self.stop.run_until_cancelled(ask(probe, &self.cx)).await?;
        let observation = seen.clone();
        let told = EventKind::Probed { role, probe: probe.label().to_owned(), observation };
        self.life.scope().emit_at(&self.cx, told);
        Some(seen)
    }

    async fn pause(&self, time: Duration) -> bool {
        self.stop.run_until_cancelled(self.cx.clock().sleep(time)).await.is_some()
    }

    /// Must be yes at every sample; the first sample that was not is the one that is told.
    async fn during(&self, probe: &SampledProbe) -> Verification {
        let mut samples = 0_u64;
        let (mut no, mut unknown) = (0_u64, 0_u64);
        let mut worst: Option<Observation> = None;
        while let Some(seen) = self.ask(probe, ProbeRole::During).await {
            samples += 1;
            no += u64::from(seen.answer == Answer::No);
            unknown += u64::from(seen.answer == Answer::Unknown);
            let lower =
                worst.as_ref().is_none_or(|w| w.answer != seen.answer && w.answer.and(seen.answer) == seen.answer);
            if lower {
                worst = Some(seen);
            }
            if !self.pause(probe.extra().interval_seconds.get()).await {
                break;
            }
        }
        let worst = worst.unwrap_or_else(|| Observation::unknown("the fault ended before the first answer"));
        let seen = worst.with_value(json!({ "samples": samples, "no": no, "unknown": unknown }));
        Verification::of(probe.label(), seen)
    }

    /// Must turn to yes in time, and before the fault ends; a release before the window has passed leaves it unknown.
    async fn detect(&self, probe: &WithinProbe) -> Verification {
        let start = self.cx.clock().now();
        let within = probe.extra().within_seconds.get();
        let seen = loop {
            let seen = self.ask(probe, ProbeRole::Detect).await;
            let waited = self.cx.clock().now().saturating_sub(start);
            let value = json!({ "after_seconds": waited.as_secs_f64() });
            let (waited_seconds, within_seconds) = (waited.as_secs_f64(), within.as_secs_f64());
            match seen {
                None if self.released.load(Ordering::Relaxed) && waited < within => {
                    let why = format!("released after {waited_seconds:.1} s, before its {within_seconds} s had passed");
                    break Observation::unknown(why).with_value(value);
                }
                None => break Observation::no("the fault ended before the system noticed").with_value(value),
                Some(seen) if seen.answer == Answer::Yes => {
                    let detail = format!("noticed after {waited_seconds:.1} s: {}", seen.detail);
                    break Observation::yes(detail).with_value(value);
                }
                Some(seen) if waited + POLL > within => {
                    let detail = format!("not noticed within {within_seconds} s: {}", seen.detail);
                    let answer = if seen.answer == Answer::Unknown { Answer::Unknown } else { Answer::No };
                    break Observation { answer, value, detail };
                }
                Some(_) => {
                    self.pause(POLL).await;
                }
            }
        };
        Verification::of(probe.label(), seen)
    }

    /// Says no (it deviates) as soon as the probe says yes or can't tell; nothing when the fault ends first.
    async fn abort_if(&self, probe: &ProbeNode) -> Option<Verification> {
        loop {
            let seen = self.ask(probe, ProbeRole::AbortIf).await?;
            if seen.answer != Answer::No {
                let answer = Observation { answer: Answer::No, ..seen };
                return Some(Verification::of(probe.label(), answer));
            }
            if !self.pause(POLL).await {
                return None;
            }
        }
    }
}
