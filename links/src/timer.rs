//! The waits of one worker on one kernel timer.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::io;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use rustix::time::{
    ClockId, Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, clock_gettime, timerfd_create,
    timerfd_settime,
};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Nanoseconds in a second.
const SECOND: u64 = 1_000_000_000;

/// Whole nanoseconds of a duration; more than 584 years is held at that.
pub(crate) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[expect(
    deprecated,
    reason = "the replacement is unsafe, which is forbidden here; what it asks for (a descriptor that stays open and is \
              not replaced while registered) holds for an `OwnedFd` that nobody else sees"
)]
fn register(timer: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    AsyncFd::with_interest(timer, Interest::READABLE)
}

/// One timerfd and the waits that hang on it. tokio's own timer counts in milliseconds and starts about one late; a
/// timerfd is as exact as the kernel.
pub(crate) struct Timer {
    origin: Instant,
    base: Timespec,
    kernel: AsyncFd<OwnedFd>,
    waits: RefCell<BTreeMap<(u64, u64), Waker>>,
    armed: Cell<u64>,
    order: Cell<u64>,
}

impl Timer {
    /// Makes the timer of a worker; must be called in its runtime.
    pub(crate) fn new() -> io::Result<Rc<Self>> {
        let kernel = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC)?;
        Ok(Rc::new(Self {
            base: clock_gettime(ClockId::Monotonic),
            origin: Instant::now(),
            kernel: register(kernel)?,
            waits: RefCell::default(),
            armed: Cell::new(u64::MAX),
            order: Cell::new(0),
        }))
    }

    /// Nanoseconds since the timer was made.
    pub(crate) fn now(&self) -> u64 {
        nanos(self.origin.elapsed())
    }

    /// Waits until a moment, in nanoseconds since the timer was made. A wait that is dropped leaves nothing behind.
    pub(crate) fn until(&self, due: u64) -> Until<'_> {
        Until { timer: self, due, queued: None }
    }

    /// Serves the timer; one task of the worker does this as long as the worker lives.
    pub(crate) async fn drive(self: Rc<Self>) -> io::Result<()> {
        loop {
            let mut ready = self.kernel.readable().await?;
            // Setting the timer anew resets it, so that it need not be read.
            ready.clear_ready();
            self.armed.set(u64::MAX);
            self.wake_due()?;
        }
    }

    fn wake_due(&self) -> io::Result<()> {
        loop {
            let first = self.waits.borrow().first_key_value().map(|(key, _)| *key);
            let Some(key) = first else { return Ok(()) };
            if self.now() < key.0 {
                return self.arm(key.0);
            }
            let waker = self.waits.borrow_mut().remove(&key);
            if let Some(waker) = waker {
                waker.wake();
            }
        }
    }

    fn arm(&self, due: u64) -> io::Result<()> {
        if due >= self.armed.get() {
            return Ok(());
        }
        self.armed.set(due);
        let once = Itimerspec { it_interval: Timespec { tv_sec: 0, tv_nsec: 0 }, it_value: later(self.base, due) };
        timerfd_settime(self.kernel.get_ref(), TimerfdTimerFlags::ABSTIME, &once)?;
        Ok(())
    }
}

/// The wait for one moment.
pub(crate) struct Until<'a> {
    timer: &'a Timer,
    due: u64,
    queued: Option<(u64, u64)>,
}

impl Future for Until<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.timer.now() >= self.due {
            return Poll::Ready(());
        }
        let key = self.queued.unwrap_or_else(|| {
            let order = self.timer.order.get();
            self.timer.order.set(order.wrapping_add(1));
            (self.due, order)
        });
        self.queued = Some(key);
        self.timer.waits.borrow_mut().insert(key, cx.waker().clone());
        if self.timer.arm(self.due).is_err() {
            // A timer that can't be set would leave the wait asleep for ever.
            return Poll::Ready(());
        }
        Poll::Pending
    }
}

impl Drop for Until<'_> {
    fn drop(&mut self) {
        if let Some(key) = self.queued {
            self.timer.waits.borrow_mut().remove(&key);
        }
    }
}

#[expect(clippy::cast_possible_wrap, reason = "584 years of nanoseconds are 1.8e10 seconds")]
fn later(from: Timespec, nanos: u64) -> Timespec {
    let sum = from.tv_nsec.unsigned_abs() + nanos % SECOND;
    Timespec {
        tv_sec: from.tv_sec.saturating_add((nanos / SECOND + sum / SECOND) as i64),
        tv_nsec: (sum % SECOND) as i64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_wait_ends_not_before_its_time_and_leaves_nothing_behind() {
        let timer = Timer::new().unwrap();
        let drive = timer.clone().drive();
        let test = async {
            let due = timer.now() + 3_000_000;
            timer.until(due).await;
            assert!(timer.now() >= due);
            {
                let mut far = std::pin::pin!(timer.until(u64::MAX));
                let polled = std::future::poll_fn(|cx| Poll::Ready(far.as_mut().poll(cx).is_pending())).await;
                assert!(polled);
                assert_eq!(timer.waits.borrow().len(), 1);
            }
            assert!(timer.waits.borrow().is_empty());
        };
        tokio::select! {
            ended = drive => panic!("{ended:?}"),
            () = test => {}
        }
    }
}
