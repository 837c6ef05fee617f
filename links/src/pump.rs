//! One way of one TCP connection.

use std::io;
use std::ops::ControlFlow;
use std::os::fd::AsFd;

use bytes::Bytes;
use rustix::net::Shutdown;
use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::sync::watch;

use crate::behaviour::Gate;
use crate::chain::Chain;
use crate::counters::{Counters, Direction};
use crate::draw::Draw;
use crate::piece::{Body, Piece};
use crate::pipe::Pipe;
use crate::settings::Settings;
use crate::worker::WorkerContext;

/// What one way of a connection may hold back, in bytes: 100 ms at 40 MB/s. Then the sender waits.
const MOST_HELD: usize = 4 * 1024 * 1024;

/// Why a way has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WayEnd {
    /// The stream has ended and that is passed on; the other way goes on.
    Eof,
    /// Both sides are to be closed.
    Close,
    /// Both sides are to be reset.
    Reset,
}

/// What decides the end of a way, or nothing yet.
type Step = ControlFlow<WayEnd>;

/// Moves the bytes of one way of a connection.
pub(crate) struct Pump<'a> {
    source: &'a TcpStream,
    sink: &'a TcpStream,
    direction: Direction,
    worker: &'a WorkerContext,
    counters: &'a Counters,
    changes: watch::Receiver<Settings>,
    chain: Chain,
    pipe: Option<Pipe>,
    number: u64,
    written: u64,
    has_ended: bool,
    has_hole: bool,
}

impl<'a> Pump<'a> {
    pub(crate) fn new(
        (source, sink): (&'a TcpStream, &'a TcpStream),
        direction: Direction,
        worker: &'a WorkerContext,
        counters: &'a Counters,
        changes: watch::Receiver<Settings>,
        draw: Draw,
    ) -> Self {
        let chain = Chain::new(direction, draw);
        Self {
            source,
            sink,
            direction,
            worker,
            counters,
            changes,
            chain,
            pipe: None,
            number: 0,
            written: 0,
            has_ended: false,
            has_hole: false,
        }
    }

    /// Moves bytes until the way has ended.
    pub(crate) async fn run(mut self) -> WayEnd {
        if let ControlFlow::Break(end) = self.adopt() {
            return end;
        }
        loop {
            if self.changes.has_changed().unwrap_or(false)
                && let ControlFlow::Break(end) = self.adopt()
            {
                return end;
            }
            if let ControlFlow::Break(end) = self.step() {
                return end;
            }
            self.rest().await;
        }
    }

    /// Takes new settings over.
    fn adopt(&mut self) -> Step {
        let settings = self.changes.borrow_and_update().clone();
        let now = self.worker.timer.now();
        self.chain.adopt(&settings, now, self.written);
        if self.has_hole && self.chain.gate() != Gate::Drop {
            return ControlFlow::Break(WayEnd::Close);
        }
        if !self.chain.is_clear() {
            self.empty_pipe();
        }
        ControlFlow::Continue(())
    }

    /// Brings what is in the pipe behind the toxics.
    fn empty_pipe(&mut self) {
        let Some(mut pipe) = self.pipe.take() else { return };
        while pipe.filled() > 0 {
            let read: io::Result<Bytes> = self.worker.with_scratch(|scratch| {
                let read = pipe.read(scratch)?;
                Ok(Bytes::copy_from_slice(&scratch[..read]))
            });
            match read {
                Ok(bytes) if !bytes.is_empty() => self.hold(Body::Bytes(bytes)),
                _ => break,
            }
        }
        self.worker.pipes.put(pipe);
    }

    fn hold(&mut self, body: Body) {
        let now = self.worker.timer.now();
        let number = self.number;
        self.number += 1;
        self.chain.push(Piece { arrived: now, release: now, number, is_datagram: false, body });
    }

    /// Does all that can be done without waiting, up to one read.
    fn step(&mut self) -> Step {
        match self.chain.gate() {
            Gate::Held => return ControlFlow::Continue(()),
            Gate::Drop => self.drop_waiting(),
            Gate::Open => {}
        }
        if self.pipe.as_ref().is_some_and(|pipe| pipe.filled() > 0) {
            self.drain()?;
        }
        self.write_due()?;
        if !self.may_read() {
            return ControlFlow::Continue(());
        }
        if self.pipe.is_some() { self.splice() } else { self.read() }
    }

    fn drop_waiting(&mut self) {
        let dropped = self.chain.discard();
        self.has_hole |= dropped > 0;
        self.counters.dropped(self.direction, dropped);
    }

    fn may_read(&self) -> bool {
        // What is due and not written waits for the sink, so the source waits, too.
        let is_full = self.is_due() || self.chain.weight() >= MOST_HELD;
        !self.has_ended && !is_full && self.chain.gate() != Gate::Held
    }

    /// Whether the first piece waits for the sink, not for its time.
    fn is_due(&self) -> bool {
        let is_due = |piece: &Piece| piece.release <= self.worker.timer.now();
        self.pipe.as_ref().is_some_and(|pipe| pipe.filled() > 0) || self.chain.head().is_some_and(is_due)
    }

    /// Writes what is due until the sink takes no more.
    fn write_due(&mut self) -> Step {
        while let Some(piece) = self.chain.head() {
            if piece.release > self.worker.timer.now() {
                break;
            }
            let bytes = match &piece.body {
                Body::Bytes(bytes) => bytes,
                Body::Eof => return self.pass_end(),
                Body::Reset => return ControlFlow::Break(WayEnd::Reset),
            };
            let allowance = usize::try_from(self.chain.allowance(self.written)).unwrap_or(usize::MAX);
            if allowance == 0 {
                return ControlFlow::Break(WayEnd::Close);
            }
            match self.sink.try_write(&bytes[..bytes.len().min(allowance)]) {
                Ok(written) => {
                    self.chain.written(written);
                    self.sent(written);
                }
                Err(error) if is_not_yet(&error) => break,
                Err(_) => return ControlFlow::Break(WayEnd::Reset),
            }
            if self.written > 0 && self.chain.allowance(self.written) == 0 {
                return ControlFlow::Break(WayEnd::Close);
            }
        }
        ControlFlow::Continue(())
    }

    fn pass_end(&mut self) -> Step {
        // The sink may have been reset meanwhile; the other way will say so.
        let _ = rustix::net::shutdown(self.sink.as_fd(), Shutdown::Write);
        ControlFlow::Break(WayEnd::Eof)
    }

    fn sent(&mut self, bytes: usize) {
        self.written += bytes as u64;
        self.counters.sent(self.direction, bytes);
    }

    /// Reads once. While no toxic looks at the bytes, they are written at once, and a full buffer is the sign of bulk.
    fn read(&mut self) -> Step {
        let worker = self.worker;
        let (read, is_full) = worker.with_scratch(|scratch| {
            let read = self.source.try_read(scratch);
            if let Ok(read @ 1..) = read {
                self.counters.received(self.direction, read);
                self.take_over(&scratch[..read]);
            }
            let is_full = read.as_ref().is_ok_and(|read| *read == scratch.len());
            (read, is_full)
        });
        if !is_full && matches!(read, Ok(1..)) {
            self.note_empty();
        }
        self.note_end(read);
        if is_full && self.chain.is_clear() {
            self.pipe = self.worker.pipes.get();
        }
        ControlFlow::Continue(())
    }

    /// Notes that the source had no more than was read, which spares the read that would say so. What has come meanwhile is told
    /// by the next event, which this thread has not taken yet.
    fn note_empty(&self) {
        let _ = self.source.try_io(Interest::READABLE, || io::Result::<()>::Err(io::ErrorKind::WouldBlock.into()));
    }

    fn take_over(&mut self, bytes: &[u8]) {
        if self.chain.gate() == Gate::Drop {
            self.has_hole = true;
            self.counters.dropped(self.direction, bytes.len());
            return;
        }
        let mut written = 0;
        if self.chain.is_clear() {
            // An error shows again when the rest is written.
            written = self.sink.try_write(bytes).unwrap_or(0);
            self.sent(written);
        }
        if written < bytes.len() {
            self.hold(Body::Bytes(Bytes::copy_from_slice(&bytes[written..])));
        }
    }

    fn note_end(&mut self, read: io::Result<usize>) {
        let body = match read {
            Ok(0) => Body::Eof,
            Ok(_) => return,
            Err(error) if is_not_yet(&error) => return,
            Err(_) => Body::Reset,
        };
        self.has_ended = true;
        self.hold(body);
    }

    /// Moves bytes through the pipe, which is empty when it is called.
    fn splice(&mut self) -> Step {
        let Some(mut pipe) = self.pipe.take() else { return ControlFlow::Continue(()) };
        let filled = self.source.try_io(Interest::READABLE, || pipe.fill(self.source));
        if let Ok(filled) = filled {
            self.counters.received(self.direction, filled);
        }
        let is_idle = !matches!(filled, Ok(1..));
        self.note_end(filled);
        if is_idle {
            self.worker.pipes.put(pipe);
            return ControlFlow::Continue(());
        }
        self.pipe = Some(pipe);
        self.drain()
    }

    /// Writes what is in the pipe until it is empty or the sink takes no more.
    fn drain(&mut self) -> Step {
        let Some(mut pipe) = self.pipe.take() else { return ControlFlow::Continue(()) };
        while pipe.filled() > 0 {
            match self.sink.try_io(Interest::WRITABLE, || pipe.drain(self.sink)) {
                Ok(0) => return ControlFlow::Break(WayEnd::Reset),
                Ok(moved) => self.sent(moved),
                Err(error) if is_not_yet(&error) => break,
                Err(_) => return ControlFlow::Break(WayEnd::Reset),
            }
        }
        self.pipe = Some(pipe);
        ControlFlow::Continue(())
    }

    /// Waits until there is something to do again.
    async fn rest(&mut self) {
        let is_held = self.chain.gate() == Gate::Held;
        let blocked = !is_held && self.is_due();
        let due = if is_held || blocked { None } else { self.chain.head().map(|piece| piece.release) };
        let may_read = self.may_read();
        tokio::select! {
            // An error means that the link is gone, which the connection sees by itself.
            _ = self.changes.changed() => self.changes.mark_changed(),
            _ = self.sink.writable(), if blocked => {}
            _ = self.source.readable(), if may_read => {}
            () = self.worker.timer.until(due.unwrap_or(u64::MAX)), if due.is_some() => {}
        }
    }
}

/// Whether an operation is only to be repeated later.
fn is_not_yet(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}
