//! Wakes requests at their due time, by one kernel timer for each worker.

use std::cell::{Cell, RefCell};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use crate::clock::RunClock;

/// Why a wait ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wake {
    /// The time has come.
    Due,
    /// The run is being stopped.
    Stopped,
}

/// Makes the timer of a pacer, before there is a clock.
pub(crate) fn timer() -> io::Result<OwnedFd> {
    let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
    Ok(timerfd_create(TimerfdClockId::Monotonic, flags)?)
}

#[expect(
    deprecated,
    reason = "the replacement is unsafe, which is forbidden here; what it asks for (a descriptor that stays open and is \
              not replaced while registered) holds for an `OwnedFd` that nobody else sees"
)]
fn register(timer: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    AsyncFd::with_interest(timer, Interest::READABLE)
}

/// One timerfd and the waits that hang on it.
///
/// tokio's own timer counts in milliseconds and would start each request about one
/// late; a timerfd is as exact as the kernel.
pub(crate) struct Pacer {
    clock: RunClock,
    timer: AsyncFd<OwnedFd>,
    waits: RefCell<BinaryHeap<Reverse<Wait>>>,
    armed: Cell<u64>,
    slack: u64,
    stopped: Cell<bool>,
    order: Cell<u64>,
}

/// A sleeping request. Equal due times wake in the order of their coming.
struct Wait {
    due: u64,
    order: u64,
    waker: Waker,
}

impl PartialEq for Wait {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}
impl Eq for Wait {}
impl PartialOrd for Wait {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Wait {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key().cmp(&other.key())
    }
}
impl Wait {
    fn key(&self) -> (u64, u64) {
        (self.due, self.order)
    }
}

impl Pacer {
    /// Makes a pacer; `slack` is how late a wait may be, so that several share one wake.
    pub(crate) fn new(timer: OwnedFd, clock: RunClock, slack: u64) -> io::Result<Rc<Self>> {
        Ok(Rc::new(Self {
            clock,
            timer: register(timer)?,
            waits: RefCell::new(BinaryHeap::new()),
            armed: Cell::new(u64::MAX),
            slack,
            stopped: Cell::new(false),
            order: Cell::new(0),
        }))
    }

    /// Waits for a moment of the run, or for its stop.
    pub(crate) fn until(self: &Rc<Self>, due: u64) -> Until<'_> {
        Until { pacer: self, due, queued: false }
    }

    /// Wakes every wait; those to come return at once.
    pub(crate) fn stop(&self) {
        self.stopped.set(true);
        for Reverse(wait) in self.waits.take() {
            wait.waker.wake();
        }
    }

    /// Serves the timer; one task of the worker does this for the whole run.
    pub(crate) async fn drive(self: Rc<Self>) -> io::Result<()> {
        loop {
            let mut ready = self.timer.readable().await?;
            // Setting the timer anew resets it, so that it need not be read.
            ready.clear_ready();
            self.armed.set(u64::MAX);
            self.wake_due()?;
        }
    }

    fn wake_due(&self) -> io::Result<()> {
        loop {
            let due = match self.waits.borrow().peek() {
                Some(Reverse(wait)) => wait.due,
                None => return Ok(()),
            };
            if !self.clock.has_passed(due) {
                return self.arm(due);
            }
            let first = self.waits.borrow_mut().pop();
            if let Some(Reverse(wait)) = first {
                wait.waker.wake();
            }
        }
    }

    fn arm(&self, due: u64) -> io::Result<()> {
        let due = due.saturating_add(self.slack);
        if due >= self.armed.get() {
            return Ok(());
        }
        self.armed.set(due);
        let once = Itimerspec { it_interval: Timespec { tv_sec: 0, tv_nsec: 0 }, it_value: self.clock.timer(due) };
        timerfd_settime(self.timer.get_ref(), TimerfdTimerFlags::ABSTIME, &once)?;
        Ok(())
    }

    fn queue(&self, due: u64, waker: Waker) {
        let order = self.order.get();
        self.order.set(order.wrapping_add(1));
        self.waits.borrow_mut().push(Reverse(Wait { due, order, waker }));
        if self.arm(due).is_err() {
            // A timer that cannot be set would leave the request asleep for ever.
            self.stop();
        }
    }
}

/// The wait for one moment.
pub(crate) struct Until<'a> {
    pacer: &'a Rc<Pacer>,
    due: u64,
    queued: bool,
}

impl Future for Until<'_> {
    type Output = Wake;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Wake> {
        if self.pacer.stopped.get() {
            return Poll::Ready(Wake::Stopped);
        }
        if self.pacer.clock.has_passed(self.due) {
            return Poll::Ready(Wake::Due);
        }
        if !self.queued {
            self.queued = true;
            self.pacer.queue(self.due, cx.waker().clone());
        }
        Poll::Pending
    }
}
