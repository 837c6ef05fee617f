//! The functions that wait until a time of the clock: their deadline is one of the node's, and the kernel waits by its own.
//!
//! A wait that has begun keeps the deadline that it was given: a shift that changes meanwhile does not reach it.

use core::ffi::{c_int, c_void};
use core::mem::transmute;
use core::ptr;

use crate::libc::{ABSOLUTE, EINVAL, Itimerspec, Original, Timespec};
use crate::page::shift;
use crate::reads::is_wall;

/// The deadline as the kernel counts it.
///
/// # Safety
/// `deadline` is null or can be read.
unsafe fn real(deadline: *const Timespec) -> Option<Timespec> {
    if deadline.is_null() {
        return None;
    }
    // SAFETY: as for the caller.
    let Timespec { tv_sec, tv_nsec } = unsafe { *deadline };
    shift().deadline(tv_sec, tv_nsec).map(|(tv_sec, tv_nsec)| Timespec { tv_sec, tv_nsec })
}

/// Writes functions of the given arguments, the last of which is a deadline; `by` is an argument that names its clock.
macro_rules! waits {
    ($($name:ident ($($arg:ident: $kind:ty),*) $(by $clock:ident)?, $versions:expr;)*) => {$(
        /// libc's function of that name, with its deadline translated.
        ///
        /// # Safety
        /// As libc's.
        #[cfg_attr(not(test), unsafe(no_mangle))]
        pub unsafe extern "C" fn $name($($arg: $kind,)* deadline: *const Timespec) -> c_int {
            type Own = unsafe extern "C" fn($($kind,)* *const Timespec) -> c_int;
            static OWN: Original = Original::versioned(
                // SAFETY: it ends with the only zero.
                unsafe { core::ffi::CStr::from_bytes_with_nul_unchecked(concat!(stringify!($name), "\0").as_bytes()) },
                $versions,
            );
            let own = OWN.address();
            if own.is_null() {
                return EINVAL;
            }
            let is_wall = true $(&& is_wall($clock))?;
            // SAFETY: as for the caller; it is the function of that name, whose type this is.
            unsafe {
                let real = if is_wall { real(deadline) } else { None };
                let deadline = real.as_ref().map_or(deadline, ptr::from_ref);
                transmute::<*mut c_void, Own>(own)($($arg,)* deadline)
            }
        }
    )*};
}

waits! {
    // The versions of x86-64 and of the architectures that came later.
    pthread_cond_timedwait(cond: *mut c_void, mutex: *mut c_void), &[c"GLIBC_2.3.2", c"GLIBC_2.17", c"GLIBC_2.27"];
    pthread_cond_clockwait(cond: *mut c_void, mutex: *mut c_void, clock: c_int) by clock, &[];
    pthread_mutex_timedlock(mutex: *mut c_void), &[];
    pthread_mutex_clocklock(mutex: *mut c_void, clock: c_int) by clock, &[];
    pthread_rwlock_timedrdlock(lock: *mut c_void), &[];
    pthread_rwlock_timedwrlock(lock: *mut c_void), &[];
    pthread_rwlock_clockrdlock(lock: *mut c_void, clock: c_int) by clock, &[];
    pthread_rwlock_clockwrlock(lock: *mut c_void, clock: c_int) by clock, &[];
    pthread_timedjoin_np(thread: usize, value: *mut c_void), &[];
    pthread_clockjoin_np(thread: usize, value: *mut c_void, clock: c_int) by clock, &[];
    sem_timedwait(semaphore: *mut c_void), &[];
    sem_clockwait(semaphore: *mut c_void, clock: c_int) by clock, &[];
}

/// `clock_nanosleep`, with an absolute time of the wall clock translated.
///
/// # Safety
/// As libc's.
#[cfg_attr(not(test), unsafe(no_mangle))]
pub unsafe extern "C" fn clock_nanosleep(
    clock: c_int,
    flags: c_int,
    time: *const Timespec,
    left: *mut Timespec,
) -> c_int {
    type Own = unsafe extern "C" fn(c_int, c_int, *const Timespec, *mut Timespec) -> c_int;
    static OWN: Original = Original::versioned(c"clock_nanosleep", &[c"GLIBC_2.17"]);
    let own = OWN.address();
    if own.is_null() {
        return EINVAL;
    }
    // SAFETY: as for the caller; it is the function of that name, whose type this is.
    unsafe {
        let real = if flags & ABSOLUTE != 0 && is_wall(clock) { real(time) } else { None };
        transmute::<*mut c_void, Own>(own)(clock, flags, real.as_ref().map_or(time, ptr::from_ref), left)
    }
}

/// An absolute setting of a timer, translated; its interval is a length of time and stays.
///
/// # Safety
/// `new` is null or can be read.
unsafe fn real_setting(flags: c_int, new: *const Itimerspec) -> Option<Itimerspec> {
    if flags & ABSOLUTE == 0 || new.is_null() {
        return None;
    }
    // SAFETY: as for the caller.
    unsafe {
        let value = real(&raw const (*new).value)?;
        Some(Itimerspec { interval: (*new).interval, value })
    }
}

/// `timerfd_settime`, with an absolute time of the wall clock translated.
///
/// # Safety
/// As libc's.
#[cfg_attr(not(test), unsafe(no_mangle))]
pub unsafe extern "C" fn timerfd_settime(
    file: c_int,
    flags: c_int,
    new: *const Itimerspec,
    old: *mut Itimerspec,
) -> c_int {
    type Own = unsafe extern "C" fn(c_int, c_int, *const Itimerspec, *mut Itimerspec) -> c_int;
    static OWN: Original = Original::named(c"timerfd_settime");
    let own = OWN.address();
    if own.is_null() {
        return -1;
    }
    // SAFETY: as for the caller; it is the function of that name, whose type this is.
    unsafe {
        let real = real_setting(flags, new);
        transmute::<*mut c_void, Own>(own)(file, flags, real.as_ref().map_or(new, ptr::from_ref), old)
    }
}

/// `timer_settime`, with an absolute time of the wall clock translated.
///
/// # Safety
/// As libc's.
#[cfg_attr(not(test), unsafe(no_mangle))]
pub unsafe extern "C" fn timer_settime(
    timer: *mut c_void,
    flags: c_int,
    new: *const Itimerspec,
    old: *mut Itimerspec,
) -> c_int {
    type Own = unsafe extern "C" fn(*mut c_void, c_int, *const Itimerspec, *mut Itimerspec) -> c_int;
    static OWN: Original = Original::versioned(c"timer_settime", &[c"GLIBC_2.34", c"GLIBC_2.3.3"]);
    let own = OWN.address();
    if own.is_null() {
        return -1;
    }
    // SAFETY: as for the caller; it is the function of that name, whose type this is.
    unsafe {
        let real = real_setting(flags, new);
        transmute::<*mut c_void, Own>(own)(timer, flags, real.as_ref().map_or(new, ptr::from_ref), old)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_relative_setting_and_none_stay_as_they_are() {
        let new = Itimerspec { value: Timespec { tv_sec: 2_000_000_000, tv_nsec: 0 }, ..Itimerspec::default() };
        // SAFETY: it is ours, or null.
        unsafe {
            assert!(real_setting(0, &raw const new).is_none());
            assert!(real_setting(ABSOLUTE, ptr::null()).is_none());
            // No page: nothing differs.
            assert!(real_setting(ABSOLUTE, &raw const new).is_none());
        }
    }

    #[test]
    fn a_sleep_until_a_time_that_has_passed_is_libcs() {
        let passed = Timespec { tv_sec: 1_600_000_000, tv_nsec: 0 };
        // SAFETY: the time is ours.
        assert_eq!(unsafe { clock_nanosleep(0, ABSOLUTE, &raw const passed, ptr::null_mut()) }, 0);
    }
}
