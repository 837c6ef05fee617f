//! From the bytes of a stream to lines with times, while the bytes pass through unchanged.

use std::io::{Read, Write};
use std::sync::atomic::{AtomicBool, Ordering};

/// A line of what a command prints, and when.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TimedLine {
    /// Without control sequences and line break.
    pub(crate) text: String,
    /// When its first byte came, in seconds since the run began.
    pub(crate) began: f64,
    /// When its last byte came.
    pub(crate) ended: f64,
}

/// No line that a test runner prints of a test is longer.
const LONGEST: usize = 64 * 1024;

/// Cuts bytes into lines.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    bytes: Vec<u8>,
    began: Option<f64>,
}

impl Lines {
    /// Takes what came at that time, and hands on each line that is complete.
    pub(crate) fn take(&mut self, bytes: &[u8], at: f64, mut line: impl FnMut(TimedLine)) {
        let mut rest = bytes;
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            self.add(&rest[..end], at);
            rest = &rest[end + 1..];
            line(self.line(at));
        }
        if !rest.is_empty() {
            self.add(rest, at);
        }
    }

    /// The line that no line break ended.
    pub(crate) fn rest(&mut self, at: f64) -> Option<TimedLine> {
        (!self.bytes.is_empty()).then(|| self.line(at))
    }

    fn add(&mut self, bytes: &[u8], at: f64) {
        self.began.get_or_insert(at);
        let room = LONGEST.saturating_sub(self.bytes.len());
        self.bytes.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    fn line(&mut self, at: f64) -> TimedLine {
        let bytes = std::mem::take(&mut self.bytes);
        TimedLine { text: plain(&bytes), began: self.began.take().unwrap_or(at), ended: at }
    }
}

/// The text without control sequences (`ESC [ … letter`) and carriage returns.
fn plain(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\u{1b}' if chars.peek() == Some(&'[') => {
                chars.next();
                chars.by_ref().find(|c| ('\u{40}'..='\u{7e}').contains(c));
            }
            '\u{1b}' | '\r' => {}
            c => plain.push(c),
        }
    }
    plain
}

/// Passes bytes on until the end of the stream. Where the other end takes no more, the bytes are still read, so that the
/// command is not held up by our own reader.
pub(crate) fn pass(
    mut from: impl Read,
    mut to: impl Write,
    is_writing: &AtomicBool,
    now: impl Fn() -> f64,
    mut line: impl FnMut(TimedLine),
) {
    let mut buffer = vec![0; 16 * 1024];
    let mut lines = Lines::default();
    let mut is_open = true;
    loop {
        let count = match from.read(&mut buffer) {
            Ok(count @ 1..) => count,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Ok(_) | Err(_) => break,
        };
        let bytes = &buffer[..count];
        lines.take(bytes, now(), &mut line);
        if is_open {
            is_writing.store(true, Ordering::Relaxed);
            is_open = to.write_all(bytes).and_then(|()| to.flush()).is_ok();
            is_writing.store(false, Ordering::Relaxed);
        }
    }
    if let Some(rest) = lines.rest(now()) {
        line(rest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_the_time_of_its_first_and_of_its_last_byte() {
        let mut lines = Lines::default();
        let mut seen = Vec::new();
        lines.take(b"test a ... ", 1.0, |line| seen.push(line));
        assert!(seen.is_empty());
        lines.take(b"\x1b[32mok\x1b[0m\r\ntest b", 2.0, |line| seen.push(line));
        seen.extend(lines.rest(3.0));
        assert_eq!(seen[0], TimedLine { text: "test a ... ok".into(), began: 1.0, ended: 2.0 });
        assert_eq!(seen[1], TimedLine { text: "test b".into(), began: 2.0, ended: 3.0 });
        assert_eq!(lines.rest(4.0), None);
    }

    #[test]
    fn bytes_pass_unchanged_and_a_closed_reader_does_not_hold_the_command_up() {
        struct Closed;
        impl Write for Closed {
            fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
                Err(std::io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
        let bytes = b"\x1b[1mbold\x1b[0m\n\xff\xfe no line break";
        let (mut out, mut texts) = (Vec::new(), Vec::new());
        let is_writing = AtomicBool::new(false);
        pass(&bytes[..], &mut out, &is_writing, || 0.0, |line| texts.push(line.text));
        assert_eq!(out, bytes);
        assert_eq!(texts, ["bold", "\u{fffd}\u{fffd} no line break"]);
        texts.clear();
        pass(&bytes[..], Closed, &is_writing, || 0.0, |line| texts.push(line.text));
        assert_eq!(texts.len(), 2);
    }

    #[test]
    fn a_line_without_end_is_bounded() {
        let mut lines = Lines::default();
        for _ in 0..3 {
            lines.take(&vec![b'x'; LONGEST], 0.0, |_| {});
        }
        assert_eq!(lines.rest(0.0).unwrap().text.len(), LONGEST);
    }
}
