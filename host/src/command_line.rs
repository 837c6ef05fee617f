//! Processes by a word of their command line.

use std::fs;
use std::io;
use std::num::NonZeroU32;

use crate::namespace::proc_is_ours;
use crate::pidfd::PidFd;

/// The processes that have this word on their command line, held. A word is a whole argument, never a part of one.
///
/// # Errors
/// When `/proc` can't be read, or shows another pid namespace than ours: then nothing that is found or missing counts.
pub fn with_argument(word: &str) -> io::Result<Vec<PidFd>> {
    if !proc_is_ours()? {
        return Err(io::Error::other("`/proc` shows another pid namespace than ours: mount our own"));
    }
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let Some(pid) = entry?.file_name().to_str().and_then(|name| name.parse::<NonZeroU32>().ok()) else {
            continue;
        };
        // Held first, read again then: what was read is what a signal reaches.
        if has_argument(pid, word)
            && let Some(held) = PidFd::open(pid)?
            && has_argument(pid, word)
            && held.is_there()
        {
            found.push(held);
        }
    }
    Ok(found)
}

/// A process that is gone, or that we may not read, has no such word.
fn has_argument(pid: NonZeroU32, word: &str) -> bool {
    let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    line.split(|byte| *byte == 0).any(|argument| argument == word.as_bytes())
}
