//! Bytes to lines.

use crate::Moment;
use crate::log_store::LONGEST_LINE;

/// A line as it was read.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct RawLine {
    /// The moment before which nothing of it was there.
    pub(super) earliest: Moment,
    pub(super) text: String,
    pub(super) is_cut: bool,
    /// Whether bytes that are not UTF-8 were replaced.
    pub(super) is_replaced: bool,
}

/// The start of a line whose end has not come yet.
#[derive(Debug, Default)]
pub(super) struct Lines {
    begun: Option<Moment>,
    bytes: Vec<u8>,
    is_cut: bool,
}

impl Lines {
    /// Adds bytes, of which none was there at `since`; lines that end in them go to `out`.
    pub(super) fn push(&mut self, bytes: &[u8], since: Moment, out: &mut Vec<RawLine>) {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let (text, ends) = piece.strip_suffix(b"\n").map_or((piece, false), |text| (text, true));
            self.begun.get_or_insert(since);
            let room = LONGEST_LINE.saturating_sub(self.bytes.len());
            self.is_cut |= text.len() > room;
            self.bytes.extend_from_slice(text.get(..room).unwrap_or(text));
            if ends {
                out.extend(self.rest());
            }
        }
    }

    /// The line so far; `None` where none has begun.
    pub(super) fn rest(&mut self) -> Option<RawLine> {
        let earliest = self.begun.take()?;
        let bytes = std::mem::take(&mut self.bytes);
        let is_cut = std::mem::take(&mut self.is_cut);
        let bytes = bytes.strip_suffix(b"\r").unwrap_or(&bytes);
        let text = String::from_utf8_lossy(bytes);
        let is_replaced = matches!(text, std::borrow::Cow::Owned(_));
        Some(RawLine { earliest, text: text.into_owned(), is_cut, is_replaced })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(pieces: &[&[u8]]) -> (Vec<String>, Lines) {
        let (mut lines, mut out) = (Lines::default(), Vec::new());
        for piece in pieces {
            lines.push(piece, Moment(0), &mut out);
        }
        (out.into_iter().map(|line| line.text).collect(), lines)
    }

    #[test]
    fn halves_are_joined_and_ends_are_left_out() {
        let (out, mut open) = lines(&[b"on", b"e\r\ntwo\n\nth", b"ree"]);
        assert_eq!(out, ["one", "two", ""]);
        assert_eq!(open.rest().unwrap().text, "three");
        assert_eq!(open.rest(), None);
        // A character that comes in two pieces is whole.
        assert_eq!(lines(&[b"\xc3", b"\xa9\n"]).0, ["\u{e9}"]);
    }

    #[test]
    fn a_long_line_is_cut_and_what_is_not_utf_8_is_replaced() {
        let (mut all, mut out) = (Lines::default(), Vec::new());
        for _ in 0..LONGEST_LINE {
            all.push(b"xy", Moment(3), &mut out);
        }
        all.push(b"\nnext \xff\n", Moment(4), &mut out);
        let [long, next] = out.as_slice() else { panic!("{}", out.len()) };
        assert_eq!((long.text.len(), long.is_cut, long.earliest), (LONGEST_LINE, true, Moment(3)));
        assert_eq!((next.text.as_str(), next.is_cut, next.is_replaced), ("next \u{fffd}", false, true));
    }

    #[test]
    fn ten_thousand_byte_streams_lose_no_line_however_they_are_cut() {
        for round in 0..10_000_u64 {
            let mut state = round;
            let mut draw = || {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                u8::try_from(state >> 56).unwrap_or(0)
            };
            let bytes: Vec<u8> = (0..usize::from(draw())).map(|_| if draw() < 30 { b'\n' } else { draw() }).collect();
            let cut = usize::from(draw()).min(bytes.len());
            let (out, mut open) = lines(&[&bytes[..cut], &bytes[cut..]]);
            let ends = bytes.split(|byte| *byte == b'\n').count() - 1;
            assert_eq!(out.len(), ends, "{round}");
            assert_eq!(open.rest().is_some(), bytes.last().is_some_and(|byte| *byte != b'\n'), "{round}");
            assert_eq!(out, lines(&[&bytes]).0, "{round}");
        }
    }
}
