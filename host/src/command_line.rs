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
    matching(|line| line.split(|byte| *byte == 0).any(|argument| argument == word.as_bytes()))
}

/// The processes whose command line is this one, argument for argument, held.
///
/// # Errors
/// As [`with_argument`].
pub fn with_command_line(argv: &[String]) -> io::Result<Vec<PidFd>> {
    let mut wanted = Vec::new();
    for argument in argv {
        wanted.extend_from_slice(argument.as_bytes());
        wanted.push(0);
    }
    matching(|line| line == wanted)
}

fn matching(fits: impl Fn(&[u8]) -> bool) -> io::Result<Vec<PidFd>> {
    if !proc_is_ours()? {
        return Err(io::Error::other("`/proc` shows another pid namespace than ours: mount our own"));
    }
    // A process that is gone, or that we may not read, has no command line.
    let line = |pid: NonZeroU32| fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let Some(pid) = entry?.file_name().to_str().and_then(|name| name.parse::<NonZeroU32>().ok()) else {
            continue;
        };
        // Held first, read again then: what was read is what a signal reaches.
        if fits(&line(pid))
            && let Some(held) = PidFd::open(pid)?
            && fits(&line(pid))
            && held.is_there()
        {
            found.push(held);
        }
    }
    Ok(found)
}
