//! The control page, as its one writer sees it.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

use chaos_core::{DirIdentity, SkewAct};
use rustix::fs::OFlags;
use rustix::time::{ClockId, clock_gettime};

/// The size of the page; the library maps all of it.
const PAGE_BYTES: u64 = 4096;
/// What it begins with.
const MAGIC: [u8; 8] = *b"SQCLOCK1";
/// Where the sequence number is; behind it stand offset, rate and base, eight bytes each.
const SEQUENCE_AT: u64 = 8;
const SHIFT_AT: u64 = 16;

/// The page through which the library of a node is told its shift.
#[derive(Debug)]
pub(super) struct ControlPage(File);

impl ControlPage {
    /// The page at `path`; made without a shift where there is none.
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        let file = options().create(true).truncate(false).mode(0o600).open(path)?;
        if file.metadata()?.len() < PAGE_BYTES {
            file.set_len(PAGE_BYTES)?;
            file.write_all_at(&MAGIC, 0)?;
        }
        Ok(Self(file))
    }

    /// The page at `path`; `None` where there is no file, or one that is something else.
    pub(super) fn open(path: &Path) -> io::Result<Option<Self>> {
        let file = match options().open(path) {
            Ok(file) => file,
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        let mut magic = [0; 8];
        let is_page = file.metadata()?.len() >= PAGE_BYTES && file.read_exact_at(&mut magic, 0).is_ok();
        Ok((is_page && magic == MAGIC).then_some(Self(file)))
    }

    /// What tells its file from every other one.
    pub(super) fn identity(&self) -> io::Result<DirIdentity> {
        let meta = self.0.metadata()?;
        Ok(DirIdentity { device: meta.dev(), inode: meta.ino() })
    }

    /// What it says, and whether that is whole.
    pub(super) fn read(&self) -> io::Result<(SkewAct, bool)> {
        let mut words = [0; 24];
        self.0.read_exact_at(&mut words, SEQUENCE_AT)?;
        let word = |at: usize| i64::from_ne_bytes(std::array::from_fn(|byte| words[8 * at + byte]));
        Ok((SkewAct { offset_ns: word(1), rate_ppb: word(2) }, word(0) % 2 == 0))
    }

    /// Puts a shift in force, from now on. A reader that comes between sees an odd number and looks again.
    pub(super) fn write(&self, skew: SkewAct) -> io::Result<()> {
        let mut sequence = [0; 8];
        self.0.read_exact_at(&mut sequence, SEQUENCE_AT)?;
        // A writer that died half-way has left an odd one.
        let writing = u64::from_ne_bytes(sequence) | 1;
        self.0.write_all_at(&writing.to_ne_bytes(), SEQUENCE_AT)?;
        let now = clock_gettime(ClockId::Realtime);
        let base = now.tv_sec.saturating_mul(1_000_000_000).saturating_add(now.tv_nsec);
        let words = [skew.offset_ns, skew.rate_ppb, base].map(i64::to_ne_bytes).concat();
        self.0.write_all_at(&words, SHIFT_AT)?;
        self.0.write_all_at(&writing.wrapping_add(1).to_ne_bytes(), SEQUENCE_AT)
    }
}

fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    // The flags are small and positive on every target.
    options.custom_flags(i32::try_from(OFlags::NOFOLLOW.bits()).unwrap_or_default());
    options
}

#[cfg(test)]
mod tests {
    use super::*;

    const AHEAD: SkewAct = SkewAct { offset_ns: 30_000_000_000, rate_ppb: -5 };

    #[test]
    fn what_is_written_is_read_and_a_page_is_kept() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("page");
        assert!(ControlPage::open(&path).unwrap().is_none());
        let page = ControlPage::create(&path).unwrap();
        assert_eq!(page.read().unwrap(), (SkewAct::default(), true));
        page.write(AHEAD).unwrap();
        let again = ControlPage::create(&path).unwrap();
        assert_eq!((again.read().unwrap(), again.identity().unwrap()), ((AHEAD, true), page.identity().unwrap()));
    }

    #[test]
    fn a_write_that_was_cut_is_seen_and_mended_by_the_next() {
        let temp = tempfile::tempdir().unwrap();
        let page = ControlPage::create(&temp.path().join("page")).unwrap();
        page.0.write_all_at(&7_u64.to_ne_bytes(), SEQUENCE_AT).unwrap();
        assert!(!page.read().unwrap().1);
        page.write(SkewAct::default()).unwrap();
        assert_eq!(page.read().unwrap(), (SkewAct::default(), true));
    }

    #[test]
    fn a_file_that_is_no_page_is_left_alone() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("page");
        std::fs::write(&path, vec![b'x'; 5000]).unwrap();
        assert!(ControlPage::open(&path).unwrap().is_none());
        std::fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink("elsewhere", &path).unwrap();
        assert!(ControlPage::open(&path).is_err());
    }
}
