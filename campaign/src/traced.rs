//! Follows a process and its threads from one system call to the next, and the guardian that it starts.

use std::collections::BTreeSet;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus};
use std::sync::mpsc;
use std::thread;

use nix::errno::Errno;
use nix::libc::{self, c_int, pid_t};
use nix::sys::ptrace::{self, Options};
use nix::sys::signal::{self, Signal};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use crate::flaw::{Flaw, FlawKind};
use crate::processes::is_guardian;
use crate::round::Round;
use crate::sleeper::Sleeper;

/// At which entry to, or exit from, a system call a process is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Point {
    /// The n-th.
    Call(u64),
    /// The n-th after the first sync of the journal.
    AfterJournal(u64),
    /// The n-th that syncs a file: entered, the line is written; left, it is on the disk, and its effect may follow.
    Sync(u64),
}

/// Who is killed, and when.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Deaths {
    /// When the run is.
    pub(crate) run: Option<Point>,
    /// When its guardian is, which is followed only then: counted from its own start, or from the end of the run.
    pub(crate) guardian: Option<(Since, u64)>,
}

/// From when the guardian's system calls are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Since {
    /// From its own start.
    Start,
    /// From the end of the run: what it does then is take over and undo.
    RunsEnd,
}

/// What was seen of a traced process.
#[derive(Debug)]
pub(crate) struct Traced {
    /// How often a thread entered or left a system call.
    pub(crate) stops: u64,
    /// How it ended before it was to be killed.
    pub(crate) ended: Option<ExitStatus>,
    /// Whether its guardian was killed.
    pub(crate) guardian_killed: bool,
}

/// Whether we may trace at all; a container may refuse that.
pub(crate) fn is_allowed() -> bool {
    Sleeper::start().is_ok_and(|sleeper| {
        let pid = pid_t::try_from(sleeper.pid()).map(Pid::from_raw);
        pid.is_ok_and(|pid| ptrace::seize(pid, Options::PTRACE_O_EXITKILL) != Err(Errno::EPERM))
    })
}

/// Runs the program, and kills it when its threads have entered or left system calls so many times.
pub(crate) fn kill_at(round: &Round, args: &[String], nth: Option<u64>) -> Result<Traced, Flaw> {
    kill_both_at(round, args, Deaths { run: nth.map(Point::Call), guardian: None })
}

/// Runs the program, and kills it, its guardian or both.
pub(crate) fn kill_both_at(round: &Round, args: &[String], deaths: Deaths) -> Result<Traced, Flaw> {
    kill_with_at(round, args, deaths, |_| {})
}

/// The same for a program with more in its environment.
pub(crate) fn kill_with_at(
    round: &Round,
    args: &[String],
    deaths: Deaths,
    prepare: impl FnOnce(&mut Command),
) -> Result<Traced, Flaw> {
    let mut command = Command::new("sh");
    // It waits for its tracer before it becomes the program.
    command.args(["-c", "kill -STOP $$; exec \"$@\"", "sh"]).arg(round.place.program()).args(args);
    round.place.settle_in(&mut command);
    prepare(&mut command);
    let child = round.start_quiet(&mut command)?;
    round.run.set(child.id());
    let pid = Pid::from_raw(pid_t::try_from(child.id()).unwrap_or(pid_t::MAX));
    // The tracer reaps it, so `child` must not.
    drop(child);
    let patience = round.patience;
    let (done, bound) = mpsc::channel::<()>();
    let watchdog = thread::spawn(move || {
        let late = bound.recv_timeout(patience) == Err(mpsc::RecvTimeoutError::Timeout);
        if late {
            let _ = signal::kill(pid, Signal::SIGKILL);
        }
        late
    });
    let mut followed = Followed::new(pid, deaths);
    let traced = followed.follow();
    drop(done);
    if watchdog.join().unwrap_or(true) {
        return Err(round.finding(FlawKind::Hang, &format!("the traced run did not end within {patience:?}")));
    }
    if traced.is_err() {
        let _ = signal::kill(pid, Signal::SIGKILL);
        let _ = waitpid(pid, Some(WaitPidFlag::__WALL));
    }
    traced
}

/// A run that is followed, and what it has started.
struct Followed {
    run: Pid,
    deaths: Deaths,
    stops: u64,
    syncs: u64,
    /// The stop at which the first sync was entered.
    journal: Option<u64>,
    execed: bool,
    killed: bool,
    end: Option<ExitStatus>,
    /// Children that have not become another program yet, and those that have, or have ended, which may be heard first.
    children: BTreeSet<Pid>,
    gone: BTreeSet<Pid>,
    guardian: Option<Pid>,
    guardian_stops: u64,
    guardian_killed: bool,
}

impl Followed {
    fn new(run: Pid, deaths: Deaths) -> Self {
        Self {
            run,
            deaths,
            stops: 0,
            syncs: 0,
            journal: None,
            execed: false,
            killed: false,
            end: None,
            children: BTreeSet::new(),
            gone: BTreeSet::new(),
            guardian: None,
            guardian_stops: 0,
            guardian_killed: false,
        }
    }

    fn follow(&mut self) -> Result<Traced, Flaw> {
        waitpid(self.run, Some(WaitPidFlag::WUNTRACED))?;
        let mut options = Options::PTRACE_O_TRACECLONE
            | Options::PTRACE_O_TRACEEXEC
            | Options::PTRACE_O_TRACESYSGOOD
            | Options::PTRACE_O_EXITKILL;
        if self.deaths.guardian.is_some() {
            options |= Options::PTRACE_O_TRACEFORK | Options::PTRACE_O_TRACEVFORK;
        }
        ptrace::seize(self.run, options)?;
        signal::kill(self.run, Signal::SIGCONT)?;
        while self.end.is_none() || self.guardian.is_some() || !self.children.is_empty() {
            // Only what this thread traces or started: other rounds have threads of their own.
            let flags = WaitPidFlag::__WALL | WaitPidFlag::__WNOTHREAD;
            let (stopped, signal) = match waitpid(None, Some(flags)) {
                Ok(WaitStatus::Exited(who, code)) => {
                    self.ended(who, ExitStatus::from_raw(code << 8));
                    continue;
                }
                Ok(WaitStatus::Signaled(who, signal, _)) => {
                    self.ended(who, ExitStatus::from_raw(signal as c_int));
                    continue;
                }
                Ok(WaitStatus::PtraceSyscall(who)) => {
                    self.at_a_system_call(who)?;
                    (who, None)
                }
                Ok(WaitStatus::PtraceEvent(who, _, event)) => {
                    if !self.event(who, event)? {
                        continue;
                    }
                    (who, None)
                }
                Ok(WaitStatus::Stopped(who, signal)) => (who, Some(signal)),
                Ok(_) | Err(Errno::EINTR) => continue,
                // Nobody is left to be waited for.
                Err(Errno::ECHILD) if self.end.is_some() => break,
                Err(error) => return Err(error.into()),
            };
            match ptrace::syscall(stopped, signal) {
                // It was killed meanwhile.
                Ok(()) | Err(Errno::ESRCH) => {}
                Err(error) => return Err(error.into()),
            }
        }
        let ended = self.end.filter(|_| !self.killed);
        Ok(Traced { stops: self.stops, ended, guardian_killed: self.guardian_killed })
    }

    fn ended(&mut self, who: Pid, status: ExitStatus) {
        if who == self.run {
            self.end = Some(status);
        }
        self.children.remove(&who);
        self.gone.insert(who);
        if self.guardian == Some(who) {
            self.guardian = None;
        }
    }

    /// Looks at an event; whether it is to be followed further.
    fn event(&mut self, who: Pid, event: c_int) -> Result<bool, Errno> {
        match event {
            libc::PTRACE_EVENT_FORK | libc::PTRACE_EVENT_VFORK => {
                // It may have been killed meanwhile.
                if let Ok(child) = ptrace::getevent(who) {
                    let child = pid_t::try_from(child).map(Pid::from_raw);
                    self.children.extend(child.ok().filter(|child| !self.gone.contains(child)));
                }
            }
            libc::PTRACE_EVENT_EXEC if who == self.run => self.execed = true,
            libc::PTRACE_EVENT_EXEC => {
                self.children.remove(&who);
                self.gone.insert(who);
                if !u32::try_from(who.as_raw()).is_ok_and(is_guardian) {
                    return match ptrace::detach(who, None) {
                        Ok(()) | Err(Errno::ESRCH) => Ok(false),
                        Err(error) => Err(error),
                    };
                }
                self.guardian = Some(who);
            }
            _ => {}
        }
        Ok(true)
    }

    fn at_a_system_call(&mut self, who: Pid) -> Result<(), Errno> {
        if self.guardian == Some(who) {
            return self.guardian_at_a_system_call(who);
        }
        if !self.execed || self.killed || self.children.contains(&who) {
            return Ok(());
        }
        self.stops += 1;
        if !matches!(self.deaths.run, Some(Point::Call(_)) | None) && syncs(who) {
            self.syncs += 1;
            self.journal.get_or_insert(self.stops);
        }
        let is_there = match self.deaths.run {
            Some(Point::Call(nth)) => self.stops == nth,
            Some(Point::AfterJournal(nth)) => self.journal.is_some_and(|first| self.stops - first == nth),
            Some(Point::Sync(nth)) => self.syncs == nth,
            None => false,
        };
        if is_there {
            self.killed = true;
            signal::kill(self.run, Signal::SIGKILL)?;
        }
        Ok(())
    }

    fn guardian_at_a_system_call(&mut self, guardian: Pid) -> Result<(), Errno> {
        let Some((since, nth)) = self.deaths.guardian else { return Ok(()) };
        if since == Since::RunsEnd && self.end.is_none() && !self.killed {
            return Ok(());
        }
        self.guardian_stops += 1;
        if self.guardian_stops == nth {
            self.guardian_killed = true;
            signal::kill(guardian, Signal::SIGKILL)?;
        }
        Ok(())
    }
}

/// Whether a thread enters or leaves a call that syncs a file.
#[cfg(target_arch = "x86_64")]
fn syncs(who: Pid) -> bool {
    let called = ptrace::getregs(who).ok().and_then(|registers| i64::try_from(registers.orig_rax).ok());
    matches!(called, Some(libc::SYS_fsync | libc::SYS_fdatasync))
}

/// The same where its registers are not known: every call counts.
#[cfg(not(target_arch = "x86_64"))]
fn syncs(_who: Pid) -> bool {
    true
}
