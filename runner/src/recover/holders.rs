//! Which processes have the journal of a dead run open, and so its lock.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// A process that has a journal open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Holder {
    /// Its pid.
    pub(crate) pid: u32,
    /// The state letter of `/proc/PID/stat`.
    pub(crate) state: char,
    /// How it was started, first word.
    pub(crate) program: String,
}

impl Holder {
    /// Whether it is stopped, by a signal or by a tracer, so that it lets go of nothing.
    pub(crate) fn is_stopped(&self) -> bool {
        matches!(self.state, 'T' | 't')
    }
}

/// Those that this user may look into, without this process.
pub(crate) fn holders(journal: &Path) -> Vec<Holder> {
    let Ok(file) = fs::metadata(journal) else { return Vec::new() };
    let file = (file.dev(), file.ino());
    let own = std::process::id();
    let pids = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = pids.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.filter(|pid| *pid != own && has_open(*pid, file)).filter_map(holder).collect()
}

fn has_open(pid: u32, file: (u64, u64)) -> bool {
    let open = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    open.into_iter().any(|entry| {
        let link = fs::read_link(entry.path()).is_ok_and(|link| link.extension().is_some_and(|end| end == "jsonl"));
        link && fs::metadata(entry.path()).is_ok_and(|found| (found.dev(), found.ino()) == file)
    })
}

fn holder(pid: u32) -> Option<Holder> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name may hold anything, see proc(5).
    let state = stat.rsplit_once(") ")?.1.chars().next()?;
    let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let program = line.split(|byte| *byte == 0).next().unwrap_or_default();
    Some(Holder { pid, state, program: String::from_utf8_lossy(program).into_owned() })
}
