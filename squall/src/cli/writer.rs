//! Writes to a stream from a thread of its own: whoever has something to say never waits for a terminal or a pipe.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Write};
use std::os::fd::AsFd;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use chaos_core::on_a_thread;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// How many bytes wait at most for a stream that takes none.
const ROOM: usize = 1 << 20;
/// How often a waiter looks whether it is to give up.
const LOOK: Duration = Duration::from_millis(100);
/// How long a stream that has no thread may take nothing.
const STALLED_HERE: Timespec = Timespec { tv_sec: 2, tv_nsec: 0 };
/// What a pipe that can be written to takes at once.
const AT_ONCE: usize = 512;

/// What is written to.
trait Stream: Write + AsFd + Send {}

impl<T: Write + AsFd + Send> Stream for T {}

/// The queue of a stream; cheap to clone.
#[derive(Clone)]
pub(crate) struct Writer(Arc<Shared>);

#[derive(Default)]
struct Shared {
    queue: Mutex<Queue>,
    changed: Condvar,
    /// The stream, where no thread can be had for it.
    here: Mutex<Option<Box<dyn Stream>>>,
}

#[derive(Default)]
struct Queue {
    pieces: VecDeque<Vec<u8>>,
    bytes: usize,
    dropped: u64,
    writing: bool,
    /// Counts what the stream took, so that a slow one can be told from one that is stalled.
    taken: u64,
    failed: Option<ErrorKind>,
}

/// What became of a wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Settled {
    /// Everything is written.
    Written,
    /// The stream took nothing for longer than anybody waits.
    Stalled,
    /// The stream failed; what is put in from now on is lost.
    Failed(ErrorKind),
}

impl Writer {
    /// Starts the thread. Where the machine has none left, whoever puts something in writes it, as far as the stream takes
    /// it.
    pub(crate) fn to(out: impl Write + AsFd + Send + 'static) -> Self {
        let writer = Self(Arc::new(Shared::default()));
        let shared = Arc::clone(&writer.0);
        if let Err((out, _)) = on_a_thread("squall-writer", out, move |out| shared.write(out)) {
            *writer.0.here() = Some(Box::new(out));
        }
        writer
    }

    /// Puts a text in; it is dropped, and counted, where there is no room.
    pub(crate) fn put(&self, text: &[u8]) {
        let mut queue = self.0.lock();
        if queue.failed.is_some() {
            return;
        }
        if queue.bytes + text.len() > ROOM {
            queue.dropped += 1;
        } else {
            queue.tell_dropped();
            queue.push(text.to_vec());
        }
        self.0.changed.notify_all();
        drop(queue);
        self.0.write_here();
    }

    /// Waits until there is room, then puts it in; `patience` says how long a stream may stall, if it may not for ever.
    pub(crate) fn hand_over(&self, text: &[u8], patience: impl Fn() -> Option<Duration>) -> Settled {
        let room = |queue: &Queue| queue.bytes == 0 || queue.bytes + text.len() <= ROOM;
        let settled = self.wait(room, patience);
        if settled == Settled::Written {
            self.0.lock().push(text.to_vec());
            self.0.changed.notify_all();
            self.0.write_here();
        }
        settled
    }

    /// Waits until everything is written.
    pub(crate) fn settle(&self, patience: impl Fn() -> Option<Duration>) -> Settled {
        self.wait(|queue| queue.bytes == 0 && queue.dropped == 0 && !queue.writing, patience)
    }

    fn wait(&self, so: impl Fn(&Queue) -> bool, patience: impl Fn() -> Option<Duration>) -> Settled {
        let mut queue = self.0.lock();
        let (mut taken, mut since) = (queue.taken, Instant::now());
        loop {
            if let Some(failed) = queue.failed {
                return Settled::Failed(failed);
            }
            if so(&queue) {
                return Settled::Written;
            }
            if queue.taken != taken {
                (taken, since) = (queue.taken, Instant::now());
            }
            if patience().is_some_and(|patience| since.elapsed() >= patience) {
                return Settled::Stalled;
            }
            queue = self.0.changed.wait_timeout(queue, LOOK).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Queue {
    fn push(&mut self, piece: Vec<u8>) {
        self.bytes += piece.len();
        self.pieces.push_back(piece);
    }

    /// Says how much is missing, where it is missing.
    fn tell_dropped(&mut self) {
        match std::mem::take(&mut self.dropped) {
            0 => {}
            1 => self.push(b"1 line dropped: this output was stalled\n".to_vec()),
            more => self.push(format!("{more} lines dropped: this output was stalled\n").into_bytes()),
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn here(&self) -> MutexGuard<'_, Option<Box<dyn Stream>>> {
        self.here.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes what waits, where no thread does; a stream that takes nothing has failed.
    fn write_here(&self) {
        let mut here = self.here();
        let Some(out) = here.as_mut() else { return };
        let pieces = std::mem::take(&mut self.lock().pieces);
        let written = pieces.iter().flat_map(|piece| piece.chunks(AT_ONCE)).try_for_each(|part| {
            let stream = out.as_fd();
            if poll(&mut [PollFd::new(&stream, PollFlags::OUT)], Some(&STALLED_HERE))? == 0 {
                return Err(ErrorKind::TimedOut.into());
            }
            out.write_all(part)
        });
        let failed = written.and_then(|()| out.flush()).err().map(|error| error.kind());
        *self.lock() = Queue { failed, ..Queue::default() };
    }

    /// The thread: ends with the process.
    fn write(&self, mut out: impl Write) {
        loop {
            let piece = self.next();
            let written = self.all(&mut out, &piece).and_then(|()| out.flush());
            let mut queue = self.lock();
            queue.writing = false;
            queue.bytes = queue.bytes.saturating_sub(piece.len());
            queue.taken += 1;
            if let Err(error) = written {
                *queue = Queue { failed: Some(error.kind()), ..Queue::default() };
                self.changed.notify_all();
                return;
            }
            self.changed.notify_all();
        }
    }

    fn next(&self) -> Vec<u8> {
        let mut queue = self.lock();
        loop {
            if queue.pieces.is_empty() {
                queue.tell_dropped();
            }
            if let Some(piece) = queue.pieces.pop_front() {
                queue.writing = true;
                return piece;
            }
            queue = self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn all(&self, out: &mut impl Write, mut left: &[u8]) -> io::Result<()> {
        while !left.is_empty() {
            match out.write(left) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(written) => left = left.get(written..).unwrap_or_default(),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
            self.lock().taken += 1;
        }
        Ok(())
    }
}

/// What is written through it is put in, as [`Writer::put`] does.
impl Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.put(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::{PipeReader, Read, pipe};

    use super::*;

    /// The end that nobody reads, and a writer that has filled its pipe.
    fn stalled() -> (PipeReader, Writer) {
        let (reader, end) = pipe().unwrap();
        (reader, Writer::to(end))
    }

    #[expect(clippy::unnecessary_wraps, reason = "the shape that `settle` asks for")]
    fn soon() -> Option<Duration> {
        Some(Duration::from_millis(300))
    }

    #[test]
    fn nobody_waits_for_a_stream_that_takes_nothing_and_what_is_dropped_is_counted() {
        let (mut reader, writer) = stalled();
        let line = [b'x'; 1024];
        for _ in 0..3000 {
            writer.put(&line);
        }
        assert_eq!(writer.settle(soon), Settled::Stalled);
        let reading = std::thread::spawn(move || {
            let mut text = String::new();
            reader.read_to_string(&mut text).unwrap();
            text
        });
        assert_eq!(writer.settle(|| None), Settled::Written);
        writer.put(b"last\n");
        assert_eq!(writer.settle(|| None), Settled::Written);
        // The thread holds the other end until the process ends, so the reader is not joined.
        assert!(!reading.is_finished());
        assert_eq!(writer.0.lock().dropped, 0);
    }

    #[test]
    fn what_is_handed_over_waits_for_room_and_is_whole() {
        let (mut reader, writer) = stalled();
        let reading = std::thread::spawn(move || {
            let mut bytes = vec![0; 3 << 20];
            reader.read_exact(&mut bytes).unwrap();
            bytes
        });
        for byte in 0..3 {
            assert_eq!(writer.hand_over(&vec![byte; 1 << 20], || None), Settled::Written);
        }
        assert_eq!(writer.settle(|| None), Settled::Written);
        let bytes = reading.join().unwrap();
        assert!((0..3).all(|part| bytes[part << 20..(part + 1) << 20].iter().all(|byte| usize::from(*byte) == part)));
    }

    #[test]
    fn a_reader_that_has_gone_is_told_and_nobody_waits() {
        let (reader, writer) = stalled();
        drop(reader);
        writer.put(b"hello");
        assert_eq!(writer.settle(|| None), Settled::Failed(ErrorKind::BrokenPipe));
        writer.put(b"hello");
        assert_eq!(writer.hand_over(b"x", || None), Settled::Failed(ErrorKind::BrokenPipe));
    }

    #[test]
    fn the_count_of_what_is_dropped_stands_where_it_is_missing() {
        let mut queue = Queue { dropped: 2, ..Queue::default() };
        queue.tell_dropped();
        queue.push(b"next".to_vec());
        let text: Vec<u8> = queue.pieces.into_iter().flatten().collect();
        assert_eq!(String::from_utf8(text).unwrap(), "2 lines dropped: this output was stalled\nnext");
    }
}
