//! Pipes for splice(2): bytes go from socket to socket without being copied.

use std::cell::RefCell;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::pipe::{PipeFlags, SpliceFlags, fcntl_setpipe_size, pipe_with, splice};

/// What a pipe should hold. Linux lets an ordinary user have up to 1 MiB a pipe, and 64 MiB in all.
const SIZE: usize = 512 * 1024;

/// Pipes that a worker keeps for the next connection that needs one.
const KEPT: usize = 16;

/// A pipe between two sockets.
pub(crate) struct Pipe {
    reader: OwnedFd,
    writer: OwnedFd,
    filled: usize,
}

impl Pipe {
    fn new() -> io::Result<Self> {
        let (reader, writer) = pipe_with(PipeFlags::NONBLOCK | PipeFlags::CLOEXEC)?;
        // A pipe of the usual 64 KiB does as well, with more calls.
        let _ = fcntl_setpipe_size(&writer, SIZE);
        Ok(Self { reader, writer, filled: 0 })
    }

    /// How many bytes are in it.
    pub(crate) fn filled(&self) -> usize {
        self.filled
    }

    /// Moves bytes from a socket into it; 0 at the end of the stream. Called on an empty pipe only, so that "would block"
    /// is about the socket.
    pub(crate) fn fill(&mut self, socket: impl AsFd) -> io::Result<usize> {
        let moved = splice(socket, None, &self.writer, None, SIZE, SpliceFlags::MOVE | SpliceFlags::NONBLOCK)?;
        self.filled += moved;
        Ok(moved)
    }

    /// Moves bytes from it to a socket.
    pub(crate) fn drain(&mut self, socket: impl AsFd) -> io::Result<usize> {
        let flags = SpliceFlags::MOVE | SpliceFlags::NONBLOCK;
        let moved = splice(&self.reader, None, socket, None, self.filled, flags)?;
        self.filled = self.filled.saturating_sub(moved);
        Ok(moved)
    }

    /// Takes bytes out of it by copying.
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = rustix::io::read(&self.reader, buffer)?;
        self.filled = self.filled.saturating_sub(read);
        Ok(read)
    }
}

/// The pipes of one worker.
#[derive(Default)]
pub(crate) struct Pipes(RefCell<Vec<Pipe>>);

impl Pipes {
    /// A pipe, or `None` when the process has no descriptor left: then bytes are copied.
    pub(crate) fn get(&self) -> Option<Pipe> {
        let kept = self.0.borrow_mut().pop();
        kept.or_else(|| Pipe::new().ok())
    }

    /// Takes an empty pipe back.
    pub(crate) fn put(&self, pipe: Pipe) {
        let mut kept = self.0.borrow_mut();
        if pipe.filled == 0 && kept.len() < KEPT {
            kept.push(pipe);
        }
    }
}
