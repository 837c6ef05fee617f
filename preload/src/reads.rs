//! The functions that read the clock.

use core::ffi::{c_int, c_void};
use core::mem::transmute;

use crate::libc::{
    CLOCK_REALTIME, CLOCK_REALTIME_ALARM, CLOCK_REALTIME_COARSE, CLOCK_TAI, Original, TIME_UTC, Timespec, Timeval,
    kernel_clock,
};
use crate::page::shift;
use crate::skew::{SECOND, Shift};

type ClockGettime = unsafe extern "C" fn(c_int, *mut Timespec) -> c_int;

static CLOCK_GETTIME: Original = Original::named(c"clock_gettime");

/// Whether a clock is the wall clock, in one of its forms.
pub(crate) fn is_wall(clock: c_int) -> bool {
    matches!(clock, CLOCK_REALTIME | CLOCK_REALTIME_COARSE | CLOCK_REALTIME_ALARM | CLOCK_TAI)
}

/// The machine's clock, by libc's own function.
unsafe fn real(clock: c_int, time: *mut Timespec) -> c_int {
    let own = CLOCK_GETTIME.address();
    if own.is_null() {
        // SAFETY: as for the caller.
        return unsafe { kernel_clock(clock, time) };
    }
    // SAFETY: it is the function of that name, whose type this is; the arguments are the caller's.
    unsafe { transmute::<*mut c_void, ClockGettime>(own)(clock, time) }
}

fn shifted(time: Timespec, shift: Shift) -> Timespec {
    let real = time.tv_sec.saturating_mul(SECOND).saturating_add(time.tv_nsec);
    let node = shift.node_time(real);
    Timespec { tv_sec: node.div_euclid(SECOND), tv_nsec: node.rem_euclid(SECOND) }
}

/// The node's wall clock.
fn now() -> Timespec {
    let mut time = Timespec::default();
    // SAFETY: the time is ours. The call can't fail for this clock and a valid address.
    unsafe { real(CLOCK_REALTIME, &raw mut time) };
    let shift = shift();
    if shift.is_none() { time } else { shifted(time, shift) }
}

/// `clock_gettime` with the node's shift in all forms of the wall clock.
///
/// # Safety
/// As libc's: `time` is null or can be written to.
#[cfg_attr(not(test), unsafe(no_mangle))]
pub unsafe extern "C" fn clock_gettime(clock: c_int, time: *mut Timespec) -> c_int {
    // SAFETY: as for the caller.
    let done = unsafe { real(clock, time) };
    if done == 0 && is_wall(clock) && !time.is_null() {
        let shift = shift();
        if !shift.is_none() {
            // SAFETY: libc has just written it.
            unsafe { *time = shifted(*time, shift) };
        }
    }
    done
}

/// `gettimeofday` with the node's shift. The time zone, which Linux does not keep, reads as UTC.
///
/// # Safety
/// As libc's: both are null or can be written to.
#[cfg_attr(not(test), unsafe(no_mangle))]
pub unsafe extern "C" fn gettimeofday(time: *mut Timeval, zone: *mut [c_int; 2]) -> c_int {
    let now = now();
    // SAFETY: as for the caller.
    unsafe {
        if !time.is_null() {
            *time = Timeval { tv_sec: now.tv_sec, tv_usec: now.tv_nsec / 1000 };
        }
        if !zone.is_null() {
            *zone = [0, 0];
        }
    }
    0
}

/// `time` with the node's shift.
///
/// # Safety
/// As libc's: `into` is null or can be written to.
#[cfg_attr(not(test), unsafe(no_mangle))]
pub unsafe extern "C" fn time(into: *mut i64) -> i64 {
    let seconds = now().tv_sec;
    if !into.is_null() {
        // SAFETY: as for the caller.
        unsafe { *into = seconds };
    }
    seconds
}

/// `timespec_get` with the node's shift; other bases than UTC are libc's own.
///
/// # Safety
/// As libc's: `time` can be written to.
#[cfg_attr(not(test), unsafe(no_mangle))]
pub unsafe extern "C" fn timespec_get(time: *mut Timespec, base: c_int) -> c_int {
    type TimespecGet = unsafe extern "C" fn(*mut Timespec, c_int) -> c_int;
    static OWN: Original = Original::named(c"timespec_get");
    if base == TIME_UTC && !time.is_null() {
        // SAFETY: as for the caller.
        unsafe { *time = now() };
        return base;
    }
    let own = OWN.address();
    if own.is_null() {
        return 0;
    }
    // SAFETY: it is the function of that name, whose type this is; the arguments are the caller's.
    unsafe { transmute::<*mut c_void, TimespecGet>(own)(time, base) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_page_the_time_is_the_machines() {
        let ours = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        let (mut spec, mut of_day, mut got, mut seconds) =
            (Timespec::default(), Timeval::default(), Timespec::default(), 0);
        // SAFETY: all of them are ours.
        unsafe {
            assert_eq!(clock_gettime(CLOCK_REALTIME, &raw mut spec), 0);
            assert_eq!(gettimeofday(&raw mut of_day, core::ptr::null_mut()), 0);
            assert_eq!(timespec_get(&raw mut got, TIME_UTC), TIME_UTC);
            assert_eq!(time(&raw mut seconds), seconds);
        }
        let whole = i64::try_from(ours.as_secs()).unwrap();
        for read in [spec.tv_sec, of_day.tv_sec, got.tv_sec, seconds] {
            assert!((whole..whole + 60).contains(&read), "{read} {whole}");
        }
    }

    #[test]
    fn a_time_before_1970_has_its_nanoseconds_forward() {
        let shift = Shift { offset: -2 * SECOND, ..Shift::default() };
        let time = shifted(Timespec { tv_sec: 1, tv_nsec: 500_000_000 }, shift);
        assert_eq!((time.tv_sec, time.tv_nsec), (-1, 500_000_000));
    }

    #[test]
    fn a_clock_that_is_not_there_is_libcs_error() {
        let mut time = Timespec::default();
        // SAFETY: the time is ours.
        assert_eq!(unsafe { clock_gettime(77, &raw mut time) }, -1);
        // SAFETY: the time is ours.
        assert_eq!(unsafe { kernel_clock(1, &raw mut time) }, 0);
        assert!(time.tv_sec > 0);
    }
}
