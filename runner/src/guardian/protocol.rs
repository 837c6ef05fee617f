//! What a run and its guardian say to each other: one JSON value a packet, over a socket pair.

use std::fs::File;
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;
use std::time::Duration;

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags,
    recvmsg, sendmsg,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// How the first argument of a helper begins; its role follows.
pub(super) const HELPER: &str = "squall-helper:";
/// The role of a guardian.
pub(super) const GUARDIAN: &str = "guardian";
/// The exit code of a helper that does not know its role.
pub(super) const UNKNOWN_ROLE: u8 = 64;

/// After how long without a word the guardian takes over, on the clock that goes on while the machine sleeps.
pub(super) const LEASE: Duration = Duration::from_secs(5);
/// How often the run says that it is alive.
pub(crate) const BEAT: Duration = Duration::from_secs(1);

/// The longest packet.
const LONGEST: usize = 1 << 16;

/// What the run says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum FromRun {
    /// First: the journal's path, with its locked descriptor beside.
    Keep { version: String, journal: PathBuf },
    /// It is alive, so many of its entries inject, check or undo at this moment, and its faults are held so long after they were armed.
    Alive { boot_ms: u64, at_work: usize, behind_ms: u64 },
    /// It has ended, and accounts for what is in the journal.
    Goodbye,
}

/// What the guardian says, once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum FromGuardian {
    /// It keeps the journal, and can undo steps of these types.
    Ready { version: String, steps: Vec<String> },
    /// It does not.
    Refused { why: String },
}

/// Sends one packet, and waits for nothing.
pub(super) fn send(socket: BorrowedFd<'_>, message: &impl Serialize, file: Option<&File>) -> io::Result<()> {
    let text = serde_json::to_vec(message)?;
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut beside = SendAncillaryBuffer::new(&mut space);
    let files: Vec<BorrowedFd<'_>> = file.iter().map(|file| file.as_fd()).collect();
    if !files.is_empty() {
        beside.push(SendAncillaryMessage::ScmRights(&files));
    }
    let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
    sendmsg(socket, &[IoSlice::new(&text)], &mut beside, flags)?;
    Ok(())
}

/// A packet, and a descriptor that came with it.
pub(super) struct Packet<T> {
    pub(super) message: T,
    pub(super) file: Option<OwnedFd>,
}

/// The next packet that is there; `None` at the end, and [`io::ErrorKind::WouldBlock`] while there is none.
pub(super) fn receive<T: DeserializeOwned>(socket: BorrowedFd<'_>) -> io::Result<Option<Packet<T>>> {
    let mut text = vec![0; LONGEST];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut beside = RecvAncillaryBuffer::new(&mut space);
    let flags = RecvFlags::DONTWAIT | RecvFlags::CMSG_CLOEXEC;
    let received = recvmsg(socket, &mut [IoSliceMut::new(&mut text)], &mut beside, flags)?;
    if received.bytes == 0 {
        return Ok(None);
    }
    let files = beside.drain().filter_map(|message| match message {
        RecvAncillaryMessage::ScmRights(files) => Some(files),
        _ => None,
    });
    let file = files.flatten().next();
    let message = serde_json::from_slice(&text[..received.bytes])?;
    Ok(Some(Packet { message, file }))
}
