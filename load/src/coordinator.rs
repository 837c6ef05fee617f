//! Leads the workers of a run, adds up what they count, and makes the result.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use tokio::sync::{oneshot, watch};

use crate::busy;
use crate::call::ConnectionReport;
use crate::clock::RunClock;
use crate::control::Control;
use crate::latency::Latency;
use crate::observer::{Observer, RequestEvent};
use crate::plan::{LoadPlan, Warmup};
use crate::program::Program;
use crate::result::{LoadResult, Totals, WarmupFailure};
use crate::snapshot::{Moment, Snapshot, Spread};
use crate::tally::Tally;
use crate::worker::{Gate, Report};
use crate::worker_stats::WorkerStats;

/// Time between two snapshots.
const TICK: Duration = Duration::from_secs(1);

/// How far ahead the common start is set: workers wake within it, and are on
/// time for their first request.
const HEAD_START: Duration = Duration::from_millis(1);

/// The coordinator's side of a run.
pub(crate) struct Coordinator {
    pub(crate) load: Arc<LoadPlan>,
    pub(crate) program: Program,
    pub(crate) control: Arc<Control>,
    pub(crate) stats: Vec<Arc<WorkerStats>>,
    pub(crate) gate: watch::Sender<Gate>,
    pub(crate) reports: Receiver<Report>,
    pub(crate) snapshots: watch::Sender<Snapshot>,
    pub(crate) observer: Observer,
}

/// The counts added up so far.
struct Ledger {
    totals: Tally,
    spare: Tally,
    last: Instant,
}

impl Coordinator {
    /// Leads the run to its end; the body of its thread.
    pub(crate) fn run(self, result: oneshot::Sender<LoadResult>) {
        let cold = self.warm_up();
        let stopped_early = self.control.is_stopped();
        let clock = RunClock::starting_in(HEAD_START);
        self.control.set_origin(clock.origin());
        let go = cold.is_none() && !stopped_early;
        if cold.is_none() {
            self.observer.tell(|| RequestEvent::Begun);
        }
        self.gate.send_replace(if go { Gate::Go(clock) } else { Gate::Abort });
        let mut ledger = Ledger { totals: Tally::new(&self.load), spare: Tally::new(&self.load), last: Instant::now() };
        let (mut connections, busiest) = self.follow(&clock, &mut ledger);
        connections.sort_by_key(|report| report.index);
        let interrupted = self.control.is_stopped();
        let elapsed = if go { clock.now() } else { 0 };
        self.sweep(&clock, &mut ledger, true);
        self.control.note_end();
        let totals = Totals {
            tally: ledger.totals,
            connections,
            started: self.started(),
            scheduled: self.scheduled(elapsed, interrupted),
            elapsed,
            busiest: busy::share(busiest, elapsed),
            wall: clock.wall,
            marks: self.control.marks(),
            interrupted,
            cold,
            never_began: !go,
        };
        // Nobody waits when the handle was dropped.
        let _ = result.send(LoadResult::new(self.load, totals));
    }

    fn warm_up(&self) -> Option<WarmupFailure> {
        let workers = self.stats.len();
        let mut cold = None;
        let sequential = self.load.warmup == Warmup::Sequential;
        if !sequential {
            self.gate.send_replace(Gate::WarmUp(workers));
        }
        for worker in 0..workers {
            if sequential {
                self.gate.send_replace(Gate::WarmUp(worker));
            }
            while let Ok(report) = self.reports.recv() {
                if let Report::Warm(failure) = report {
                    cold = cold.or(failure);
                    break;
                }
            }
            if sequential && cold.is_some() {
                break;
            }
        }
        cold
    }

    /// Waits for the end of every worker; gives the connections, and the busy time of the busiest worker.
    fn follow(&self, clock: &RunClock, ledger: &mut Ledger) -> (Vec<ConnectionReport>, u64) {
        let mut connections = Vec::new();
        let mut busiest = 0;
        let mut running = self.stats.len();
        let mut tick = Instant::now() + TICK;
        while running > 0 {
            match self.reports.recv_timeout(tick.saturating_duration_since(Instant::now())) {
                Ok(Report::Done(reports, busy)) => {
                    running -= 1;
                    busiest = busy.max(busiest);
                    connections.extend(reports);
                }
                Ok(_) => {}
                Err(RecvTimeoutError::Timeout) => {
                    tick += TICK;
                    self.sweep(clock, ledger, false);
                }
                // A worker that is gone without a word has panicked; the rest is counted.
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        (connections, busiest)
    }

    /// Adds up what was counted since the last time and shows it.
    fn sweep(&self, clock: &RunClock, ledger: &mut Ledger, finished: bool) {
        let mut recent = Latency::new();
        let before = ledger.totals.completed();
        for stats in &self.stats {
            ledger.spare.clear();
            stats.swap(&mut ledger.spare);
            recent.add(&ledger.spare.response());
            ledger.totals.add(&ledger.spare);
        }
        let now = Instant::now();
        let interval = now.duration_since(ledger.last).as_secs_f64();
        ledger.last = now;
        let totals = &ledger.totals;
        let elapsed = clock.at(now);
        let started = self.started();
        let scheduled = self.scheduled(elapsed, true);
        self.snapshots.send_replace(Snapshot {
            #[expect(clippy::cast_precision_loss, reason = "exact below 2^52 calls")]
            achieved_qps: if interval > 0.0 { (totals.completed() - before) as f64 / interval } else { 0.0 },
            recent_response: Spread::of(&recent),
            finished,
            ..Snapshot::of(
                &self.load,
                self.program,
                totals,
                self.control.marks(),
                Moment { elapsed, scheduled, started },
            )
        });
    }

    fn started(&self) -> u64 {
        self.stats.iter().map(|stats| stats.started()).sum()
    }

    /// Requests scheduled: by now for a run that is cut short or goes on, in all otherwise.
    fn scheduled(&self, elapsed: u64, by_now: bool) -> u64 {
        let total = if by_now { None } else { self.program.total() };
        let due = total.or_else(|| self.program.due_by(&self.load, elapsed));
        due.unwrap_or(0).max(self.started())
    }
}
