//! Starts a guardian, and hands it the locked journal.

use std::collections::BTreeSet;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use chaos_core::Journal;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};

use super::Guardian;
use super::protocol::{FromGuardian, FromRun, GUARDIAN, HELPER, receive, send};
use crate::report::SQUALL_VERSION;

/// How long it may take until it answers; a start takes some milliseconds.
const ANSWER: Duration = Duration::from_secs(10);
/// How long it may take to end after a goodbye, before nobody waits for it any more.
const LAST_BREATH: Duration = Duration::from_secs(1);
/// Between two looks at whether it has ended.
const LOOK: Duration = Duration::from_millis(1);

/// A guardian that keeps the journal.
#[derive(Debug)]
pub(super) struct Link {
    socket: OwnedFd,
    child: Child,
    /// The types of the undo steps that it knows.
    pub(super) steps: BTreeSet<String>,
}

/// Why there is no guardian.
#[derive(Debug, thiserror::Error)]
pub(super) enum StartError {
    #[error("`{}` can't be started as a helper", .0.display())]
    Spawn(PathBuf, #[source] io::Error),
    #[error("`{}` did not answer as a helper: its `main` must begin with `squall::helper::run_if_asked()`", .0.display())]
    NoHelper(PathBuf),
    #[error("`{}` did not answer as a helper within {} s", .0.display(), ANSWER.as_secs())]
    Silent(PathBuf),
    #[error("`{0}` is of another version ({1}, and this is {SQUALL_VERSION})")]
    Version(String, String),
    #[error("{0}")]
    Refused(String),
    #[error("the helper can't be talked to")]
    Io(#[from] io::Error),
}

impl From<StartError> for io::Error {
    fn from(error: StartError) -> Self {
        let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}"));
        io::Error::other(format!("{error}{}", cause.unwrap_or_default()))
    }
}

/// Starts the guardian of a journal; `None` where it is in memory, or nobody is to keep it.
pub(super) fn start(choice: &Guardian, journal: &Journal) -> Result<Option<Link>, StartError> {
    let own = Path::new("/proc/self/exe");
    let program = match choice {
        Guardian::None => return Ok(None),
        // A program that was replaced on disk meanwhile is still what runs.
        Guardian::ThisProgram if own.exists() => own.to_owned(),
        Guardian::ThisProgram => std::env::current_exe()?,
        Guardian::Program(program) => program.clone(),
    };
    let Some(file) = journal.descriptor()? else { return Ok(None) };
    let path = std::path::absolute(journal.path())?;
    let (ours, theirs) =
        socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None).map_err(io::Error::from)?;
    let mut command = Command::new(&program);
    command.arg0(format!("{HELPER}{GUARDIAN}")).arg(path.file_stem().unwrap_or_default());
    command.stdin(Stdio::from(theirs)).stdout(Stdio::null()).stderr(Stdio::null());
    let child = command.spawn().map_err(|error| StartError::Spawn(program.clone(), error))?;
    // Its end of the socket is the child's alone now.
    drop(command);
    let mut link = Link { socket: ours, child, steps: BTreeSet::new() };
    let keep = FromRun::Keep { version: SQUALL_VERSION.to_owned(), journal: path };
    let answer = send(link.socket.as_fd(), &keep, Some(&file)).and_then(|()| link.answer());
    match answer {
        Ok(Some(FromGuardian::Ready { version, steps })) if version == SQUALL_VERSION => {
            link.steps = steps.into_iter().collect();
            Ok(Some(link))
        }
        Ok(Some(FromGuardian::Ready { version, .. })) => {
            link.end();
            Err(StartError::Version(program.display().to_string(), version))
        }
        Ok(Some(FromGuardian::Refused { why })) => {
            link.end();
            Err(StartError::Refused(why))
        }
        Ok(None) => {
            link.end();
            Err(StartError::NoHelper(program))
        }
        Err(error) if error.kind() == io::ErrorKind::TimedOut => {
            link.end();
            Err(StartError::Silent(program))
        }
        Err(error) => {
            link.end();
            let gone = matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset);
            Err(if gone { StartError::NoHelper(program) } else { error.into() })
        }
    }
}

impl Link {
    /// What it says first; `None` when it ended instead.
    fn answer(&self) -> io::Result<Option<FromGuardian>> {
        let until = Instant::now() + ANSWER;
        loop {
            match receive(self.socket.as_fd()) {
                Ok(packet) => return Ok(packet.map(|packet| packet.message)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(io::ErrorKind::TimedOut.into());
            }
            let left = Timespec::try_from(left).map_err(io::Error::other)?;
            match poll(&mut [PollFd::new(&self.socket, PollFlags::IN)], Some(&left)) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Whether it still listens.
    pub(super) fn is_there(&self) -> bool {
        let now = Timespec::default();
        let mut socket = [PollFd::new(&self.socket, PollFlags::RDHUP)];
        poll(&mut socket, Some(&now)).is_ok_and(|ready| ready == 0)
    }

    /// Tells it something; it may have ended, or be too slow to listen.
    pub(super) fn tell(&self, message: &FromRun) {
        let _ = send(self.socket.as_fd(), message, None);
    }

    /// Says goodbye, and waits for its end.
    pub(super) fn goodbye(self) {
        self.tell(&FromRun::Goodbye);
        let Self { socket, mut child, .. } = self;
        drop(socket);
        let until = Instant::now() + LAST_BREATH;
        while matches!(child.try_wait(), Ok(None)) && Instant::now() < until {
            std::thread::park_timeout(LOOK);
        }
    }

    /// Ends one that keeps nothing.
    fn end(mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
