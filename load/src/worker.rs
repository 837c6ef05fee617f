//! A worker: one thread, one current-thread runtime, and its share of the connections.

use std::io;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::Instant;

use tokio::runtime::LocalRuntime;
use tokio::sync::watch;

use crate::busy::busy_nanos;
use crate::call::{ConnectionReport, Outcome};
use crate::client::Client;
use crate::clock::RunClock;
use crate::context::WorkerContext;
use crate::control::Control;
use crate::destination::Destination;
use crate::lanes;
use crate::observer::{Observer, RequestEvent};
use crate::open;
use crate::pacer::{self, Pacer};
use crate::plan::{LoadPlan, Warmup};
use crate::program::Program;
use crate::result::WarmupFailure;
use crate::worker_stats::WorkerStats;

/// Rate of one worker above which wakes are merged, in requests a second: precise
/// ones would cost twice the processor time there.
const MERGE_ABOVE: f64 = 20_000.0;

/// How late a merged wake may be, in nanoseconds.
const MERGE: u64 = 50_000;

/// What the coordinator tells the workers.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Gate {
    /// Wait.
    Closed,
    /// Workers up to this one may warm up.
    WarmUp(usize),
    /// Start at the common origin.
    Go(RunClock),
    /// End without a request.
    Abort,
}

/// What a worker tells the coordinator.
#[derive(Debug)]
pub(crate) enum Report {
    /// It is up.
    Ready,
    /// It cannot come up.
    Broken(&'static str, io::Error),
    /// Its warm-up is over; with the first failure, if one counts.
    Warm(Option<WarmupFailure>),
    /// Its run is over; with the nanoseconds for which its thread was busy.
    Done(Vec<ConnectionReport>, u64),
}

/// Everything that a worker needs to begin.
pub(crate) struct Setup {
    pub(crate) index: usize,
    /// Numbers of the connections that this worker holds.
    pub(crate) connections: Vec<usize>,
    pub(crate) load: Arc<LoadPlan>,
    pub(crate) program: Program,
    pub(crate) destination: Arc<Destination>,
    pub(crate) control: Arc<Control>,
    pub(crate) stats: Arc<WorkerStats>,
    pub(crate) workers: usize,
    pub(crate) observer: Observer,
}

/// Runs a worker to its end; the body of its thread.
pub(crate) fn run(setup: Setup, gate: watch::Receiver<Gate>, reports: &Sender<Report>) {
    let told = |report| {
        // Without a coordinator nobody wants to know.
        let _ = reports.send(report);
    };
    let (runtime, timer) = match prepare() {
        Ok(prepared) => prepared,
        Err((what, error)) => return told(Report::Broken(what, error)),
    };
    told(Report::Ready);
    let before = busy_nanos();
    let done = runtime.block_on(work(setup, timer, gate, reports));
    told(Report::Done(done, busy_nanos().saturating_sub(before)));
}

fn prepare() -> Result<(LocalRuntime, OwnedFd), (&'static str, io::Error)> {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_all().build_local(tokio::runtime::LocalOptions::default());
    let runtime = runtime.map_err(|error| ("an event loop", error))?;
    let timer = pacer::timer().map_err(|error| ("a timer", error))?;
    Ok((runtime, timer))
}

async fn work(
    setup: Setup,
    timer: OwnedFd,
    mut gate: watch::Receiver<Gate>,
    reports: &Sender<Report>,
) -> Vec<ConnectionReport> {
    let open_gate = |gate: &Gate| match gate {
        Gate::Closed => false,
        Gate::WarmUp(last) => setup.index <= *last,
        Gate::Go(_) | Gate::Abort => true,
    };
    if gate.wait_for(open_gate).await.is_err() {
        return Vec::new();
    }
    let mut clients = setup.clients();
    let cold = warm_up(&setup.load, &setup.observer, &mut clients).await;
    let _ = reports.send(Report::Warm(cold));
    let told = gate.wait_for(|gate| matches!(gate, Gate::Go(_) | Gate::Abort)).await.map(|gate| *gate);
    let Ok(Gate::Go(clock)) = told else {
        return clients.into_iter().map(|(_, client)| client.into_report()).collect();
    };
    let Ok(pacer) = Pacer::new(timer, clock, setup.slack()) else {
        return Vec::new();
    };
    let context = Rc::new(WorkerContext {
        load: setup.load.clone(),
        control: setup.control.clone(),
        stats: setup.stats.clone(),
        clock,
        pacer: pacer.clone(),
        observer: setup.observer.clone(),
    });
    let driver = tokio::task::spawn_local(pacer.clone().drive());
    let control = setup.control.clone();
    let stopper = tokio::task::spawn_local(async move {
        control.stopped().await;
        pacer.stop();
    });
    // The run starts a little ahead, so that no worker is late for its first request.
    let reports = match setup.program {
        Program::Lanes(split) => lanes::run(&context, split, clients).await,
        Program::Open(schedule) => open::run(&context, schedule, clients).await,
    };
    driver.abort();
    stopper.abort();
    reports
}

impl Setup {
    fn clients(&self) -> Vec<(usize, Client)> {
        let client = |&index: &usize| (index, Client::new(self.destination.clone(), index));
        self.connections.iter().map(client).collect()
    }

    fn slack(&self) -> u64 {
        #[expect(clippy::cast_precision_loss, reason = "a handful of workers")]
        let share = match self.load.rate {
            crate::plan::Rate::Qps(qps) => qps / self.workers as f64,
            crate::plan::Rate::Max => 0.0,
        };
        if share > MERGE_ABOVE { MERGE } else { 0 }
    }
}

/// Makes one uncounted request on each connection; gives the failure that counts.
async fn warm_up(load: &LoadPlan, observer: &Observer, clients: &mut Vec<(usize, Client)>) -> Option<WarmupFailure> {
    let mut cold = None;
    let mut note = |connection: usize, outcome: Outcome| {
        let (answered, code, size) = (outcome.is_answered(), outcome.code, outcome.size);
        let Some(failure) = outcome.failure else {
            return false;
        };
        observer.tell(|| RequestEvent::Failed { connection, failure: failure.clone(), size });
        // An echo server may come up later, as fortio has it.
        if load.allow_initial_errors || load.url.scheme() == "tcp" {
            return false;
        }
        let cause = if answered { failure.kind.to_string() } else { format!("{}: {}", failure.kind, failure.detail) };
        cold = Some(WarmupFailure { connection, code, size, cause });
        true
    };
    match load.warmup {
        Warmup::None => return None,
        Warmup::Sequential => {
            for (index, client) in clients.iter_mut() {
                if note(*index, client.call(Instant::now()).await) {
                    break;
                }
            }
            return cold;
        }
        Warmup::Parallel => {}
    }
    let warm = |(index, mut client): (usize, Client)| {
        tokio::task::spawn_local(async move {
            let outcome = client.call(Instant::now()).await;
            (index, client, outcome)
        })
    };
    let calls: Vec<_> = clients.drain(..).map(warm).collect();
    for call in calls {
        if let Ok((index, client, outcome)) = call.await {
            note(index, outcome);
            clients.push((index, client));
        }
    }
    cold
}
