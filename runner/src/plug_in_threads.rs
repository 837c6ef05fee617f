//! The threads of plug-ins: one that blocks its thread keeps other plug-ins at most, never the engine and its undo.

use std::future::poll_fn;
use std::panic::resume_unwind;
use std::time::Duration;
use std::{fmt, io};

use chaos_core::Clock;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::JoinSet;
use tokio_util::task::AbortOnDropHandle;
use tracing::Instrument;

use crate::step_threads::{Inside, StepThreads};

/// How many triggers and probes may block their thread before others have to wait.
const OBSERVERS: usize = 8;
/// How many faults may.
const FAULTS: usize = 4;
/// How long calls that were given up may take to end, before their threads count as blocked.
const LETTING_GO: Duration = Duration::from_millis(200);

/// Where the calls of plug-ins run that may block their thread: those of triggers and probes apart from those of faults, so
/// that no probe keeps a fault from being looked at. Under virtual time that is the engine's own thread, so that a run
/// repeats.
#[derive(Clone, Default)]
pub(crate) struct PlugInThreads {
    observers: Option<Handle>,
    faults: Option<Handle>,
    steps: StepThreads,
    inside: Inside,
}

/// Keeps the threads, and lets go of them without waiting: a plug-in that blocks may do so for ever.
pub(crate) struct KeptThreads(Vec<Runtime>);

impl Drop for KeptThreads {
    fn drop(&mut self) {
        for runtime in self.0.drain(..) {
            runtime.shutdown_background();
        }
    }
}

impl fmt::Debug for PlugInThreads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PlugInThreads")
    }
}

impl PlugInThreads {
    /// Threads of their own.
    pub(crate) fn start() -> io::Result<(Self, KeptThreads)> {
        let threads = |count, name: &str| {
            Builder::new_multi_thread().worker_threads(count).thread_name(name).enable_all().build()
        };
        let (observers, faults) = (threads(OBSERVERS, "squall-observer")?, threads(FAULTS, "squall-fault")?);
        let inside = Inside::default();
        let handles = Self {
            observers: Some(observers.handle().clone()),
            faults: Some(faults.handle().clone()),
            steps: StepThreads::own(inside.clone()),
            inside,
        };
        Ok((handles, KeptThreads(vec![observers, faults])))
    }

    /// Runs the work of triggers and probes where it may be abandoned: who drops this future goes on at once, whatever
    /// `work` is doing.
    pub(crate) async fn run<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> T {
        abandonable(self.observers.as_ref(), &self.inside, work).await
    }

    /// The same for the work of a fault.
    pub(crate) async fn run_fault<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> T {
        abandonable(self.faults.as_ref(), &self.inside, work).await
    }

    /// Where undo steps are replayed.
    pub(crate) fn steps(&self) -> &StepThreads {
        &self.steps
    }

    /// How many threads are left behind: still inside a call of a plug-in, while nobody waits for any.
    pub(crate) async fn left_behind(&self, clock: &dyn Clock) -> usize {
        if self.inside.count() > 0 {
            clock.sleep(LETTING_GO).await;
        }
        self.inside.count()
    }

    /// Starts the work of a node there, as one of a set.
    pub(crate) fn spawn_fault_in<T: Send + 'static>(
        &self,
        set: &mut JoinSet<T>,
        work: impl Future<Output = T> + Send + 'static,
    ) {
        match &self.faults {
            Some(threads) => set.spawn_on(work.in_current_span(), threads),
            None => set.spawn(work.in_current_span()),
        };
    }

    /// Starts it there as one of a set.
    pub(crate) fn spawn_in<T: Send + 'static>(
        &self,
        set: &mut JoinSet<T>,
        work: impl Future<Output = T> + Send + 'static,
    ) {
        match &self.observers {
            Some(threads) => set.spawn_on(counted(self.inside.clone(), work.in_current_span()), threads),
            None => set.spawn(work.in_current_span()),
        };
    }
}

async fn abandonable<T: Send + 'static>(
    threads: Option<&Handle>,
    inside: &Inside,
    work: impl Future<Output = T> + Send + 'static,
) -> T {
    let Some(threads) = threads else { return work.await };
    match AbortOnDropHandle::new(threads.spawn(counted(inside.clone(), work.in_current_span()))).await {
        Ok(done) => done,
        Err(ended) => match ended.try_into_panic() {
            Ok(panic) => resume_unwind(panic),
            // The threads are gone, and so is whoever waits.
            Err(_) => std::future::pending().await,
        },
    }
}

/// The same work, whose thread is counted while it is inside.
fn counted<T>(inside: Inside, work: impl Future<Output = T> + Send) -> impl Future<Output = T> + Send {
    let mut work = Box::pin(work);
    poll_fn(move |cx| {
        let _counted = inside.enter();
        work.as_mut().poll(cx)
    })
}
