//! The probes that run beside a fault while it is in force: `during`, `detect` and `abort_if`.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use chaos_core::{ChaosSpec, Configured, DynProbe, EventKind, Observation, ProbeRole, RunContext, Verification};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::ask::ask;
use crate::entry_state::{EntryStage, EntryState};
use crate::life::Life;
use crate::plug_in_threads::PlugInThreads;

mod detect;
mod during;
mod end;
mod stop_condition;

pub(crate) use detect::Noticed;
pub(crate) use end::EndedBy;
use end::{HoldEnd, TOO_SHORT};
pub(crate) use stop_condition::Turned;

/// How long a watcher may take to stop; one that takes longer blocks its thread.
const STOPPING: Duration = Duration::from_secs(1);

/// The watchers of one entry.
#[derive(Debug)]
pub(crate) struct Watchers {
    spec: Arc<ChaosSpec>,
    life: Arc<Life>,
    tasks: JoinSet<Option<(usize, Verification)>>,
    stop: CancellationToken,
    end: Arc<OnceLock<HoldEnd>>,
    abort: watch::Receiver<Option<Turned>>,
    noticed: Arc<OnceLock<Noticed>>,
}

/// Beside what the probes are asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Leg {
    /// Beside the fault, from when it is active on.
    Fault,
    /// Without it, from now on.
    Control,
}

/// What one watcher works with.
struct Watcher {
    spec: Arc<ChaosSpec>,
    life: Arc<Life>,
    leg: Leg,
    cx: RunContext,
    state: watch::Receiver<EntryState>,
    stop: CancellationToken,
    end: Arc<OnceLock<HoldEnd>>,
    /// When `detect` said yes.
    noticed: Arc<OnceLock<Noticed>>,
    /// How long the fault is to be in force, where its plan says so.
    lasts: Option<Duration>,
}

impl Watchers {
    /// Starts them; each begins to ask once the fault is active, or at once without it.
    pub(crate) fn start(
        spec: &Arc<ChaosSpec>,
        life: &Arc<Life>,
        leg: Leg,
        lasts: Option<Duration>,
        plug_ins: &PlugInThreads,
    ) -> Self {
        let (stop, end) = (CancellationToken::new(), Arc::new(OnceLock::new()));
        let (condition, abort) = watch::channel(None);
        let noticed = Arc::new(OnceLock::new());
        let mut tasks = JoinSet::new();
        let watcher = |segment: &str| Watcher {
            spec: Arc::clone(spec),
            life: Arc::clone(life),
            leg,
            cx: match leg {
                Leg::Fault => life.cx().child(segment, None),
                Leg::Control => life.cx().child(&format!("control/{segment}"), None),
            },
            state: life.watch(),
            stop: stop.clone(),
            end: Arc::clone(&end),
            noticed: Arc::clone(&noticed),
            lasts,
        };
        for index in 0..spec.during.len() {
            let mut watcher = watcher(&format!("during/{index}"));
            plug_ins.spawn_in(&mut tasks, async move {
                watcher.began().await?;
                Some((index, watcher.during(&watcher.spec.during[index]).await))
            });
        }
        let after_during = spec.during.len();
        if spec.detect.is_some() {
            let mut watcher = watcher("detect");
            plug_ins.spawn_in(&mut tasks, async move {
                watcher.began().await?;
                Some((after_during, watcher.detect(watcher.spec.detect.as_ref()?).await))
            });
        }
        if spec.abort_if.is_some() {
            let mut watcher = watcher("abort_if");
            plug_ins.spawn_in(&mut tasks, async move {
                watcher.began().await?;
                let answer = watcher.abort_if(watcher.spec.abort_if.as_ref()?, &condition).await?;
                Some((after_during + 1, answer))
            });
        }
        Self { spec: Arc::clone(spec), life: Arc::clone(life), tasks, stop, end, abort, noticed }
    }

    /// Waits until the stop condition says so, with the reason; for ever when it never does.
    pub(crate) async fn aborted(&mut self) -> Turned {
        if let Ok(turned) = self.abort.wait_for(Option::is_some).await
            && let Some(turned) = turned.as_ref()
        {
            return turned.clone();
        }
        // There was no stop condition, or it ended with the watchers.
        std::future::pending().await
    }

    /// Stops them: the hold is over, and no answer counts from now on. Only the first call says what ended it.
    pub(crate) fn stop(&self, by: EndedBy) {
        // Already set: it was stopped before.
        let _ = self.end.set(HoldEnd { at: self.life.cx().clock().now(), by });
        self.stop.cancel();
    }

    /// When the system noticed; `None` when it did not, or nobody asked.
    pub(crate) fn noticed(&self) -> Option<Noticed> {
        self.noticed.get().copied()
    }

    /// Gives what they saw, in the order of the document, once they were stopped. A stop condition that answered in time
    /// and stayed silent says nothing; what was to be seen of a fault that was active, and was not seen, is unknown.
    pub(crate) async fn finish(mut self, was_active: bool) -> Vec<Verification> {
        let clock = self.life.cx().shared_clock();
        let mut answers = BTreeMap::new();
        let mut blocked = false;
        while !self.tasks.is_empty() {
            let Some(done) = clock.timeout(STOPPING, self.tasks.join_next()).await else {
                blocked = true;
                break;
            };
            answers.extend(done.and_then(Result::ok).flatten());
        }
        if was_active {
            let during = self.spec.during.iter().map(Configured::label);
            let asked = during.chain(self.spec.detect.iter().map(Configured::label));
            for (index, label) in asked.enumerate() {
                answers.entry(index).or_insert_with(|| Verification::of(label, unseen(blocked)));
            }
        }
        answers.into_values().collect()
    }
}

/// What is said of a probe that has nothing to say for itself.
fn unseen(blocked: bool) -> Observation {
    if blocked {
        return Observation::no("no answer: the probe still blocks its thread after the undo");
    }
    Observation::unknown(TOO_SHORT)
}

impl Watcher {
    /// Waits until the fault is active; `None` when it ended without, or the watchers were stopped first.
    async fn began(&mut self) -> Option<()> {
        if self.leg == Leg::Control {
            return Some(());
        }
        let settled = |state: &EntryState| state.active.is_some() || state.stage >= EntryStage::Undoing;
        let state = self.stop.run_until_cancelled(self.state.wait_for(settled)).await?.ok()?;
        state.active.is_some().then_some(())
    }

    /// One answer; `None` when the hold ended first, whatever the answer would have been.
    async fn ask<X>(&self, probe: &Configured<dyn DynProbe, X>, role: ProbeRole) -> Option<Observation> {
        let asked = self.now();
        let seen = self.stop.run_until_cancelled(ask(probe, &self.cx)).await?;
        if self.stop.is_cancelled() {
            // A probe that blocked its thread over the end of the hold.
            return None;
        }
        self.tell_of(role, probe.label(), &seen, Some(self.now().saturating_sub(asked)));
        Some(seen)
    }

    /// Says what is concluded without an answer.
    fn tell(&self, role: ProbeRole, probe: &str, seen: &Observation) {
        self.tell_of(role, probe, seen, None);
    }

    fn tell_of(&self, role: ProbeRole, probe: &str, seen: &Observation, took: Option<Duration>) {
        let took_seconds = took.map(|took| took.as_secs_f64());
        let told = EventKind::Probed { role, probe: probe.to_owned(), observation: seen.clone(), took_seconds };
        self.life.scope().emit_at(&self.cx, told);
    }

    async fn pause(&self, time: Duration) -> bool {
        self.stop.run_until_cancelled(self.cx.clock().sleep(time)).await.is_some()
    }

    fn now(&self) -> Duration {
        self.cx.clock().now()
    }

    /// How the hold ended; asked only once it has.
    fn hold_end(&self) -> HoldEnd {
        self.end.get().copied().unwrap_or(HoldEnd { at: self.now(), by: EndedBy::Time })
    }
}
