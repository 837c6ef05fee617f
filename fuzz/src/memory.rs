//! The most memory that the process ever had, as the system counts it.

use std::fs::File;
use std::os::unix::fs::FileExt;

/// Reads it again and again.
pub(crate) struct PeakMemory(Option<File>);

impl PeakMemory {
    pub(crate) fn new() -> Self {
        Self(File::open("/proc/self/status").ok())
    }

    /// In bytes; 0 where the system does not say.
    pub(crate) fn now(&self) -> u64 {
        let mut text = [0; 1024];
        let length = self.0.as_ref().and_then(|file| file.read_at(&mut text, 0).ok()).unwrap_or(0);
        let text = std::str::from_utf8(&text[..length]).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kibibytes = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
        kibibytes.unwrap_or(0) * 1024
    }
}
