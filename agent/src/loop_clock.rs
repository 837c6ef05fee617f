//! The loop's view of the run's clock: deadlines, waits and the elapsed time.

use std::{future::Future, pin::Pin, sync::Arc, time::Duration};

use chaos_core::Clock;
use tokio_util::sync::CancellationToken;

/// How a wait ended.
#[derive(Debug, PartialEq)]
pub(crate) enum Waited<T> {
    /// The future's result.
    Done(T),
    /// The deadline came first.
    Late,
    /// The cancellation came first.
    Cancelled,
}

/// Measures one loop from its start.
#[derive(Clone, Debug)]
pub(crate) struct LoopClock {
    clock: Arc<dyn Clock>,
    start: Duration,
}

/// A moment on the run's clock that a wait does not pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Deadline(Duration);

impl LoopClock {
    /// Starts to measure.
    pub(crate) fn start(clock: Arc<dyn Clock>) -> Self {
        let start = clock.now();
        Self { clock, start }
    }

    /// The clock itself.
    pub(crate) fn clock(&self) -> &dyn Clock {
        self.clock.as_ref()
    }

    /// A deadline that much after now.
    pub(crate) fn within(&self, time: Duration) -> Deadline {
        Deadline(self.clock.now().saturating_add(time))
    }

    /// Whether a deadline is over.
    pub(crate) fn passed(&self, deadline: Deadline) -> bool {
        self.clock.now() >= deadline.0
    }

    /// Milliseconds since the start.
    pub(crate) fn elapsed_ms(&self) -> u64 {
        let elapsed = self.clock.now().saturating_sub(self.start);
        u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX)
    }

    /// Waits for `future` until the deadline or a cancellation; then it is dropped.
    pub(crate) async fn wait<T>(
        &self,
        future: impl Future<Output = T> + Send,
        deadline: Deadline,
        cancel: &CancellationToken,
    ) -> Waited<T> {
        self.wait_with_grace(Box::pin(future), deadline, cancel, Duration::ZERO).await
    }

    /// As [`LoopClock::wait`], but a future that is cancelled gets `grace` to end by itself.
    pub(crate) async fn wait_with_grace<F: Future + Send + ?Sized>(
        &self,
        mut future: Pin<Box<F>>,
        deadline: Deadline,
        cancel: &CancellationToken,
        grace: Duration,
    ) -> Waited<F::Output> {
        let left = deadline.0.saturating_sub(self.clock.now());
        let running = cancel.run_until_cancelled(future.as_mut());
        match self.clock.timeout(left, running).await {
            Some(Some(done)) => Waited::Done(done),
            None => Waited::Late,
            Some(None) if grace.is_zero() => Waited::Cancelled,
            Some(None) => match self.clock.timeout(grace, future).await {
                Some(done) => Waited::Done(done),
                None => Waited::Cancelled,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use chaos_core::RealClock;

    use super::*;

    fn second() -> Duration {
        Duration::from_secs(1)
    }

    fn clock() -> LoopClock {
        LoopClock::start(Arc::new(RealClock::new()))
    }

    #[tokio::test(start_paused = true)]
    async fn each_way_of_ending_is_told_apart() {
        let open = CancellationToken::new();
        let closed = CancellationToken::new();
        closed.cancel();
        let clock = clock();
        let by = clock.within(second());
        assert_eq!(clock.wait(ready(1), by, &open).await, Waited::Done(1));
        assert_eq!(clock.wait(ready(1), by, &closed).await, Waited::Cancelled);
        assert_eq!(clock.wait(pending::<u8>(), by, &open).await, Waited::Late);
        assert!(clock.passed(by));
        // A timer may fire up to a millisecond late.
        assert!((1000..=1001).contains(&clock.elapsed_ms()), "{}", clock.elapsed_ms());
    }

    #[tokio::test(start_paused = true)]
    async fn grace_lets_a_cancelled_future_end() {
        let cancel = CancellationToken::new();
        let token = cancel.clone();
        let tidy = Box::pin(async move {
            token.cancelled().await;
            tokio::time::sleep(second()).await;
            "tidied up"
        });
        cancel.cancel();
        let clock = clock();
        let by = clock.within(60 * second());
        assert_eq!(clock.wait_with_grace(tidy, by, &cancel, 2 * second()).await, Waited::Done("tidied up"));
        let stubborn = Box::pin(pending::<u8>());
        assert_eq!(clock.wait_with_grace(stubborn, by, &cancel, 2 * second()).await, Waited::Cancelled);
    }

    #[tokio::test(start_paused = true)]
    async fn endless_times_do_not_overflow() {
        let clock = clock();
        let never = clock.within(Duration::MAX);
        assert!(!clock.passed(never));
        let open = CancellationToken::new();
        assert_eq!(clock.wait(ready(1), never, &open).await, Waited::Done(1));
    }
}
