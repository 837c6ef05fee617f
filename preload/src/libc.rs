//! What is used of libc: its types, and its own functions behind ours.

use core::ffi::{CStr, c_char, c_int, c_long, c_void};
use core::ptr;
use core::sync::atomic::{AtomicPtr, Ordering};

pub(crate) const CLOCK_REALTIME: c_int = 0;
pub(crate) const CLOCK_REALTIME_COARSE: c_int = 5;
pub(crate) const CLOCK_REALTIME_ALARM: c_int = 8;
pub(crate) const CLOCK_TAI: c_int = 11;
/// `TIMER_ABSTIME`, and `TFD_TIMER_ABSTIME` of timer descriptors.
pub(crate) const ABSOLUTE: c_int = 1;
pub(crate) const TIME_UTC: c_int = 1;
pub(crate) const EINVAL: c_int = 22;
pub(crate) const O_RDONLY: c_int = 0;
pub(crate) const O_CLOEXEC: c_int = 0o2_000_000;
pub(crate) const SEEK_END: c_int = 2;
pub(crate) const PROT_READ: c_int = 1;
pub(crate) const MAP_SHARED: c_int = 1;
pub(crate) const MAP_FAILED: usize = usize::MAX;
#[cfg(target_arch = "x86_64")]
const SYS_CLOCK_GETTIME: c_long = 228;
/// Of the table that all newer architectures share.
#[cfg(not(target_arch = "x86_64"))]
const SYS_CLOCK_GETTIME: c_long = 113;
/// Searches the objects behind this one.
const RTLD_NEXT: *mut c_void = ptr::without_provenance_mut(usize::MAX);

/// `struct timespec` of 64-bit targets.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default)]
pub struct Timespec {
    /// Seconds.
    pub tv_sec: i64,
    /// Nanoseconds.
    pub tv_nsec: i64,
}

/// `struct timeval` of 64-bit targets.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default)]
pub struct Timeval {
    /// Seconds.
    pub tv_sec: i64,
    /// Microseconds.
    pub tv_usec: i64,
}

/// `struct itimerspec`.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default)]
pub struct Itimerspec {
    pub(crate) interval: Timespec,
    pub(crate) value: Timespec,
}

#[link(name = "c")]
unsafe extern "C" {
    pub(crate) fn getenv(name: *const c_char) -> *mut c_char;
    pub(crate) fn open(path: *const c_char, flags: c_int, ...) -> c_int;
    pub(crate) fn close(file: c_int) -> c_int;
    pub(crate) fn lseek(file: c_int, offset: i64, whence: c_int) -> i64;
    pub(crate) fn mmap(at: *mut c_void, len: usize, prot: c_int, flags: c_int, file: c_int, off: i64) -> *mut c_void;
    #[cfg(not(test))]
    pub(crate) fn abort() -> !;
    fn syscall(number: c_long, ...) -> c_long;
}

#[link(name = "dl")]
unsafe extern "C" {
    fn dlsym(handle: *mut c_void, name: *const c_char) -> *mut c_void;
    fn dlvsym(handle: *mut c_void, name: *const c_char, version: *const c_char) -> *mut c_void;
}

/// A function of libc that one of ours stands in front of, found at its first call.
pub(crate) struct Original {
    name: &'static CStr,
    /// Versions to try first: a name alone may give the oldest one, whose condition variables have another shape.
    versions: &'static [&'static CStr],
    at: AtomicPtr<c_void>,
}

impl Original {
    pub(crate) const fn named(name: &'static CStr) -> Self {
        Self::versioned(name, &[])
    }

    pub(crate) const fn versioned(name: &'static CStr, versions: &'static [&'static CStr]) -> Self {
        Self { name, versions, at: AtomicPtr::new(ptr::null_mut()) }
    }

    /// Its address; null where this libc has no such function.
    pub(crate) fn address(&self) -> *mut c_void {
        let at = self.at.load(Ordering::Acquire);
        if at.is_null() { self.look_up() } else { at }
    }

    #[cold]
    fn look_up(&self) -> *mut c_void {
        // SAFETY: all of them are C strings.
        let versioned =
            self.versions.iter().map(|version| unsafe { dlvsym(RTLD_NEXT, self.name.as_ptr(), version.as_ptr()) });
        // SAFETY: the name is a C string.
        let plain = || unsafe { dlsym(RTLD_NEXT, self.name.as_ptr()) };
        let at = versioned.into_iter().find(|at| !at.is_null()).unwrap_or_else(plain);
        self.at.store(at, Ordering::Release);
        at
    }
}

/// The kernel's own clock: what is read is the machine's time, whoever stands in front of libc.
///
/// # Safety
/// As `clock_gettime`.
pub(crate) unsafe fn kernel_clock(clock: c_int, time: *mut Timespec) -> c_int {
    // SAFETY: the caller keeps the conditions of the call, whose arguments these are.
    let done = unsafe { syscall(SYS_CLOCK_GETTIME, c_long::from(clock), time) };
    if done == 0 { 0 } else { -1 }
}
