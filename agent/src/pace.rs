//! The loop's only source of time: deadlines, waits and the elapsed time.

use std::{future::Future, pin::Pin, time::Duration};

use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::sync::CancellationToken;

/// Far enough to mean never, near enough not to overflow an instant.
const NEVER: Duration = Duration::from_hours(24 * 365);

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
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    start: Instant,
}

/// A moment that a wait does not pass.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub(crate) struct Deadline(Instant);

impl Deadline {
    /// The earlier of two.
    pub(crate) fn or_before(self, other: Self) -> Self {
        if other.0 < self.0 { other } else { self }
    }

    /// Whether it is over.
    pub(crate) fn passed(self) -> bool {
        Instant::now() >= self.0
    }
}

impl Pace {
    /// Starts to measure.
    pub(crate) fn start() -> Self {
        Self {
            start: Instant::now(),
        }
    }

    /// A deadline that much after now.
    pub(crate) fn within(time: Duration) -> Deadline {
        Deadline(Instant::now() + time.min(NEVER))
    }

    /// Milliseconds since the start.
    pub(crate) fn elapsed_ms(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Waits that long.
    #[cfg(feature = "openai")]
    pub(crate) async fn sleep(time: Duration) {
        tokio::time::sleep(time.min(NEVER)).await;
    }

    /// Waits for `future` that long; `None` when it was not enough.
    #[cfg(feature = "openai")]
    pub(crate) async fn limit<T>(future: impl Future<Output = T>, time: Duration) -> Option<T> {
        timeout(time, future).await.ok()
    }

    /// Waits for `future` until the deadline or a cancellation; then it is dropped.
    pub(crate) async fn wait<T>(
        future: impl Future<Output = T>,
        deadline: Deadline,
        cancel: &CancellationToken,
    ) -> Waited<T> {
        Self::wait_with_grace(Box::pin(future), deadline, cancel, Duration::ZERO).await
    }

    /// As [`Pace::wait`], but a future that is cancelled gets `grace` to end by itself.
    pub(crate) async fn wait_with_grace<F: Future + ?Sized>(
        mut future: Pin<Box<F>>,
        deadline: Deadline,
        cancel: &CancellationToken,
        grace: Duration,
    ) -> Waited<F::Output> {
        let running = cancel.run_until_cancelled(future.as_mut());
        match timeout_at(deadline.0, running).await {
            Ok(Some(done)) => Waited::Done(done),
            Err(_late) => Waited::Late,
            Ok(None) if grace.is_zero() => Waited::Cancelled,
            Ok(None) => match timeout(grace, future).await {
                Ok(done) => Waited::Done(done),
                Err(_late) => Waited::Cancelled,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use super::*;

    fn second() -> Duration {
        Duration::from_secs(1)
    }

    #[tokio::test(start_paused = true)]
    async fn each_way_of_ending_is_told_apart() {
        let open = CancellationToken::new();
        let closed = CancellationToken::new();
        closed.cancel();
        let by = Pace::within(second());
        assert_eq!(Pace::wait(ready(1), by, &open).await, Waited::Done(1));
        assert_eq!(Pace::wait(ready(1), by, &closed).await, Waited::Cancelled);
        assert_eq!(Pace::wait(pending::<u8>(), by, &open).await, Waited::Late);
        assert!(by.passed());
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
        let by = Pace::within(60 * second());
        assert_eq!(
            Pace::wait_with_grace(tidy, by, &cancel, 2 * second()).await,
            Waited::Done("tidied up")
        );
        let stubborn = Box::pin(pending::<u8>());
        assert_eq!(
            Pace::wait_with_grace(stubborn, by, &cancel, 2 * second()).await,
            Waited::Cancelled
        );
    }

    #[tokio::test(start_paused = true)]
    async fn endless_times_do_not_overflow() {
        let never = Pace::within(Duration::MAX);
        assert_eq!(
            never.or_before(Pace::within(second())),
            Pace::within(second())
        );
        assert!(!never.passed());
    }
}
