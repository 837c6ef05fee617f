//! The guardian's own side: waits for the end of its run, of its lease, or of a step's time.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::time::Duration;

use chaos_core::{Expiries, UNDO_STEPS, since_boot};
use nix::sys::signal::SigSet;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::time::{Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, timerfd_create, timerfd_settime};

use super::lease::Lease;
use super::protocol::{FromGuardian, FromRun, UNKNOWN_ROLE, receive, send};
use super::take_over::TakeOver;
use crate::report::SQUALL_VERSION;

/// How long the run may take to begin.
const FIRST_WORD: Duration = Duration::from_secs(10);
/// After how long the steps of a run that has woken up are replayed once more: it may be about to make an effect.
const SETTLING: Duration = Duration::from_millis(200);
/// Makes the kernel look for others first, where memory ends.
const OOM_SCORE_ADJ: &str = "-500";

/// Serves one run; gives the exit code.
pub(super) fn serve() -> u8 {
    // From here on nobody's terminal or service manager ends it; KILL does.
    let _ = SigSet::all().thread_block();
    let _ = rustix::process::setsid();
    let _ = std::env::set_current_dir("/");
    // Lowering it may be refused.
    let _ = fs::write("/proc/self/oom_score_adj", OOM_SCORE_ADJ);
    match Watch::begin() {
        Ok(Some(watch)) => watch.run(),
        Ok(None) => 0,
        Err(_) => UNKNOWN_ROLE,
    }
}

/// Why the guardian woke up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Woken {
    /// The run said goodbye.
    Goodbye,
    /// The run is dead.
    Dead,
    /// The lease, or a step's time, is over.
    Late,
    /// A run that was taken over is alive again.
    Back,
}

/// A run that is watched.
struct Watch {
    socket: OwnedFd,
    timer: OwnedFd,
    path: PathBuf,
    journal: File,
    expiries: Expiries,
    replay: TakeOver,
    lease: Lease,
}

impl Watch {
    /// Greets the run; `None` when it went away.
    fn begin() -> io::Result<Option<Self>> {
        let socket = io::stdin().as_fd().try_clone_to_owned()?;
        let null = OpenOptions::new().read(true).write(true).open("/dev/null")?;
        rustix::stdio::dup2_stdin(&null)?;
        let timer = timerfd_create(TimerfdClockId::Boottime, TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK)?;
        ring_at(&timer, since_boot() + FIRST_WORD)?;
        wait(&socket, PollFlags::IN, &timer)?;
        let Ok(Some(packet)) = receive::<FromRun>(socket.as_fd()) else { return Ok(None) };
        let (FromRun::Keep { version, journal: path }, Some(file)) = (packet.message, packet.file) else {
            return refuse(&socket, "no journal was handed over");
        };
        if version != SQUALL_VERSION {
            return refuse(&socket, &format!("the helper is of version {SQUALL_VERSION}, and the run of {version}"));
        }
        // Everything that it needs later is there before it says so.
        let replay = TakeOver::new()?;
        let steps = UNDO_STEPS.names().into_iter().map(str::to_owned).collect();
        // A run that has died meanwhile is seen at the first look.
        let _ = send(socket.as_fd(), &FromGuardian::Ready { version, steps }, None);
        let lease = Lease::new(since_boot(), slept());
        let (journal, expiries) = (File::from(file), Expiries::default());
        Ok(Some(Self { socket, timer, path, journal, expiries, replay, lease }))
    }

    /// Watches the run to its end; gives the exit code.
    fn run(mut self) -> u8 {
        match self.watched() {
            Woken::Goodbye => return 0,
            Woken::Dead => return self.last_replay(),
            Woken::Late | Woken::Back => {}
        }
        self.replay.now(&self.path, &self.journal);
        // The run may be stopped, or hang: it may be about to make an effect, and must find that it was taken over.
        loop {
            match self.after() {
                Woken::Back => self.replay.now(&self.path, &self.journal),
                _ => return self.last_replay(),
            }
        }
    }

    fn last_replay(&mut self) -> u8 {
        self.replay.now(&self.path, &self.journal);
        if self.replay.remove(&self.path, &self.journal) { 0 } else { 3 }
    }

    /// Waits until the run has ended or must be taken over.
    fn watched(&mut self) -> Woken {
        loop {
            self.lease.look(since_boot(), slept());
            let due = self.due();
            if since_boot() >= due {
                return Woken::Late;
            }
            let rang = ring_at(&self.timer, due).and_then(|()| wait(&self.socket, PollFlags::RDHUP, &self.timer));
            // The lease holds even where nothing can be waited for.
            let (said_goodbye, open) = self.listen();
            match (said_goodbye, open) {
                (true, _) => return Woken::Goodbye,
                (false, false) => return Woken::Dead,
                (false, true) if rang.is_err() => return Woken::Late,
                (false, true) => {}
            }
        }
    }

    /// When to take over, as far as that is known now.
    fn due(&mut self) -> Duration {
        // What can't be read is due when the lease is.
        let expiry = self.expiries.earliest(&self.journal).ok().flatten();
        self.lease.due(expiry.map(Duration::from_millis))
    }

    /// Hears what the run has said; gives whether that was a goodbye, and whether it may say more.
    fn listen(&mut self) -> (bool, bool) {
        loop {
            match receive::<FromRun>(self.socket.as_fd()) {
                Ok(Some(packet)) => match packet.message {
                    FromRun::Goodbye => return (true, false),
                    FromRun::Alive { boot_ms, at_work, behind_ms } => {
                        let behind = Duration::from_millis(behind_ms);
                        self.lease.alive(Duration::from_millis(boot_ms), at_work, behind, since_boot());
                    }
                    FromRun::Keep { .. } => {}
                },
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return (false, true),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(None) | Err(_) => return (false, false),
            }
        }
    }

    /// Waits until a run that was taken over wakes up or ends.
    fn after(&mut self) -> Woken {
        if self.listen() != (false, true) {
            return Woken::Dead;
        }
        let never = since_boot() + Duration::from_hours(24);
        let woken = ring_at(&self.timer, never)
            .and_then(|()| wait(&self.socket, PollFlags::IN | PollFlags::RDHUP, &self.timer));
        if self.listen() != (false, true) || woken.is_err() {
            return Woken::Dead;
        }
        let settled = ring_at(&self.timer, since_boot() + SETTLING);
        let _ = settled.and_then(|()| wait(&self.socket, PollFlags::RDHUP, &self.timer));
        Woken::Back
    }
}

fn refuse(socket: &OwnedFd, why: &str) -> io::Result<Option<Watch>> {
    send(socket.as_fd(), &FromGuardian::Refused { why: why.to_owned() }, None)?;
    Ok(None)
}

/// How long the machine has slept since it started.
fn slept() -> Duration {
    let awake = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    since_boot().saturating_sub(awake.try_into().unwrap_or_default())
}

fn ring_at(timer: &OwnedFd, at: Duration) -> io::Result<()> {
    let at = Timespec::try_from(at).map_err(io::Error::other)?;
    let once = Itimerspec { it_interval: Timespec::default(), it_value: at };
    timerfd_settime(timer, TimerfdTimerFlags::ABSTIME, &once)?;
    Ok(())
}

/// Waits for the socket, or for the timer.
fn wait(socket: &OwnedFd, flags: PollFlags, timer: &OwnedFd) -> io::Result<()> {
    loop {
        match poll(&mut [PollFd::new(socket, flags), PollFd::new(timer, PollFlags::IN)], None) {
            Ok(_) => return Ok(()),
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}
