//! The shared page, and how a reader meets a writer.

use core::ffi::CStr;
use core::ptr;
use core::sync::atomic::{AtomicI64, AtomicPtr, AtomicU64, Ordering};

use crate::libc;
use crate::skew::Shift;

/// The environment variable that names the page's file.
pub const VARIABLE: &CStr = c"SQUALL_CLOCK_PAGE";

/// What the page begins with, so that no other file is taken for one.
pub const MAGIC: u64 = u64::from_le_bytes(*b"SQCLOCK1");

/// The size of the file.
pub const PAGE_BYTES: usize = 4096;

/// How often a reader looks again while a writer writes. One that died half-way is not waited for: what it left counts as
/// no shift.
const TRIES: u32 = 1000;

/// The page, as the file holds it in the machine's byte order.
#[repr(C)]
#[derive(Debug, Default)]
pub(crate) struct Page {
    magic: AtomicU64,
    /// Odd while a writer writes; another one after each change.
    sequence: AtomicU64,
    offset: AtomicI64,
    rate: AtomicI64,
    base: AtomicI64,
}

impl Page {
    /// What the page says.
    pub(crate) fn shift(&self) -> Shift {
        for _ in 0..TRIES {
            let before = self.sequence.load(Ordering::Acquire);
            let shift = Shift {
                // Each keeps the second look at the number behind it.
                offset: self.offset.load(Ordering::Acquire),
                rate: self.rate.load(Ordering::Acquire),
                base: self.base.load(Ordering::Acquire),
            };
            if before.is_multiple_of(2) && self.sequence.load(Ordering::Relaxed) == before {
                return shift;
            }
            core::hint::spin_loop();
        }
        Shift::default()
    }
}

/// The page; null before the first look, and [`NONE`] where there is none.
static PAGE: AtomicPtr<Page> = AtomicPtr::new(ptr::null_mut());

/// Stands for no page: nothing is ever read through it.
static NONE: Page = Page {
    magic: AtomicU64::new(0),
    sequence: AtomicU64::new(0),
    offset: AtomicI64::new(0),
    rate: AtomicI64::new(0),
    base: AtomicI64::new(0),
};

/// What is in force now.
pub(crate) fn shift() -> Shift {
    let page = PAGE.load(Ordering::Acquire);
    let page = if page.is_null() { found() } else { page };
    // SAFETY: it points to a page that is mapped for the whole life of the process, or to a static.
    unsafe { &*page }.shift()
}

/// Looks for the page. Two threads that do at once map it twice, which harms nothing.
#[cold]
fn found() -> *mut Page {
    let page = map();
    let page = if page.is_null() { ptr::from_ref(&NONE).cast_mut() } else { page };
    PAGE.store(page, Ordering::Release);
    page
}

/// Maps the page when the library is loaded: from then on the kernel shows it among the mappings of the process.
#[cfg(not(test))]
#[used]
#[unsafe(link_section = ".init_array")]
static AT_LOAD: extern "C" fn() = {
    extern "C" fn look() {
        shift();
    }
    look
};

/// Maps the file that the environment names; null where it names none.
fn map() -> *mut Page {
    // SAFETY: the name is a C string, and the value, if there is one, is one too.
    let file = unsafe {
        let path = libc::getenv(VARIABLE.as_ptr());
        if path.is_null() { -1 } else { libc::open(path, libc::O_RDONLY | libc::O_CLOEXEC) }
    };
    if file < 0 {
        return ptr::null_mut();
    }
    // SAFETY: the descriptor is ours; a mapping at an address of the kernel's choice overlaps nothing.
    let (mapped, long_enough) = unsafe {
        // A shorter file would end the process when it is read.
        let long_enough =
            usize::try_from(libc::lseek(file, 0, libc::SEEK_END)).is_ok_and(|length| length >= PAGE_BYTES);
        let mapped = libc::mmap(ptr::null_mut(), PAGE_BYTES, libc::PROT_READ, libc::MAP_SHARED, file, 0);
        libc::close(file);
        (mapped, long_enough)
    };
    let page: *mut Page = mapped.cast();
    if !long_enough || mapped.addr() == libc::MAP_FAILED {
        return ptr::null_mut();
    }
    // SAFETY: the mapping is long enough, aligned to a page, and stays for the life of the process.
    if unsafe { &*page }.magic.load(Ordering::Relaxed) == MAGIC { page } else { ptr::null_mut() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_that_is_half_written_is_no_shift() {
        let page = Page { offset: AtomicI64::new(7), ..Page::default() };
        assert_eq!(page.shift().offset, 7);
        page.sequence.store(1, Ordering::Relaxed);
        assert_eq!(page.shift(), Shift::default());
        page.sequence.store(2, Ordering::Relaxed);
        assert_eq!(page.shift().offset, 7);
    }

    #[test]
    fn a_reader_never_sees_half_of_a_change() {
        let page = Page::default();
        std::thread::scope(|scope| {
            let reader = scope.spawn(|| {
                for _ in 0..20_000 {
                    let Shift { offset, rate, base } = page.shift();
                    assert!(offset == rate && rate == base, "{offset} {rate} {base}");
                }
            });
            let mut value = 0;
            while !reader.is_finished() {
                value += 1;
                let sequence = page.sequence.load(Ordering::Relaxed);
                page.sequence.store(sequence + 1, Ordering::Relaxed);
                for cell in [&page.offset, &page.rate, &page.base] {
                    cell.store(value, Ordering::Release);
                }
                page.sequence.store(sequence + 2, Ordering::Release);
            }
        });
    }

    #[test]
    fn without_the_variable_there_is_no_shift() {
        assert_eq!(shift(), Shift::default());
        assert!(ptr::eq(PAGE.load(Ordering::Relaxed), &raw const NONE));
    }
}
