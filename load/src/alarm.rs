//! A deadline for each request that costs next to nothing while requests are quick.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use tokio::time::Sleep;

/// One timer of a connection, moved only when it rings.
///
/// Registering a timer for each request would cost more than the request's own
/// bookkeeping. This one stays where it is; when it rings too early for the
/// request at hand, it is set to that request's deadline.
pub(crate) struct Alarm {
    sleep: Pin<Box<Sleep>>,
    deadline: Instant,
}

impl Alarm {
    /// Makes an alarm; it must be called inside a tokio runtime.
    pub(crate) fn new(deadline: Instant) -> Self {
        Self { sleep: Box::pin(tokio::time::sleep_until(deadline.into())), deadline }
    }

    /// Sets the deadline of the next request.
    pub(crate) fn set(&mut self, deadline: Instant) {
        self.deadline = deadline;
        if self.sleep.is_elapsed() || deadline < self.sleep.deadline().into_std() {
            self.sleep.as_mut().reset(deadline.into());
        }
    }

    /// Runs a future until the deadline; `None` when that came first.
    pub(crate) async fn guard<F: Future>(&mut self, future: F) -> Option<F::Output> {
        let mut future = std::pin::pin!(future);
        std::future::poll_fn(|cx| match future.as_mut().poll(cx) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending => self.poll_rung(cx).map(|()| None),
        })
        .await
    }

    fn poll_rung(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            if self.sleep.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            if Instant::now() >= self.deadline {
                return Poll::Ready(());
            }
            self.sleep.as_mut().reset(self.deadline.into());
        }
    }
}
