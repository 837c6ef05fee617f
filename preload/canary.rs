//! A program that prints its clocks: `MONOTONIC WALL`, in nanoseconds, twice. It reads them as any program does, by libc.
//!
//! Compiled beside the library by the build script of `nodes`. Started with a node's environment, it shows what that
//! environment does to a clock; the monotonic clock, which nothing shifts, relates the reading to the machine's time.
#![no_std]
#![no_main]

use core::ffi::{c_char, c_int, c_long};

/// Between the two readings.
const PAUSE_NANOS: c_long = 20_000_000;

#[repr(C)]
struct Timespec {
    seconds: i64,
    nanos: c_long,
}

#[link(name = "c")]
unsafe extern "C" {
    fn clock_gettime(clock: c_int, time: *mut Timespec) -> c_int;
    fn nanosleep(time: *const Timespec, left: *mut Timespec) -> c_int;
    fn printf(format: *const c_char, ...) -> c_int;
    fn fflush(stream: *mut core::ffi::c_void) -> c_int;
    fn abort() -> !;
}

#[panic_handler]
fn panicked(_: &core::panic::PanicInfo<'_>) -> ! {
    // SAFETY: it has no conditions.
    unsafe { abort() }
}

fn read(clock: c_int) -> i64 {
    let mut time = Timespec { seconds: 0, nanos: 0 };
    // SAFETY: the time is ours.
    unsafe { clock_gettime(clock, &raw mut time) };
    time.seconds * 1_000_000_000 + time.nanos
}

/// Prints one reading: the monotonic clock before and after the wall clock, which bound when it was read.
fn tell() {
    let (before, wall, after) = (read(1), read(0), read(1));
    // SAFETY: the format fits the arguments.
    unsafe { printf(c"%lld %lld %lld\n".as_ptr(), before, wall, after) };
}

#[unsafe(no_mangle)]
extern "C" fn main() -> c_int {
    tell();
    // SAFETY: the time is a constant.
    unsafe { nanosleep(&Timespec { seconds: 0, nanos: PAUSE_NANOS }, core::ptr::null_mut()) };
    tell();
    // SAFETY: null stands for all streams.
    unsafe { fflush(core::ptr::null_mut()) }
}
