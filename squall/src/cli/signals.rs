//! Signals that end a run early, or release what it holds. They never skip the undo: a second one is answered, not
//! obeyed.

use std::fs;
use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use chaos_triggers::UserSignal;
use nix::sys::signal::SigSet;
use nix::unistd::{getpgid, getpgrp, getppid, getsid};
use rustix::process::{Signal as Number, getpid, kill_process};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

/// What a signal asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Request {
    /// Ends the run early, at the signal of this name.
    Cancel(&'static str),
    /// Ends the run early, and then stops this process, at the signal of this name: a fault must not stay in force while
    /// this process cannot undo it.
    Suspend(&'static str),
    /// Ends the holds now; undo, verification and verdict follow as usual.
    Release,
}

/// Signals that end a process by default, which a run must not be ended by before it has undone what it did. Those that
/// tell of a defect in the very instruction (SEGV, BUS, FPE, ILL) and KILL are left to recovery. `abort` ends the process
/// all the same.
const ENDING: [(Number, &str); 16] = [
    (Number::INT, "SIGINT"),
    (Number::TERM, "SIGTERM"),
    (Number::HUP, "SIGHUP"),
    (Number::QUIT, "SIGQUIT"),
    (Number::USR2, "SIGUSR2"),
    (Number::ALARM, "SIGALRM"),
    (Number::VTALARM, "SIGVTALRM"),
    (Number::PROF, "SIGPROF"),
    (Number::XCPU, "SIGXCPU"),
    (Number::XFSZ, "SIGXFSZ"),
    (Number::IO, "SIGIO"),
    (Number::POWER, "SIGPWR"),
    (Number::STKFLT, "SIGSTKFLT"),
    (Number::TRAP, "SIGTRAP"),
    (Number::ABORT, "SIGABRT"),
    (Number::SYS, "SIGSYS"),
];

/// Real-time signals, which end a process by default, too; those before them are the C library's own.
const REAL_TIME: RangeInclusive<i32> = if cfg!(target_env = "musl") { 35..=64 } else { 34..=64 };

/// Signals that stop a process by default.
const STOPPING: [(Number, &str); 3] = [(Number::TSTP, "SIGTSTP"), (Number::TTIN, "SIGTTIN"), (Number::TTOU, "SIGTTOU")];

/// The signals that ask something of a run.
pub(crate) struct Signals {
    requests: mpsc::UnboundedReceiver<Request>,
    cancelled: bool,
}

impl Signals {
    /// Takes them over; from then on they no longer kill or stop the process.
    ///
    /// What this process inherited as ignored stays ignored, TERM excepted: `nohup` means SIGHUP so, and a shell without
    /// job control SIGINT and SIGQUIT of a job in the background.
    pub(crate) fn install() -> std::io::Result<Self> {
        let (told, requests) = mpsc::unbounded_channel();
        let ignored = Ignored::inherited();
        // A thread of their own: they are heard whatever the other threads wait for, until the process ends. Where there is
        // none, nothing is taken over.
        let (hand, handed) = std::sync::mpsc::channel::<tokio::runtime::Runtime>();
        let hear = move || handed.recv().map(|runtime| runtime.block_on(std::future::pending::<()>()));
        thread::Builder::new().name("squall-signals".to_owned()).spawn(hear)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
        let entered = runtime.enter();
        let ending = ENDING.map(|(number, name)| (number.as_raw(), Request::Cancel(name)));
        let stopping = STOPPING.map(|(number, name)| (number.as_raw(), Request::Suspend(name)));
        let real_time = REAL_TIME.map(|number| (number, Request::Cancel("a real-time signal")));
        for (number, request) in ending.into_iter().chain(stopping).chain(real_time) {
            if number == Number::TERM.as_raw() || !ignored.holds(number) {
                forward(number, request, &told)?;
            }
        }
        forward(Number::USR1.as_raw(), Request::Release, &told)?;
        drop(entered);
        // The thread waits for it.
        let _ = hand.send(runtime);
        Ok(Self { requests, cancelled: false })
    }

    /// Waits for the next one.
    pub(crate) async fn next(&mut self) -> Request {
        let Some(request) = self.requests.recv().await else { return std::future::pending().await };
        self.cancelled |= request != Request::Release;
        request
    }

    /// Whether one of them has asked for the end of what runs.
    pub(crate) fn cancelled(&mut self) -> bool {
        // Nothing is in force while this is asked.
        while let Ok(request) = self.requests.try_recv() {
            self.cancelled |= request != Request::Release;
            if let Request::Suspend(_) = request {
                suspend();
            }
        }
        self.cancelled
    }
}

/// Lets every signal through that whoever started us had blocked when it did: a blocked one would wait for ever, and
/// what we start inherits the mask. Ignoring, not blocking, is how a starter says that a signal is not for us.
///
/// Of this thread and those that it starts from then on.
pub(crate) fn unblock() {
    // It fails on a wrong argument only.
    let _ = SigSet::empty().thread_set_mask();
}

/// Whether a signal has asked for the end of what runs at any time; a stop that is to be continued is none.
static ASKED_TO_END: AtomicBool = AtomicBool::new(false);

/// Whether a signal has asked for the end of what runs; then nobody waits for a reader that is stalled.
pub(crate) fn asked_to_end() -> bool {
    ASKED_TO_END.load(Ordering::Relaxed)
}

/// Sends a request for every delivery of a signal.
fn forward(number: i32, request: Request, told: &mpsc::UnboundedSender<Request>) -> std::io::Result<()> {
    let mut deliveries = signal(SignalKind::from_raw(number))?;
    let told = told.clone();
    tokio::spawn(async move {
        while deliveries.recv().await.is_some() {
            if number == Number::USR2.as_raw() && UserSignal::Usr2.is_awaited() {
                continue;
            }
            if matches!(request, Request::Cancel(_)) || matches!(request, Request::Suspend(_)) && !can_be_continued() {
                ASKED_TO_END.store(true, Ordering::Relaxed);
            }
            // Nobody listens once nothing is in force any more.
            if told.send(request).is_err() && matches!(request, Request::Suspend(_)) {
                suspend();
            }
        }
    });
    Ok(())
}

/// The signals that this process ignores.
struct Ignored(u64);

impl Ignored {
    /// Reads them before any is taken over; none where `/proc` does not say.
    fn inherited() -> Self {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
        Self(mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or_default())
    }

    fn holds(&self, number: i32) -> bool {
        // Bit 0 is signal 1, see proc(5).
        self.0 >> (number - 1) & 1 == 1
    }
}

/// Stops this process as Ctrl-Z would have, unless nobody is there to continue it (an orphaned process group, for which
/// the kernel drops SIGTSTP too).
pub(crate) fn suspend() {
    if can_be_continued() {
        // A process may always signal itself.
        let _ = kill_process(getpid(), Number::STOP);
    }
}

/// Whether our parent is of our session, and of another process group, as a shell with job control is; see setpgid(2).
///
/// In a container both may be 0, which stands for every one outside our pid namespace.
fn can_be_continued() -> bool {
    let parent = getppid();
    let same_session = getsid(None).is_ok_and(|own| getsid(Some(parent)) == Ok(own));
    same_session && getpgid(Some(parent)).is_ok_and(|group| group != getpgrp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mask_of_ignored_signals_is_read_bit_by_bit() {
        // What a shell's `cmd &` and nohup leave: INT and QUIT, and HUP.
        let ignored = Ignored(0b111);
        for (number, ignores) in [
            (Number::HUP, true),
            (Number::INT, true),
            (Number::QUIT, true),
            (Number::TERM, false),
            (Number::TSTP, false),
        ] {
            assert_eq!(ignored.holds(number.as_raw()), ignores, "{number:?}");
        }
    }
}
