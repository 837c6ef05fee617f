//! What `/proc` says of processes.

use std::fs;
use std::io;
use std::sync::Arc;

use rustix::io::Errno;

use crate::proc_file;
use crate::remembered::Remembered;

/// The kernel's mark of a thread of its own (`PF_KTHREAD` in `include/linux/sched.h`).
const KERNEL_THREAD: u64 = 0x0020_0000;

/// What `/proc` says of a process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcessStat {
    /// Its pid.
    pub pid: u32,
    /// Its parent's pid; 0 for none in this namespace.
    pub parent: u32,
    /// The number of its process group.
    pub group: u32,
    /// The number of its session.
    pub session: u32,
    /// Its name, as the kernel cuts it (15 bytes).
    pub name: String,
    /// The state letter of its first thread.
    pub state: char,
    /// When it started, in clock ticks since boot: with the boot id, what no later process of that pid shares.
    pub start_time: u64,
    /// Whether it is a thread of the kernel's.
    pub is_kernel: bool,
}

impl ProcessStat {
    /// Reads `/proc/PID/stat`; `None` when there is no process of that pid.
    pub fn of(pid: u32) -> io::Result<Option<Self>> {
        match proc_file::read(format!("/proc/{pid}/stat")) {
            Ok(bytes) => Self::read(&String::from_utf8_lossy(&bytes)),
            Err(error) if is_gone(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Reads `/proc/PID/stat` (see proc(5)): the name may hold spaces and parentheses, so its end is the last one.
    ///
    /// `None` for a process that is just being collected: it has no group any more, which the kernel tells as `-1`
    /// (`do_task_stat` in `fs/proc/array.c`).
    fn read(stat: &str) -> io::Result<Option<Self>> {
        let wrong = || io::Error::new(io::ErrorKind::InvalidData, "`/proc/PID/stat` is not what proc(5) says");
        let (pid, rest) = stat.split_once(" (").ok_or_else(wrong)?;
        let (name, rest) = rest.rsplit_once(')').ok_or_else(wrong)?;
        // Field 3, the state, comes first here.
        let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
        if fields.get(2) == Some(&"-1") {
            return Ok(None);
        }
        let number = |field: usize| fields.get(field - 3).and_then(|text| text.parse::<u64>().ok()).ok_or_else(wrong);
        let pid_of = |field: usize| u32::try_from(number(field)?).map_err(|_| wrong());
        Ok(Some(Self {
            pid: pid.parse().map_err(|_| wrong())?,
            parent: pid_of(4)?,
            group: pid_of(5)?,
            session: pid_of(6)?,
            name: name.to_owned(),
            state: fields.first().and_then(|state| state.chars().next()).ok_or_else(wrong)?,
            start_time: number(22)?,
            is_kernel: number(9)? & KERNEL_THREAD != 0,
        }))
    }

    /// Stopped by a signal.
    pub fn is_stopped(&self) -> bool {
        self.state == 'T'
    }

    /// Stopped by a tracer.
    pub fn is_traced(&self) -> bool {
        self.state == 't'
    }

    /// Dead, whether or not somebody has collected it.
    pub fn is_dead(&self) -> bool {
        matches!(self.state, 'Z' | 'X' | 'x')
    }

    /// The name for people: pid and program.
    pub fn label(&self) -> String {
        format!("process {} (`{}`)", self.pid, self.name)
    }
}

/// What `/proc/PID/status` says beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcessOwner {
    /// Real, effective and saved user id.
    pub uids: [u32; 3],
    /// The process that it belongs to; itself, unless it is only a thread.
    pub process: u32,
}

impl ProcessOwner {
    /// Reads `/proc/PID/status`; `None` when there is no process of that pid.
    pub fn of(pid: u32) -> io::Result<Option<Self>> {
        match proc_file::read_text(format!("/proc/{pid}/status")) {
            Ok(status) => Self::read(&status).map(Some),
            Err(error) if is_gone(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn read(status: &str) -> io::Result<Self> {
        let wrong = || io::Error::new(io::ErrorKind::InvalidData, "`/proc/PID/status` is not what proc(5) says");
        let numbers = |key: &str| -> io::Result<Vec<u32>> {
            let line = status.lines().find_map(|line| line.strip_prefix(key)).ok_or_else(wrong)?;
            line.split_ascii_whitespace().map(|word| word.parse().map_err(|_| wrong())).collect()
        };
        let uids = numbers("Uid:")?.first_chunk().copied().ok_or_else(wrong)?;
        let process = numbers("Tgid:")?.first().copied().ok_or_else(wrong)?;
        Ok(Self { uids, process })
    }
}

/// The pids from `pid` up to the first process of the namespace, `pid` itself included.
pub fn ancestors(pid: u32) -> io::Result<Vec<u32>> {
    let mut line = vec![pid];
    let mut at = pid;
    while let Some(stat) = ProcessStat::of(at)? {
        // A parent that is seen twice means that pids were reused meanwhile.
        if stat.parent == 0 || line.contains(&stat.parent) {
            break;
        }
        line.push(stat.parent);
        at = stat.parent;
    }
    Ok(line)
}

/// The same of this process, as it was a second ago at the most. Whoever was an ancestor then is kept: a process whose parent has ended
/// becomes the child of another ancestor.
pub fn own_ancestors() -> io::Result<Arc<Vec<u32>>> {
    static LINE: Remembered<Vec<u32>> = Remembered::new();
    // One that does not lead to the first process was cut short by a parent that ended meanwhile.
    LINE.get(|| ancestors(std::process::id()).map(Arc::new), |line| line.last() == Some(&1))
}

/// The state letters of all threads of a process; empty when it is gone.
pub fn thread_states(pid: u32) -> io::Result<Vec<char>> {
    let tasks = match fs::read_dir(format!("/proc/{pid}/task")) {
        Ok(tasks) => tasks,
        Err(error) if is_gone(&error) => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut states = Vec::new();
    for task in tasks {
        let stat = match task.map(|task| proc_file::read(task.path().join("stat"))) {
            Ok(Ok(stat)) => stat,
            // A thread that ends meanwhile has no state worth knowing.
            Ok(Err(error)) | Err(error) if is_gone(&error) => continue,
            Ok(Err(error)) | Err(error) => return Err(error),
        };
        states.extend(ProcessStat::read(&String::from_utf8_lossy(&stat))?.map(|stat| stat.state));
    }
    Ok(states)
}

/// Whether a file of `/proc` could not be read since its process is gone, before or while it was read.
pub(crate) fn is_gone(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound || error.raw_os_error() == Some(Errno::SRCH.raw_os_error())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_parentheses_and_spaces_does_not_move_the_fields() {
        let tail = "S 7 72 73 0 -1 2097152 0 0 0 0 0 0 0 0 20 0 1 0 8812 0 0";
        for name in ["sleep", "a) R 1 (b", "x y", ")", ""] {
            let stat = ProcessStat::read(&format!("71 ({name}) {tail}")).unwrap().unwrap();
            assert_eq!((stat.pid, stat.name.as_str(), stat.parent), (71, name, 7));
            assert_eq!((stat.group, stat.session), (72, 73));
            assert_eq!((stat.state, stat.start_time, stat.is_kernel), ('S', 8812, true));
        }
    }

    /// As the kernel tells one between its end and its removal from the table.
    #[test]
    fn one_that_is_just_being_collected_is_gone() {
        let stat = "71 (sleep) X 0 -1 -1 0 -1 4227084 0 0 0 0 0 0 0 0 0 0 0 0 8812 0 0 18446744073709551615";
        assert_eq!(ProcessStat::read(stat).unwrap(), None);
    }

    /// Short processes are read again and again while they end: no error, whenever that is.
    #[test]
    fn reading_one_while_it_is_collected_is_no_error() {
        for _ in 0..200 {
            let mut child = std::process::Command::new("true").spawn().unwrap();
            let pid = child.id();
            let reader = std::thread::spawn(move || while ProcessStat::of(pid).unwrap().is_some() {});
            child.wait().unwrap();
            reader.join().unwrap();
        }
    }

    #[test]
    fn a_torn_stat_is_an_error_and_no_panic() {
        for stat in ["", "71", "71 (x", "71 (x)", "71 (x) S", "y (x) S 7 71 71 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 8812"] {
            assert_eq!(ProcessStat::read(stat).unwrap_err().kind(), io::ErrorKind::InvalidData, "{stat}");
        }
    }

    #[test]
    fn owners_are_read_from_the_status() {
        let owner = ProcessOwner::read("Name:\tx\nTgid:\t70\nPid:\t71\nUid:\t1000\t0\t0\t1000\n").unwrap();
        assert_eq!(owner, ProcessOwner { uids: [1000, 0, 0], process: 70 });
        assert_eq!(ProcessOwner::read("Uid:\t1000\t0\n").unwrap_err().kind(), io::ErrorKind::InvalidData);
    }

    #[test]
    fn our_line_begins_with_us_and_holds_our_parent() {
        let us = std::process::id();
        for line in [ancestors(us).unwrap(), own_ancestors().unwrap().to_vec()] {
            assert_eq!(line[..2], [us, std::os::unix::process::parent_id()]);
        }
    }

    #[test]
    fn nothing_is_found_where_no_process_is() {
        // Above the kernel's largest possible pid (2^22).
        let none = u32::MAX;
        assert!(ProcessStat::of(none).unwrap().is_none());
        assert!(ProcessOwner::of(none).unwrap().is_none());
        assert!(thread_states(none).unwrap().is_empty());
    }
}
