//! What the tasks of one worker share, and how one of them makes a request.

use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::call::Outcome;
use crate::client::Client;
use crate::clock::RunClock;
use crate::control::Control;
use crate::observer::{EndedRequest, Observer, RequestEvent};
use crate::pacer::Pacer;
use crate::plan::LoadPlan;
use crate::tally::Times;
use crate::worker_stats::WorkerStats;

/// What the tasks of a running worker share.
pub(crate) struct WorkerContext {
    pub(crate) load: Arc<LoadPlan>,
    pub(crate) control: Arc<Control>,
    pub(crate) stats: Arc<WorkerStats>,
    pub(crate) clock: RunClock,
    pub(crate) pacer: Rc<Pacer>,
    pub(crate) observer: Observer,
}

impl WorkerContext {
    /// Makes call `iter` of a connection, due at a moment (or at once), counts it,
    /// and tells when it ended.
    pub(crate) async fn call(&self, client: &mut Client, connection: usize, iter: u64, due: Option<u64>) -> u64 {
        let start = Instant::now();
        let sent = self.clock.at(start);
        self.stats.note_start();
        let outcome = client.call(start).await;
        let done = self.clock.now();
        let times = Times { due: due.unwrap_or(sent), sent, done };
        let phase = self.control.phase_at(times.due);
        self.stats.tally().record(times, phase, &outcome);
        if outcome.is_answered() {
            self.control.note_answer(done);
        }
        if self.load.abort_on == Some(outcome.code) {
            self.control.stop();
        }
        self.observe(connection, iter, times, outcome);
        done
    }

    fn observe(&self, connection: usize, iter: u64, times: Times, outcome: Outcome) {
        let Outcome { code, failure, size, retried, .. } = outcome;
        if let Some(sink) = &self.observer.calls {
            sink.record(&EndedRequest {
                connection,
                number: iter,
                started_at: self.clock.wall + Duration::from_nanos(times.sent),
                took: Duration::from_nanos(times.done.saturating_sub(times.sent)),
                code,
                failure: failure.as_ref(),
            });
        }
        if retried {
            self.observer.tell(|| RequestEvent::Replaced { connection });
        }
        if let Some(failure) = failure {
            self.observer.tell(|| RequestEvent::Failed { connection, failure, size });
        }
    }
}
