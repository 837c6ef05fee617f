//! A library that a node preloads, so that its wall clock can be shifted while it runs.
//!
//! It stands in front of libc's functions that read the wall clock, and of those that wait for a time of it. What it adds
//! is on a page of shared memory, which Squall writes and which is read at each call: nothing is cached, so a change is
//! seen at the next call and needs no restart. Without the page every function is libc's own.
//!
//! | Module | Holds |
//! |---|---|
//! | `page` | the shared page, and how a reader meets a writer |
//! | `skew` | the shift: from the real time to the node's, and back |
//! | `libc` | what is used of libc: its types and its own functions |
//! | `reads` | the functions that read the clock |
//! | `waits` | the functions that wait until a time of the clock |
#![cfg_attr(not(test), no_std)]
#![cfg(all(target_os = "linux", target_env = "gnu", target_pointer_width = "64"))]

mod libc;
mod page;
mod reads;
mod skew;
mod waits;

pub use libc::{Itimerspec, Timespec, Timeval};
pub use page::{MAGIC, PAGE_BYTES, VARIABLE};
pub use reads::{clock_gettime, gettimeofday, time, timespec_get};
pub use skew::Shift;
pub use waits::{
    clock_nanosleep, pthread_clockjoin_np, pthread_cond_clockwait, pthread_cond_timedwait, pthread_mutex_clocklock,
    pthread_mutex_timedlock, pthread_rwlock_clockrdlock, pthread_rwlock_clockwrlock, pthread_rwlock_timedrdlock,
    pthread_rwlock_timedwrlock, pthread_timedjoin_np, sem_clockwait, sem_timedwait, timer_settime, timerfd_settime,
};

/// Nothing here panics; the compiler asks for it all the same.
#[cfg(not(test))]
#[panic_handler]
fn panicked(_: &core::panic::PanicInfo<'_>) -> ! {
    // SAFETY: it has no conditions, and does not return.
    unsafe { libc::abort() }
}
