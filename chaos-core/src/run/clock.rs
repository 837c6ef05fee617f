//! The clock that plug-ins take time from, so that a run can go under virtual time.

use std::fmt::Debug;
use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::{Duration, SystemTime};

use rustix::time::{ClockId, clock_gettime};
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::BoxFuture;

/// Time as plug-ins see it.
pub trait Clock: Debug + Send + Sync {
    /// Time since this clock was made; never goes back.
    fn now(&self) -> Duration;

    /// Like [`Clock::now`], and the time for which the machine slept is counted too; [`Clock::sleep`] does not count it.
    fn now_with_suspend(&self) -> Duration {
        self.now()
    }

    /// Wall-clock time, for records.
    fn wall(&self) -> SystemTime;

    /// Waits.
    fn sleep(&self, time: Duration) -> BoxFuture<'_, ()>;

    /// Marks that something real (a socket, a process, a thread) is being waited for: virtual time is paused
    /// until the returned guard is dropped.
    fn external(&self) -> ExternalWait;
}

impl dyn Clock + '_ {
    /// Awaits `future` for at most `limit`; `None` when the limit passed first.
    pub async fn timeout<F: Future + Send>(&self, limit: Duration, future: F) -> Option<F::Output> {
        let mut future = pin!(future);
        let mut sleep = self.sleep(limit);
        poll_fn(|cx| match future.as_mut().poll(cx) {
            Poll::Ready(out) => Poll::Ready(Some(out)),
            Poll::Pending => sleep.as_mut().poll(cx).map(|()| None),
        })
        .await
    }
}

/// Holds virtual time still while it lives; does nothing on a real clock.
#[must_use = "virtual time goes on when it is dropped"]
#[derive(Debug)]
pub struct ExternalWait {
    _release: Option<oneshot::Sender<()>>,
}

/// Real time.
#[derive(Debug, Clone, Copy)]
pub struct RealClock {
    start: Instant,
    /// On the clock that goes on while the machine sleeps.
    start_with_suspend: Duration,
}

impl RealClock {
    /// A clock that starts now.
    pub fn new() -> Self {
        Self { start: Instant::now(), start_with_suspend: since_boot() }
    }
}

/// Time since the machine started, its sleep included.
pub fn since_boot() -> Duration {
    // Since the start of the machine, so never negative.
    clock_gettime(ClockId::Boottime).try_into().unwrap_or_default()
}

impl Default for RealClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for RealClock {
    fn now(&self) -> Duration {
        self.start.elapsed()
    }

    fn now_with_suspend(&self) -> Duration {
        since_boot().saturating_sub(self.start_with_suspend)
    }

    fn wall(&self) -> SystemTime {
        SystemTime::now()
    }

    fn sleep(&self, time: Duration) -> BoxFuture<'_, ()> {
        Box::pin(tokio::time::sleep(time))
    }

    fn external(&self) -> ExternalWait {
        ExternalWait { _release: None }
    }
}

/// Virtual time: jumps to the next timer whenever nothing else can go on and no [`ExternalWait`] lives.
///
/// It needs a current-thread runtime whose time is paused (`start_paused(true)`). Such a runtime alone is not enough:
/// it would jump past every timeout while real I/O is in flight. Only blocking tasks hold it still, so an external
/// wait is a blocking task that ends with the guard.
#[derive(Debug, Clone, Copy)]
pub struct VirtualClock {
    start: Instant,
    wall: SystemTime,
}

impl VirtualClock {
    /// A clock that starts now, at the given wall-clock time.
    pub fn starting_at(wall: SystemTime) -> Self {
        Self { start: Instant::now(), wall }
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> Duration {
        self.start.elapsed()
    }

    fn wall(&self) -> SystemTime {
        self.wall + self.now()
    }

    fn sleep(&self, time: Duration) -> BoxFuture<'_, ()> {
        Box::pin(tokio::time::sleep(time))
    }

    fn external(&self) -> ExternalWait {
        let (release, held) = oneshot::channel::<()>();
        tokio::task::spawn_blocking(move || {
            // Ends with an error when the guard is dropped, which is what it waits for.
            let _ = held.blocking_recv();
        });
        ExternalWait { _release: Some(release) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_virtual_sleep_takes_no_real_time() {
        let real = std::time::Instant::now();
        let clock = VirtualClock::starting_at(SystemTime::UNIX_EPOCH);
        clock.sleep(Duration::from_hours(1)).await;
        assert_eq!(clock.wall(), SystemTime::UNIX_EPOCH + Duration::from_hours(1));
        assert!(real.elapsed() < Duration::from_mins(1));
    }

    #[tokio::test(start_paused = true)]
    async fn an_external_wait_holds_virtual_time_still() {
        let clock = VirtualClock::starting_at(SystemTime::UNIX_EPOCH);
        let (tx, rx) = oneshot::channel();
        let worker = std::thread::spawn(move || {
            // Real work: enough turns that a paused clock without the guard would have jumped.
            let sum: u64 = (0..20_000_000u64).fold(0, u64::wrapping_add);
            tx.send(sum).ok();
        });
        let guard = clock.external();
        let answer = (&clock as &dyn Clock).timeout(Duration::from_secs(30), rx).await;
        drop(guard);
        worker.join().unwrap();
        assert!(answer.is_some(), "the timeout fired under a real wait");
        assert!(clock.now() < Duration::from_secs(30));
    }
}
