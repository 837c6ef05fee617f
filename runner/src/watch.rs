//! The probes that run beside a fault while it is in force: `during`, `detect` and `abort_if`.

use std::sync::Arc;
use std::time::Duration;

use chaos_core::{
    ActiveWatch, Answer, ChaosSpec, Configured, DynProbe, EventKind, Observation, ProbeRole, RunContext, Verification,
};
use serde_json::json;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::verify::ask;

/// How often `detect` and `abort_if` are asked.
const POLL: Duration = Duration::from_millis(250);

/// The watchers of one entry.
#[derive(Debug)]
pub(crate) struct Watchers {
    tasks: JoinSet<Option<(usize, Verification)>>,
    stop: CancellationToken,
    abort: watch::Receiver<Option<String>>,
}

impl Watchers {
    /// Starts them; each begins to ask once the fault is active.
    pub(crate) fn start(spec: &Arc<ChaosSpec>, cx: &RunContext, active: &ActiveWatch) -> Self {
        let stop = CancellationToken::new();
        let (brake, abort) = watch::channel(None);
        let mut tasks = JoinSet::new();
        for index in 0..spec.during.len() {
            let (spec, stop, mut active) = (Arc::clone(spec), stop.clone(), active.clone());
            let cx = cx.child(&format!("during/{index}"), None);
            tasks.spawn(async move {
                began(&mut active, &stop).await?;
                Some((index, during(&spec.during[index], &cx, &stop).await))
            });
        }
        let after_during = spec.during.len();
        if spec.detect.is_some() {
            let (spec, stop, mut active) = (Arc::clone(spec), stop.clone(), active.clone());
            let cx = cx.child("detect", None);
            tasks.spawn(async move {
                began(&mut active, &stop).await?;
                Some((after_during, detect(spec.detect.as_ref()?, &cx, &stop).await))
            });
        }
        if spec.abort_if.is_some() {
            let (spec, stop, mut active) = (Arc::clone(spec), stop.clone(), active.clone());
            let cx = cx.child("abort_if", None);
            tasks.spawn(async move {
                began(&mut active, &stop).await?;
                let answer = abort_if(spec.abort_if.as_ref()?, &cx, &stop).await?;
                brake.send_replace(Some(format!("abort_if `{}`: {}", answer.name, answer.detail)));
                Some((after_during + 1, answer))
            });
        }
        Self { tasks, stop, abort }
    }

    /// Waits until the brake says so, with the reason; for ever when it never does.
    pub(crate) async fn aborted(&mut self) -> String {
        if let Ok(reason) = self.abort.wait_for(Option::is_some).await
            && let Some(reason) = reason.as_ref()
        {
            return reason.clone();
        }
        // The brake is gone without a word: there was none, or it ended with the watchers.
        std::future::pending().await
    }

    /// Stops them and gives what they saw, in the order of the document. A brake that stayed silent says nothing.
    pub(crate) async fn finish(mut self) -> Vec<Verification> {
        self.stop.cancel();
        let mut answers = Vec::new();
        while let Some(done) = self.tasks.join_next().await {
            answers.extend(done.ok().flatten());
        }
        answers.sort_by_key(|(index, _)| *index);
        answers.into_iter().map(|(_, answer)| answer).collect()
    }
}

/// Waits until the fault is active; `None` when it ended without, or the watchers were stopped first.
async fn began(active: &mut ActiveWatch, stop: &CancellationToken) -> Option<()> {
    stop.run_until_cancelled(active.active()).await.flatten().map(|_| ())
}

async fn look<X>(
    probe: &Configured<dyn DynProbe, X>,
    role: ProbeRole,
    cx: &RunContext,
    stop: &CancellationToken,
) -> Option<Observation> {
    let seen = stop.run_until_cancelled(ask(probe, cx)).await?;
    cx.emit(EventKind::Probed { role, probe: probe.label().to_owned(), observation: seen.clone() });
    Some(seen)
}

async fn pause(time: Duration, cx: &RunContext, stop: &CancellationToken) -> bool {
    stop.run_until_cancelled(cx.clock().sleep(time)).await.is_some()
}

/// Must be yes at every sample; the first sample that was not is the one that is told.
async fn during(probe: &chaos_core::SampledProbe, cx: &RunContext, stop: &CancellationToken) -> Verification {
    let mut samples = 0_u64;
    let (mut no, mut unknown) = (0_u64, 0_u64);
    let mut worst: Option<Observation> = None;
    while let Some(seen) = look(probe, ProbeRole::During, cx, stop).await {
        samples += 1;
        no += u64::from(seen.answer == Answer::No);
        unknown += u64::from(seen.answer == Answer::Unknown);
        let lower = worst.as_ref().is_none_or(|w| w.answer != seen.answer && w.answer.and(seen.answer) == seen.answer);
        if lower {
            worst = Some(seen);
        }
        if !pause(probe.extra().interval_seconds.get(), cx, stop).await {
            break;
        }
    }
    let worst = worst.unwrap_or_else(|| Observation::unknown("the fault ended before the first sample"));
    let seen = worst.with_value(json!({ "samples": samples, "no": no, "unknown": unknown }));
    Verification::of(probe.label(), seen)
}

/// Must turn to yes in time, and before the fault ends.
async fn detect(probe: &chaos_core::WithinProbe, cx: &RunContext, stop: &CancellationToken) -> Verification {
    let start = cx.clock().now();
    let within = probe.extra().within_seconds.get();
    let seen = loop {
        let seen = look(probe, ProbeRole::Detect, cx, stop).await;
        let waited = cx.clock().now().saturating_sub(start);
        let value = json!({ "after_seconds": waited.as_secs_f64() });
        match seen {
            None => break Observation::no("the fault ended before the system noticed").with_value(value),
            Some(seen) if seen.answer == Answer::Yes => {
                let detail = format!("noticed after {:.1} s: {}", waited.as_secs_f64(), seen.detail);
                break Observation::yes(detail).with_value(value);
            }
            Some(seen) if waited + POLL > within => {
                let detail = format!("not noticed within {} s: {}", within.as_secs_f64(), seen.detail);
                let answer = if seen.answer == Answer::Unknown { Answer::Unknown } else { Answer::No };
                break Observation { answer, value, detail };
            }
            Some(_) => {
                pause(POLL, cx, stop).await;
            }
        }
    };
    Verification::of(probe.label(), seen)
}

/// Says no (it deviates) as soon as the brake says yes or can't tell; nothing when the fault ends first.
async fn abort_if(probe: &chaos_core::ProbeNode, cx: &RunContext, stop: &CancellationToken) -> Option<Verification> {
    loop {
        let seen = look(probe, ProbeRole::AbortIf, cx, stop).await?;
        if seen.answer != Answer::No {
            let answer = Observation { answer: Answer::No, ..seen };
            return Some(Verification::of(probe.label(), answer));
        }
        if !pause(POLL, cx, stop).await {
            return None;
        }
    }
}
