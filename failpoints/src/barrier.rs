//! A barrier that blocks callers until a test or another process releases them.

use std::{
    fmt,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

/// Blocks callers until they are released.
///
/// It counts permits: a release that comes before the arrival is not lost. Cloning gives another handle on the same
/// barrier. When the arming that blocks a caller ends, the caller resumes without a permit.
///
/// ```
/// use chaos_failpoints::{Barrier, Rule, Scope, fail_point};
/// use std::time::Duration;
///
/// let scope = Scope::new("example");
/// let barrier = Barrier::new();
/// let _guard = scope.arm("store.commit", Rule::barrier(&barrier))?;
/// let inside = scope.clone();
/// let writer = std::thread::spawn(move || inside.run(|| fail_point!("store.commit")));
/// assert!(barrier.wait_for(1, Duration::from_secs(10)), "the writer has come");
/// barrier.release(1);
/// writer.join().expect("the writer ends");
/// # Ok::<(), chaos_failpoints::Error>(())
/// ```
#[derive(Clone, Default)]
pub struct Barrier {
    inner: Arc<Inner>,
}

#[derive(Default)]
struct Inner {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    arrived: u64,
    waiting: u64,
    permits: u64,
    wakers: Vec<Waker>,
}

impl Barrier {
    /// Makes a closed barrier.
    pub fn new() -> Self {
        Self::default()
    }

    /// Releases this many callers: those that wait now, or the next to arrive.
    pub fn release(&self, callers: u64) {
        let mut state = self.lock();
        state.permits = state.permits.saturating_add(callers);
        self.wake(state);
    }

    /// Returns how many callers have ever arrived.
    pub fn arrived(&self) -> u64 {
        self.lock().arrived
    }

    /// Returns how many callers are blocked now.
    pub fn waiting(&self) -> u64 {
        self.lock().waiting
    }

    /// Blocks until this many callers have arrived since the barrier was made; returns whether they did within the time.
    pub fn wait_for(&self, arrivals: u64, within: Duration) -> bool {
        let end = Instant::now().checked_add(within);
        self.block(|| end, |state| state.arrived >= arrivals)
    }

    /// Waits until this many callers have arrived since the barrier was made, without blocking the thread.
    pub async fn reached(&self, arrivals: u64) {
        std::future::poll_fn(|cx| self.poll(cx, |state| state.arrived >= arrivals)).await;
    }

    /// Wakes all waiting callers, which check their condition again.
    pub(crate) fn wake_all(&self) {
        self.wake(self.lock());
    }

    /// Holds the thread until a permit is free or `over` says so, which is asked at the deadline at the latest.
    pub(crate) fn hold(&self, deadline: impl Fn() -> Option<Instant>, over: impl Fn() -> bool) {
        let _held = self.arrive();
        self.block(deadline, |state| over() || state.take_permit());
    }

    /// Holds the thread for a time, or until `over` says so.
    pub(crate) fn sleep(&self, time: Duration, over: impl Fn() -> bool) {
        let end = Instant::now().checked_add(time);
        self.block(|| end, |_| over());
    }

    /// Holds the task until a permit is free or `over` says so.
    #[cfg(feature = "tokio")]
    pub(crate) async fn hold_task(&self, over: impl Fn() -> bool) {
        let _held = self.arrive();
        std::future::poll_fn(|cx| self.poll(cx, |state| over() || state.take_permit())).await;
    }

    /// Waits until `over` says so, which is asked after each wake-up.
    #[cfg(feature = "tokio")]
    pub(crate) async fn until(&self, over: impl Fn() -> bool) {
        std::future::poll_fn(|cx| self.poll(cx, |_| over())).await;
    }

    fn arrive(&self) -> Held<'_> {
        let mut state = self.lock();
        state.arrived += 1;
        state.waiting += 1;
        self.wake(state);
        Held(self)
    }

    /// Waits for `done`; the deadline is read again after each wake-up, since a lease may have been renewed.
    fn block(&self, deadline: impl Fn() -> Option<Instant>, mut done: impl FnMut(&mut State) -> bool) -> bool {
        let mut state = self.lock();
        loop {
            if done(&mut state) {
                return true;
            }
            state = match deadline() {
                None => self.inner.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(end) => {
                    let left = end.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return false;
                    }
                    let waited = self.inner.changed.wait_timeout(state, left);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }

    fn poll(&self, cx: &mut Context<'_>, mut done: impl FnMut(&mut State) -> bool) -> Poll<()> {
        let mut state = self.lock();
        if done(&mut state) {
            return Poll::Ready(());
        }
        if !state.wakers.iter().any(|waker| waker.will_wake(cx.waker())) {
            state.wakers.push(cx.waker().clone());
        }
        Poll::Pending
    }

    fn wake(&self, mut state: MutexGuard<'_, State>) {
        let wakers = std::mem::take(&mut state.wakers);
        drop(state);
        self.inner.changed.notify_all();
        wakers.into_iter().for_each(Waker::wake);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.inner.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn take_permit(&mut self) -> bool {
        let free = self.permits > 0;
        self.permits -= u64::from(free);
        free
    }
}

impl fmt::Debug for Barrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.lock();
        f.debug_struct("Barrier")
            .field("arrived", &state.arrived)
            .field("waiting", &state.waiting)
            .field("permits", &state.permits)
            .finish()
    }
}

/// Counts a caller as waiting until it resumes or its task is dropped.
struct Held<'a>(&'a Barrier);

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.lock().waiting -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_mins(2);

    #[test]
    fn a_release_before_the_arrival_is_not_lost() {
        let barrier = Barrier::new();
        barrier.release(1);
        barrier.hold(|| None, || false);
        assert_eq!((barrier.arrived(), barrier.waiting()), (1, 0));
    }

    #[test]
    fn each_permit_frees_one() {
        let barrier = Barrier::new();
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| barrier.hold(|| None, || false));
            }
            assert!(barrier.wait_for(3, LONG));
            assert_eq!(barrier.waiting(), 3);
            barrier.release(3);
        });
        assert_eq!(barrier.waiting(), 0);
    }

    #[test]
    fn the_end_of_an_arming_frees_all() {
        let barrier = Barrier::new();
        let over = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    barrier.hold(|| None, || over.load(std::sync::atomic::Ordering::SeqCst));
                });
            }
            assert!(barrier.wait_for(2, LONG));
            over.store(true, std::sync::atomic::Ordering::SeqCst);
            barrier.wake_all();
        });
    }

    #[test]
    fn waiting_for_arrivals_that_never_come_ends() {
        assert!(!Barrier::new().wait_for(1, Duration::ZERO));
    }
}
