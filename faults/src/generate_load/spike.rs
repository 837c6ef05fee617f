//! The one spike: claimed once, run by the load engine, told about while it runs.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::{Mutex, MutexGuard, PoisonError};

use chaos_agent::ToolReply;
use chaos_core::{DurationText, Evidence, FaultEdges, InjectContext, LoadProgress, LoadReport, Progress};
use chaos_load::{LoadResult, Running, Snapshot};

use super::engine::Maker;
use super::judge;
use super::planned::{Allowed, Asked, Planned};
use super::posted::Posted;
use super::report::report;

/// What became of the spike.
#[derive(Debug, Default)]
pub(super) enum Course {
    /// Nobody has asked for it, or nobody was allowed to.
    #[default]
    NotMade,
    /// It was started; its end has not been seen.
    UnderWay,
    /// The load engine did not start it.
    NotStarted(String),
    /// It ran.
    Ran(Box<LoadReport>),
}

/// The spike that both tools ask for.
pub(super) struct Spike<'a> {
    planned: &'a Planned,
    maker: &'a Maker<'a>,
    cx: &'a InjectContext,
    addresses: Vec<SocketAddr>,
    course: Mutex<Course>,
}

impl<'a> Spike<'a> {
    /// A spike on addresses that the policy has allowed.
    pub(super) fn new(
        planned: &'a Planned,
        maker: &'a Maker<'a>,
        addresses: Vec<SocketAddr>,
        cx: &'a InjectContext,
    ) -> Self {
        Self { planned, maker, cx, addresses, course: Mutex::default() }
    }

    pub(super) fn planned(&self) -> &Planned {
        self.planned
    }

    /// What became of it.
    pub(super) fn into_course(self) -> Course {
        self.course.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes the spike if what is asked for is what is planned, and it was not made before.
    pub(super) async fn make(&self, asked: &Asked) -> ToolReply {
        let allowed = match self.planned.check(asked) {
            Ok(allowed) => allowed,
            Err(refusal) => return ToolReply::failed(refusal),
        };
        if let Err(late) = self.in_time(allowed) {
            return ToolReply::failed(late);
        }
        if !self.claim() {
            return ToolReply::failed(
                "the one spike was made already; do not repeat or tune it, report what came of it",
            );
        }
        let _real = self.cx.clock().external();
        let mut summary = String::new();
        let course = match self.start(allowed).await {
            Ok(running) => {
                let result = watch(running, self.cx).await;
                summary = result.to_string();
                let generator = self.maker.generator();
                Course::Ran(Box::new(report(&self.planned.request(allowed), generator, &result)))
            }
            Err(why) => Course::NotStarted(why),
        };
        let reply = reply(&course, summary);
        *self.lock() = course;
        reply
    }

    /// A spike that the node's deadline would cut off is not begun: half of one shows nothing.
    fn in_time(&self, allowed: Allowed) -> Result<(), String> {
        let (takes, left) = (self.planned.takes(allowed), self.cx.time_left());
        match left {
            Some(left) if left < takes.saturating_add(self.planned.timeout()) => {
                let (takes, timeout, left) =
                    (DurationText::from(takes), DurationText::from(self.planned.timeout()), left.as_secs());
                let much = format!("it takes {takes} and its answers up to {timeout} more");
                Err(format!("too late for the spike: {much}, but only {left}s are left"))
            }
            _ => Ok(()),
        }
    }

    fn claim(&self) -> bool {
        let mut course = self.lock();
        let free = matches!(*course, Course::NotMade);
        if free {
            *course = Course::UnderWay;
        }
        free
    }

    async fn start(&self, allowed: Allowed) -> Result<Running, String> {
        let load = self.planned.load(allowed, &self.addresses, self.cx).map_err(|error| error.to_string())?;
        self.maker.start(load, self.cx).await
    }

    fn lock(&self) -> MutexGuard<'_, Course> {
        self.course.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn reply(course: &Course, summary: String) -> ToolReply {
    match judge::cause(course) {
        Some(why) => ToolReply::failed(why),
        None => ToolReply::done(summary),
    }
}

/// Follows a run to its end: says when the first answer came, tells figures each second, cuts them at the edges of other
/// faults, stops it when cancelled.
async fn watch(running: Running, cx: &InjectContext) -> LoadResult {
    {
        let mut snapshots = running.snapshots();
        let (posted, mut edges) = (Posted::of_run(&running, cx), cx.services().get::<FaultEdges>().watch());
        edges.mark_changed();
        let mut first = pin!(running.first_answer());
        let (mut first_known, mut cancelled) = (false, false);
        loop {
            tokio::select! {
                answered = &mut first, if !first_known => {
                    first_known = true;
                    if let Some(after) = answered {
                        let text = format!("the first request was answered after {:.1} ms", after.as_secs_f64() * 1e3);
                        cx.active(Evidence::new(text));
                    }
                }
                () = cx.cancelled(), if !cancelled => {
                    cancelled = true;
                    running.cancel();
                }
                Ok(()) = edges.changed() => posted.cut(&running, &edges.borrow_and_update(), cx),
                more = snapshots.changed() => {
                    // The run is over when its last snapshot is there, or nobody is left to send one.
                    if more.is_err() {
                        break;
                    }
                    let snapshot = snapshots.borrow_and_update().clone();
                    tell(&snapshot, cx);
                    if snapshot.finished {
                        break;
                    }
                }
            }
        }
    }
    running.wait().await
}

fn tell(snapshot: &Snapshot, cx: &InjectContext) {
    let millis = |time: std::time::Duration| time.as_secs_f64() * 1e3;
    cx.progress(Progress::Load(LoadProgress {
        elapsed_seconds: snapshot.elapsed.as_secs_f64(),
        target_qps: snapshot.asked_qps,
        achieved_qps: snapshot.achieved_qps,
        p50_ms: millis(snapshot.response.p50),
        p99_ms: millis(snapshot.response.p99),
        errors: snapshot.errors,
        completed: snapshot.completed,
    }));
}
