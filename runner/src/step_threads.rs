//! The threads of undo steps: each replay has one of its own, so that one which blocks it keeps no other step and nobody
//! who waits.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chaos_core::{BoxFuture, Clock};
use tokio::runtime::Builder;
use tokio::sync::{Semaphore, oneshot};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

/// How many replays go on at the same time; one that was given up is not counted.
const AT_ONCE: usize = 64;
/// How long a replay that was told to end may take for it, before its thread counts as blocked.
const LETTING_GO: Duration = Duration::from_millis(500);

/// Where undo steps are replayed. Under virtual time that is the caller's own thread, so that a run repeats.
#[derive(Debug, Clone, Default)]
pub(crate) struct StepThreads {
    own: Option<Own>,
}

#[derive(Debug, Clone)]
struct Own {
    turns: Arc<Semaphore>,
    inside: Inside,
}

/// How a replay ended.
#[derive(Debug)]
pub(crate) enum Ended<T> {
    /// By itself.
    Done(T),
    /// It was told to, after its time.
    Late,
    /// It still blocks its thread, which is left behind.
    Blocked,
}

/// Counts the threads that are inside a call of a plug-in at this moment.
#[derive(Debug, Clone, Default)]
pub(crate) struct Inside(Arc<AtomicUsize>);

impl Inside {
    /// Counts the caller until the guard is dropped.
    pub(crate) fn enter(&self) -> impl Drop + Send + 'static {
        /// Takes the thread off again.
        struct Counted(Arc<AtomicUsize>);

        impl Drop for Counted {
            fn drop(&mut self) {
                self.0.fetch_sub(1, Ordering::Relaxed);
            }
        }

        self.0.fetch_add(1, Ordering::Relaxed);
        Counted(Arc::clone(&self.0))
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

/// The work, for whoever takes it first.
type Job<T> = Arc<Mutex<Option<BoxFuture<'static, T>>>>;

impl StepThreads {
    /// A thread for each replay, counted there.
    pub(crate) fn own(inside: Inside) -> Self {
        Self { own: Some(Own { turns: Arc::new(Semaphore::new(AT_ONCE)), inside }) }
    }

    /// Runs `work` for `limit` at most, from when its turn has come. Whoever drops this future goes on at once, whatever
    /// `work` is doing.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        clock: &dyn Clock,
        limit: Duration,
        work: BoxFuture<'static, T>,
    ) -> Ended<T> {
        let here = async |work| clock.timeout(limit, work).await.map_or(Ended::Late, Ended::Done);
        let Some(own) = &self.own else { return here(work).await };
        let work: BoxFuture<'static, T> = Box::pin(work.in_current_span());
        // Nobody closes it.
        let _turn = own.turns.acquire().await;
        let (job, stop) = (Arc::new(Mutex::new(Some(work))), CancellationToken::new());
        let Some(mut done) = begin(&job, &stop, &own.inside) else {
            // No thread can be had; undone it must be all the same.
            return match take(&job) {
                Some(work) => here(work).await,
                None => Ended::Late,
            };
        };
        let _stops = stop.clone().drop_guard();
        match clock.timeout(limit, &mut done).await {
            Some(Ok(done)) => return Ended::Done(done),
            // Its thread had no runtime; the work may still be there.
            Some(Err(_)) => {
                return match take(&job) {
                    Some(work) => here(work).await,
                    None => Ended::Late,
                };
            }
            None => {}
        }
        stop.cancel();
        match clock.timeout(LETTING_GO, done).await {
            Some(_) => Ended::Late,
            None => Ended::Blocked,
        }
    }
}

fn take<T>(job: &Job<T>) -> Option<BoxFuture<'static, T>> {
    job.lock().unwrap_or_else(PoisonError::into_inner).take()
}

/// Starts a thread for it, with a runtime of its own, so that nothing of others waits there; `None` where there is none.
fn begin<T: Send + 'static>(job: &Job<T>, stop: &CancellationToken, inside: &Inside) -> Option<oneshot::Receiver<T>> {
    let (told, done) = oneshot::channel();
    let (job, stop, counted) = (Arc::clone(job), stop.clone(), inside.enter());
    let work = move || {
        let _counted = counted;
        let Ok(runtime) = Builder::new_current_thread().enable_all().build() else { return };
        let Some(work) = take(&job) else { return };
        if let Some(done) = runtime.block_on(stop.run_until_cancelled_owned(work)) {
            // Nobody waits for it any more where it was dropped.
            let _ = told.send(done);
        }
        runtime.shutdown_background();
    };
    std::thread::Builder::new().name("squall-undo".to_owned()).spawn(work).is_ok().then_some(done)
}

#[cfg(test)]
mod tests {
    use chaos_core::RealClock;

    use super::*;

    #[tokio::test]
    async fn work_that_ends_is_done_and_work_that_waits_for_ever_is_told_to_end() {
        let (inside, clock) = (Inside::default(), RealClock::new());
        for threads in [StepThreads::default(), StepThreads::own(inside.clone())] {
            let done = threads.run(&clock, Duration::from_secs(30), Box::pin(async { 7 })).await;
            assert!(matches!(done, Ended::Done(7)));
            let never: BoxFuture<'static, ()> = Box::pin(std::future::pending());
            assert!(matches!(threads.run(&clock, Duration::from_millis(10), never).await, Ended::Late));
        }
    }

    #[tokio::test]
    async fn more_that_block_than_have_a_turn_are_left_behind_and_counted_and_keep_nobody_waiting() {
        let (inside, clock) = (Inside::default(), RealClock::new());
        let threads = StepThreads::own(inside.clone());
        let (open, gate) = std::sync::mpsc::channel::<()>();
        let gate = Arc::new(Mutex::new(gate));
        let mut blocking = tokio::task::JoinSet::new();
        for _ in 0..=AT_ONCE {
            let (gate, threads) = (Arc::clone(&gate), threads.clone());
            let work = Box::pin(async move {
                // Ends with an error when the test lets go.
                let _ = gate.lock().unwrap_or_else(PoisonError::into_inner).recv();
            });
            // Long enough for its thread to begin: one that never began does not block.
            blocking.spawn(async move { threads.run(&clock, Duration::from_secs(3), work).await });
        }
        assert!(blocking.join_all().await.iter().all(|ended| matches!(ended, Ended::Blocked)));
        let other = threads.run(&clock, Duration::from_secs(30), Box::pin(async { 7 })).await;
        assert!(matches!(other, Ended::Done(7)));
        assert!(inside.count() > AT_ONCE);
        drop(open);
    }
}
