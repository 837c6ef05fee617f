//! The threads of plug-ins: one that blocks its thread keeps other plug-ins at most, never the engine and its undo.

use std::panic::resume_unwind;
use std::{fmt, io};

use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::JoinSet;
use tokio_util::task::AbortOnDropHandle;

/// How many triggers and probes may block their thread before others have to wait.
const OBSERVERS: usize = 8;
/// How many faults may.
const FAULTS: usize = 4;

/// Where the calls of plug-ins run that may block their thread: those of triggers and probes apart from those of faults, so
/// that no probe keeps a fault from being looked at. Under virtual time that is the engine's own thread, so that a run
/// repeats.
#[derive(Clone, Default)]
pub(crate) struct PlugInThreads {
    observers: Option<Handle>,
    faults: Option<Handle>,
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
        let handles = Self { observers: Some(observers.handle().clone()), faults: Some(faults.handle().clone()) };
        Ok((handles, KeptThreads(vec![observers, faults])))
    }

    /// Runs the work of triggers and probes where it may be abandoned: who drops this future goes on at once, whatever
    /// `work` is doing.
    pub(crate) async fn run<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> T {
        abandonable(self.observers.as_ref(), work).await
    }

    /// The same for the work of a fault.
    pub(crate) async fn run_fault<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> T {
        abandonable(self.faults.as_ref(), work).await
    }

    /// Starts the work of a node there, as one of a set.
    pub(crate) fn spawn_fault_in<T: Send + 'static>(
        &self,
        set: &mut JoinSet<T>,
        work: impl Future<Output = T> + Send + 'static,
    ) {
        match &self.faults {
            Some(threads) => set.spawn_on(work, threads),
            None => set.spawn(work),
        };
    }

    /// Starts it there as one of a set.
    pub(crate) fn spawn_in<T: Send + 'static>(
        &self,
        set: &mut JoinSet<T>,
        work: impl Future<Output = T> + Send + 'static,
    ) {
        match &self.observers {
            Some(threads) => set.spawn_on(work, threads),
            None => set.spawn(work),
        };
    }
}

async fn abandonable<T: Send + 'static>(threads: Option<&Handle>, work: impl Future<Output = T> + Send + 'static) -> T {
    let Some(threads) = threads else { return work.await };
    match AbortOnDropHandle::new(threads.spawn(work)).await {
        Ok(done) => done,
        Err(ended) => match ended.try_into_panic() {
            Ok(panic) => resume_unwind(panic),
            // The threads are gone, and so is whoever waits.
            Err(_) => std::future::pending().await,
        },
    }
}
