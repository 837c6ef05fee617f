//! Follows a load to its end: its first answer, its figures each second, the edges of other faults, an early stop.

use std::pin::pin;

use chaos_core::{EarlyStop, Evidence, FaultEdges, InjectContext, LoadFigures, LoadProgress, Progress};
use chaos_load::{Running, Snapshot};

use super::figures::RunFigures;
use super::followed::Followed;
use super::seconds::Seconds;

/// Gives the result, and what was seen on the way.
pub(super) async fn follow(running: Running, cx: &InjectContext) -> Followed {
    let (mut stopped, mut seconds) = (None, Seconds::default());
    let standings = {
        let mut snapshots = running.snapshots();
        let (figures, mut edges) = (RunFigures::of(&running, cx), cx.services().get::<FaultEdges>().watch());
        edges.mark_changed();
        let mut first = pin!(running.first_answer());
        let mut first_known = false;
        loop {
            tokio::select! {
                answered = &mut first, if !first_known => {
                    first_known = true;
                    if let Some(after) = answered {
                        let text = format!("the first request was answered after {:.1} ms", after.as_secs_f64() * 1e3);
                        cx.active(Evidence::new(text));
                    }
                }
                () = cx.cancelled(), if stopped != Some(EarlyStop::Cancelled) => {
                    stopped = Some(EarlyStop::Cancelled);
                    running.cancel();
                }
                () = cx.released(), if stopped.is_none() => {
                    stopped = Some(EarlyStop::Released);
                    running.cancel();
                }
                Ok(()) = edges.changed() => figures.cut(&running, &edges.borrow_and_update(), cx),
                more = snapshots.changed() => {
                    // The load is over when its last snapshot is there, or nobody is left to send one.
                    if more.is_err() {
                        break;
                    }
                    let snapshot = snapshots.borrow_and_update().clone();
                    seconds.note(&snapshot);
                    cx.progress(Progress::Load(progress(&snapshot)));
                    if snapshot.finished {
                        break;
                    }
                }
            }
        }
        figures.segments()
    };
    Followed { result: running.wait().await, stopped, standings, seconds: seconds.rows() }
}

fn progress(snapshot: &Snapshot) -> LoadProgress {
    let millis = |time: std::time::Duration| time.as_secs_f64() * 1e3;
    LoadProgress {
        elapsed_seconds: snapshot.elapsed.as_secs_f64(),
        target_qps: snapshot.target_qps,
        achieved_qps: snapshot.achieved_qps,
        p50_ms: millis(snapshot.response.p50),
        p99_ms: millis(snapshot.response.p99),
        errors: snapshot.errors,
        completed: snapshot.completed,
        retries: snapshot.retries,
    }
}
