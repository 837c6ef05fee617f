//! Where the events of a stream of server-sent events end.

/// Finds the ends of events: a blank line, whether lines end with LF, CR LF or CR (HTML Living Standard, 9.2.5).
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Events {
    /// Whether there is something on the line.
    has_text: bool,
    /// Whether the event has a line.
    has_line: bool,
    last: Last,
}

/// The last byte, as far as the next one hangs on it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Last {
    #[default]
    Other,
    /// A CR, to which an LF belongs.
    Cr,
    /// A CR that has ended the event.
    CrOfEnd,
}

impl Events {
    /// Looks for the end of the event that began with the first bytes after the last end: how many of these bytes belong to
    /// it, its blank line and all. `None` where it goes on behind them, or may do so: a CR at their end may have an LF.
    pub(super) fn next(&mut self, bytes: &[u8]) -> Option<usize> {
        for (at, byte) in bytes.iter().enumerate() {
            let last = std::mem::take(&mut self.last);
            let is_pair = last != Last::Other && *byte == b'\n';
            if last == Last::CrOfEnd {
                *self = Self::default();
                return Some(if is_pair { at + 1 } else { at });
            }
            match byte {
                b'\n' if is_pair => {}
                b'\n' if self.ends_line() => {
                    *self = Self::default();
                    return Some(at + 1);
                }
                b'\n' => {}
                b'\r' => self.last = if self.ends_line() { Last::CrOfEnd } else { Last::Cr },
                _ => self.has_text = true,
            }
        }
        None
    }

    /// Ends a line; says whether it is a blank one behind others.
    fn ends_line(&mut self) -> bool {
        let has_text = std::mem::take(&mut self.has_text);
        let ends = !has_text && self.has_line;
        self.has_line |= has_text;
        ends
    }
}

/// The events of a whole body, each with its blank line; the last one may have none.
pub(super) fn split(mut body: &[u8]) -> Vec<&[u8]> {
    let mut all = Vec::new();
    while !body.is_empty() {
        let end = Events::default().next(body).unwrap_or(body.len());
        let (event, rest) = body.split_at(end);
        all.push(event);
        body = rest;
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_end_at_blank_lines_of_every_kind() {
        let rows: [(&str, &[&str]); 8] = [
            ("data: a\n\ndata: b\n\n", &["data: a\n\n", "data: b\n\n"]),
            ("data: a\r\n\r\ndata: b\r\n\r\n", &["data: a\r\n\r\n", "data: b\r\n\r\n"]),
            ("data: a\r\rdata: b\r\r", &["data: a\r\r", "data: b\r\r"]),
            ("data: a\r\n\ndata: b\n\r\n", &["data: a\r\n\n", "data: b\n\r\n"]),
            ("event: x\ndata: a\n\n", &["event: x\ndata: a\n\n"]),
            ("\n\n\ndata: a\n\nrest", &["\n\n\ndata: a\n\n", "rest"]),
            (": comment\n\n", &[": comment\n\n"]),
            ("", &[]),
        ];
        for (body, events) in rows {
            let found: Vec<String> =
                split(body.as_bytes()).iter().map(|event| String::from_utf8_lossy(event).into_owned()).collect();
            assert_eq!(found, events, "{body:?}");
        }
    }

    #[test]
    fn pieces_do_not_matter() {
        for body in ["data: a\n\ndata: b\n\nx", "a\r\n\r\nb\r\n\r\nc", "a\r\rb\r\rc", "a\n\r\nb\r\n\rc\r\n\nd"] {
            let whole: Vec<usize> = split(body.as_bytes())
                .iter()
                .scan(0, |at, event| {
                    *at += event.len();
                    Some(*at)
                })
                .collect();
            for size in 1..body.len() {
                let (mut events, mut ends, mut base) = (Events::default(), Vec::new(), 0);
                for mut piece in body.as_bytes().chunks(size) {
                    while let Some(end) = events.next(piece) {
                        base += end;
                        piece = &piece[end..];
                        ends.push(base);
                    }
                    base += piece.len();
                }
                let known = &whole[..whole.len() - 1];
                assert_eq!(ends, known, "{body:?} in pieces of {size}");
            }
        }
    }
}
