//! Follows a process and its threads from one system call to the next.

use std::process::Command;
use std::sync::mpsc;
use std::thread;

use nix::errno::Errno;
use nix::libc::pid_t;
use nix::sys::ptrace::{self, Options};
use nix::sys::signal::{self, Signal};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use crate::flaw::{Flaw, FlawKind};
use crate::round::Round;
use crate::sleeper::Sleeper;

/// What was seen of a traced process.
#[derive(Debug)]
pub(crate) struct Traced {
    /// How often a thread entered or left a system call.
    pub(crate) stops: u64,
    /// Whether it ended before it was to be killed.
    pub(crate) ended: bool,
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
    let mut command = Command::new("sh");
    // It waits for its tracer before it becomes the program.
    command.args(["-c", "kill -STOP $$; exec \"$@\"", "sh"]).arg(round.place.program()).args(args);
    round.place.settle_in(&mut command);
    let child = round.start_quiet(&mut command)?;
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
    let traced = follow(pid, nth);
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

fn follow(pid: Pid, nth: Option<u64>) -> Result<Traced, Flaw> {
    waitpid(pid, Some(WaitPidFlag::WUNTRACED))?;
    let options = Options::PTRACE_O_TRACECLONE
        | Options::PTRACE_O_TRACEEXEC
        | Options::PTRACE_O_TRACESYSGOOD
        | Options::PTRACE_O_EXITKILL;
    ptrace::seize(pid, options)?;
    signal::kill(pid, Signal::SIGCONT)?;
    let (mut stops, mut execed, mut killed) = (0, false, false);
    loop {
        // Only what this thread traces or started: other rounds have threads of their own.
        let flags = WaitPidFlag::__WALL | WaitPidFlag::__WNOTHREAD;
        let (stopped, signal) = match waitpid(None, Some(flags)) {
            Ok(WaitStatus::Exited(who, _) | WaitStatus::Signaled(who, ..)) if who == pid => {
                return Ok(Traced { stops, ended: !killed });
            }
            Ok(WaitStatus::PtraceSyscall(who)) => {
                stops += u64::from(execed);
                if execed && nth == Some(stops) {
                    killed = true;
                    signal::kill(pid, Signal::SIGKILL)?;
                }
                (who, None)
            }
            Ok(WaitStatus::PtraceEvent(who, _, event)) => {
                execed |= event == nix::libc::PTRACE_EVENT_EXEC;
                (who, None)
            }
            Ok(WaitStatus::Stopped(who, signal)) => (who, Some(signal)),
            Ok(_) | Err(Errno::EINTR) => continue,
            Err(error) => return Err(error.into()),
        };
        match ptrace::syscall(stopped, signal) {
            // It was killed meanwhile.
            Ok(()) | Err(Errno::ESRCH) => {}
            Err(error) => return Err(error.into()),
        }
    }
}
