//! Finds where an HTTP/1 answer ends, in bytes that come in pieces.
//!
//! No input or output happens here: the client pushes what it has read, and
//! this says how much of it belongs to the answer (RFC 9112, sections 2 to 8).

/// Header lines for which there is room without an allocation.
const USUAL_HEADERS: usize = 64;

/// Most header lines that one head may have, as curl has it.
const MAX_HEADERS: usize = 5000;

/// Most bytes of one head, of all trailers, or of one chunk's size line: curl takes 300 kB.
pub(crate) const MAX_HEAD: usize = 300 * 1024;

/// Most interim answers (1xx) before the final one.
const MAX_INTERIM: u32 = 64;

/// Why bytes are not an HTTP/1 answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Malformed {
    /// The status line or a header line is not one.
    Head,
    /// The head has too many lines or bytes, or too many interim heads came.
    HeadTooLarge,
    /// The length is not a number, or two lengths disagree.
    Length,
    /// The body is coded in a way that this version of HTTP does not know.
    Coding,
    /// A chunk's size line is not one.
    Chunk,
    /// The connection ended inside the answer.
    Truncated,
}

/// How far an answer has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// More bytes are needed.
    More,
    /// The answer is complete; bytes that were not taken do not belong to it.
    Done,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Head,
    Sized(u64),
    ToClose,
    ChunkSize { size: u64, digits: u8, rest: bool, line: u32 },
    ChunkData(u64),
    ChunkEnd,
    Trailer { line: u32, total: u32 },
    Done,
}

/// One answer on its way in.
#[derive(Debug, Clone)]
pub(crate) struct Framing {
    phase: Phase,
    bodiless: bool,
    /// Status of the final head, 0 before it.
    pub(crate) status: u16,
    /// Bytes of the final head, 0 before it.
    pub(crate) head: u64,
    /// Bytes of the answer taken so far, framing and interim heads included.
    pub(crate) taken: u64,
    /// Bytes of the body taken so far, without its framing.
    pub(crate) body: u64,
    /// Interim answers (1xx) that came before.
    pub(crate) interim: u32,
    /// The connection may carry another request.
    pub(crate) persistent: bool,
}

/// What the header lines of a head say about the end of its answer.
#[expect(clippy::struct_excessive_bools, reason = "each one is said by a header line of its own")]
struct Lines {
    length: Option<Result<u64, Malformed>>,
    chunked: bool,
    coded: bool,
    close: bool,
    keep: bool,
}

impl Framing {
    /// Expects one answer; `bodiless` when it answers a HEAD.
    pub(crate) fn new(bodiless: bool) -> Self {
        Self { phase: Phase::Head, bodiless, status: 0, head: 0, taken: 0, body: 0, interim: 0, persistent: false }
    }

    /// Takes bytes from the front of `input` and says how many.
    pub(crate) fn push(&mut self, input: &[u8]) -> Result<(usize, Step), Malformed> {
        let mut used = 0;
        while used < input.len() && self.phase != Phase::Done {
            let rest = &input[used..];
            let took = match self.phase {
                Phase::Head => self.take_head(rest)?,
                Phase::Sized(left) => self.take_sized(left, rest),
                Phase::ToClose => self.take_all(rest),
                Phase::ChunkData(left) => self.take_chunk(left, rest),
                _ => {
                    self.step_chunk(rest[0])?;
                    1
                }
            };
            if took == 0 {
                break;
            }
            used += took;
            self.taken += took as u64;
        }
        let step = if self.phase == Phase::Done { Step::Done } else { Step::More };
        Ok((used, step))
    }

    /// Says whether the answer is complete when the connection ends here.
    pub(crate) fn end_of_stream(&self) -> Result<(), Malformed> {
        match self.phase {
            Phase::ToClose | Phase::Done => Ok(()),
            _ => Err(Malformed::Truncated),
        }
    }

    fn take_head(&mut self, input: &[u8]) -> Result<usize, Malformed> {
        let mut lines = [httparse::EMPTY_HEADER; USUAL_HEADERS];
        match self.parse_head(input, &mut lines) {
            Err(Malformed::HeadTooLarge) if input.len() < MAX_HEAD => {
                self.parse_head(input, &mut vec![httparse::EMPTY_HEADER; MAX_HEADERS])
            }
            parsed => parsed,
        }
    }

    /// Reads a head where it is whole; 0 bytes where more are needed.
    fn parse_head<'a>(&mut self, input: &'a [u8], lines: &mut [httparse::Header<'a>]) -> Result<usize, Malformed> {
        let mut parsed = httparse::Response::new(lines);
        let mut lenient = httparse::ParserConfig::default();
        lenient.allow_obsolete_multiline_headers_in_responses(true);
        lenient.allow_spaces_after_header_name_in_responses(true);
        let end = match lenient.parse_response(&mut parsed, input) {
            Ok(httparse::Status::Complete(end)) => end,
            Ok(httparse::Status::Partial) if input.len() < MAX_HEAD => return Ok(0),
            Ok(httparse::Status::Partial) | Err(httparse::Error::TooManyHeaders) => {
                return Err(Malformed::HeadTooLarge);
            }
            Err(_) => return Err(Malformed::Head),
        };
        // A status below 100 is none (RFC 9110, section 15), and 0 stands for no head at all.
        let status = parsed.code.filter(|status| *status >= 100).ok_or(Malformed::Head)?;
        if (100..200).contains(&status) && status != 101 {
            self.interim += 1;
            return if self.interim > MAX_INTERIM { Err(Malformed::HeadTooLarge) } else { Ok(end) };
        }
        let said = Lines::of(parsed.headers);
        let old = parsed.version == Some(0);
        self.status = status;
        self.head = end as u64;
        self.persistent = !said.close && (!old || said.keep);
        self.phase = self.body_of(status, old, &said)?;
        Ok(end)
    }

    fn body_of(&mut self, status: u16, old: bool, said: &Lines) -> Result<Phase, Malformed> {
        if self.bodiless || matches!(status, 204 | 304) {
            return Ok(Phase::Done);
        }
        if status == 101 {
            self.persistent = false;
            return Ok(Phase::Done);
        }
        if said.coded && old {
            // HTTP/1.0 knows no codings: where such an answer ends is anybody's guess.
            return Err(Malformed::Coding);
        }
        if said.chunked {
            // A length beside chunks is how answers are smuggled: never reuse.
            self.persistent &= said.length.is_none();
            return Ok(Phase::ChunkSize { size: 0, digits: 0, rest: false, line: 0 });
        }
        let Some(length) = said.length.filter(|_| !said.coded) else {
            self.persistent = false;
            return Ok(Phase::ToClose);
        };
        Ok(match length? {
            0 => Phase::Done,
            length => Phase::Sized(length),
        })
    }

    fn take_all(&mut self, input: &[u8]) -> usize {
        self.body += input.len() as u64;
        input.len()
    }

    fn take_sized(&mut self, left: u64, input: &[u8]) -> usize {
        let (took, left) = split(left, input.len());
        self.body += took as u64;
        self.phase = if left == 0 { Phase::Done } else { Phase::Sized(left) };
        took
    }

    fn take_chunk(&mut self, left: u64, input: &[u8]) -> usize {
        let (took, left) = split(left, input.len());
        self.body += took as u64;
        self.phase = if left == 0 { Phase::ChunkEnd } else { Phase::ChunkData(left) };
        took
    }

    fn step_chunk(&mut self, byte: u8) -> Result<(), Malformed> {
        self.phase = match self.phase {
            Phase::ChunkSize { size, digits, rest, line } => chunk_size(byte, size, digits, rest, line)?,
            Phase::ChunkEnd => match byte {
                b'\r' => Phase::ChunkEnd,
                b'\n' => Phase::ChunkSize { size: 0, digits: 0, rest: false, line: 0 },
                _ => return Err(Malformed::Chunk),
            },
            Phase::Trailer { total, .. } if total as usize >= MAX_HEAD => {
                return Err(Malformed::HeadTooLarge);
            }
            Phase::Trailer { line, total } => match byte {
                b'\n' if line == 0 => Phase::Done,
                b'\n' => Phase::Trailer { line: 0, total: total + 1 },
                b'\r' => Phase::Trailer { line, total: total + 1 },
                _ => Phase::Trailer { line: line + 1, total: total + 1 },
            },
            other => other,
        };
        Ok(())
    }
}

/// One byte of a chunk's size line: hex digits, then anything up to the line's end.
fn chunk_size(byte: u8, size: u64, digits: u8, rest: bool, line: u32) -> Result<Phase, Malformed> {
    if line as usize >= MAX_HEAD {
        return Err(Malformed::HeadTooLarge);
    }
    let line = line + 1;
    let digit = char::from(byte).to_digit(16).filter(|_| !rest);
    match (byte, digit) {
        (_, Some(digit)) if digits < 15 => {
            Ok(Phase::ChunkSize { size: size * 16 + u64::from(digit), digits: digits + 1, rest, line })
        }
        _ if digits == 0 => Err(Malformed::Chunk),
        (b'\n', _) if size == 0 => Ok(Phase::Trailer { line: 0, total: 0 }),
        (b'\n', _) => Ok(Phase::ChunkData(size)),
        (b';' | b' ' | b'\t' | b'\r', _) => Ok(Phase::ChunkSize { size, digits, rest: true, line }),
        _ if rest => Ok(Phase::ChunkSize { size, digits, rest, line }),
        _ => Err(Malformed::Chunk),
    }
}

/// Splits what is left of a body at the end of the input.
fn split(left: u64, input: usize) -> (usize, u64) {
    let took = usize::try_from(left).unwrap_or(usize::MAX).min(input);
    (took, left - took as u64)
}

impl Lines {
    fn of(headers: &[httparse::Header<'_>]) -> Self {
        let mut said = Self { length: None, chunked: false, coded: false, close: false, keep: false };
        for header in headers {
            if header.name.eq_ignore_ascii_case("content-length") {
                said.length = Some(length(header.value, said.length));
            } else if header.name.eq_ignore_ascii_case("transfer-encoding") {
                let last = header.value.rsplit(|b| *b == b',').next().unwrap_or_default();
                said.chunked = last.trim_ascii().eq_ignore_ascii_case(b"chunked");
                said.coded = true;
            } else if header.name.eq_ignore_ascii_case("connection") {
                for token in header.value.split(|b| *b == b',') {
                    said.close |= token.trim_ascii().eq_ignore_ascii_case(b"close");
                    said.keep |= token.trim_ascii().eq_ignore_ascii_case(b"keep-alive");
                }
            }
        }
        said
    }
}

/// Reads a Content-Length value; a list of equal numbers counts as that number.
fn length(value: &[u8], before: Option<Result<u64, Malformed>>) -> Result<u64, Malformed> {
    let mut known = before.transpose()?;
    for part in value.split(|b| *b == b',') {
        let part = part.trim_ascii();
        let digits = !part.is_empty() && part.iter().all(u8::is_ascii_digit);
        let number = std::str::from_utf8(part).ok().filter(|_| digits).and_then(|text| text.parse().ok());
        let number: u64 = number.ok_or(Malformed::Length)?;
        if known.is_some_and(|known| known != number) {
            return Err(Malformed::Length);
        }
        known = Some(number);
    }
    known.ok_or(Malformed::Length)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Status, bytes of the head, bytes taken, interim heads, reusable, bytes left over.
    type Seen = (u16, u64, u64, u32, bool, usize);

    fn read(bytes: &[u8], bodiless: bool, cut: usize) -> Result<Seen, Malformed> {
        let mut framing = Framing::new(bodiless);
        let mut held: Vec<u8> = Vec::new();
        let mut input = bytes.chunks(cut);
        loop {
            let Some(piece) = input.next() else {
                framing.end_of_stream()?;
                let left = held.len();
                return Ok((framing.status, framing.head, framing.taken, framing.interim, framing.persistent, left));
            };
            held.extend_from_slice(piece);
            let (used, step) = framing.push(&held)?;
            held.drain(..used);
            if step == Step::Done {
                let left = held.len() + input.map(<[u8]>::len).sum::<usize>();
                return Ok((framing.status, framing.head, framing.taken, framing.interim, framing.persistent, left));
            }
        }
    }

    #[test]
    fn every_framing_rule_gives_the_same_end_however_the_bytes_are_cut() {
        let cases: &[(&str, bool, Result<Seen, Malformed>)] = &[
            ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", false, Ok((200, 38, 40, 0, true, 0))),
            ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi!!", false, Ok((200, 38, 40, 0, true, 2))),
            ("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", true, Ok((200, 38, 38, 0, true, 0))),
            ("HTTP/1.1 204 None\r\n\r\n", false, Ok((204, 21, 21, 0, true, 0))),
            ("HTTP/1.1 304 Same\r\nContent-Length: 7\r\n\r\n", false, Ok((304, 40, 40, 0, true, 0))),
            ("HTTP/1.0 200 OK\r\n\r\nall", false, Ok((200, 19, 22, 0, false, 0))),
            (
                "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\nx",
                false,
                Ok((200, 62, 63, 0, true, 0)),
            ),
            (
                "HTTP/1.1 200 OK\r\nConnection: foo, Close\r\nContent-Length: 0\r\n\r\n",
                false,
                Ok((200, 62, 62, 0, false, 0)),
            ),
            (
                "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
                false,
                Ok((200, 38, 94, 2, true, 0)),
            ),
            ("HTTP/1.1 101 Switching\r\n\r\n", false, Ok((101, 26, 26, 0, false, 0))),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n0\r\nT: v\r\n\r\nnext",
                false,
                Ok((200, 47, 70, 0, true, 4)),
            ),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n1\r\na\r\n0\r\n\r\n",
                false,
                Ok((200, 66, 77, 0, false, 0)),
            ),
            (
                "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nhi",
                false,
                Ok((200, 57, 59, 0, true, 0)),
            ),
            ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nhi", false, Err(Malformed::Length)),
            ("HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\nhi", false, Err(Malformed::Length)),
            ("HTTP/1.1 000 None\r\nContent-Length: 2\r\n\r\nhi", false, Err(Malformed::Head)),
            ("HTTP/1.1 099 None\r\nContent-Length: 2\r\n\r\nhi", false, Err(Malformed::Head)),
            ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhi", false, Err(Malformed::Truncated)),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", false, Err(Malformed::Chunk)),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab", false, Err(Malformed::Chunk)),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n", false, Err(Malformed::Chunk)),
            ("HT", false, Err(Malformed::Truncated)),
            ("ABCDEFGH 200 hello\r\n\r\n", false, Err(Malformed::Head)),
            ("", false, Err(Malformed::Truncated)),
        ];
        for (text, bodiless, expected) in cases {
            for cut in [1, 2, 3, 7, 4096] {
                assert_eq!(&read(text.as_bytes(), *bodiless, cut), expected, "{text:?} cut at {cut}");
            }
        }
    }

    #[test]
    fn heads_trailers_and_size_lines_without_end_are_refused() {
        let many = format!("HTTP/1.1 200 OK\r\n{}", "a: b\r\n".repeat(MAX_HEADERS + 2));
        let long = format!("HTTP/1.1 200 OK\r\na: {}", "b".repeat(MAX_HEAD));
        let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        let trailer = format!("{chunked}0\r\n{}", "a: b\r\n".repeat(MAX_HEAD));
        let size = format!("{chunked}1;{}", "x".repeat(MAX_HEAD + 1));
        let interim = "HTTP/1.1 100 C\r\n\r\n".repeat(MAX_INTERIM as usize + 1);
        for bytes in [many, long, trailer, size, interim] {
            assert_eq!(read(bytes.as_bytes(), false, 4096), Err(Malformed::HeadTooLarge), "{bytes:.40}");
        }
    }

    #[test]
    fn no_bytes_make_it_panic_or_take_more_than_there_is() {
        let mut random = crate::random::Random::new(2026, 1);
        let seeds: [&[u8]; 4] = [
            b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.0 404 No\r\nConnection: close\r\n\r\nx",
            b"",
        ];
        for round in 0..20_000 {
            let mut bytes = seeds[round % seeds.len()].to_vec();
            for _ in 0..random.between(0, 6) {
                let at = usize::try_from(random.between(0, bytes.len() as u64)).unwrap();
                let byte = u8::try_from(random.between(0, 255)).unwrap();
                match random.between(0, 2) {
                    0 => bytes.insert(at, byte),
                    1 if at < bytes.len() => bytes[at] = byte,
                    _ => bytes.truncate(at),
                }
            }
            let cut = usize::try_from(random.between(1, 9)).unwrap();
            let whole = read(&bytes, round % 7 == 0, usize::MAX);
            assert_eq!(read(&bytes, round % 7 == 0, cut), whole, "{:?} cut at {cut}", String::from_utf8_lossy(&bytes));
            if let Ok((_, _, taken, _, _, left)) = whole {
                assert_eq!(taken + left as u64, bytes.len() as u64, "{:?}", String::from_utf8_lossy(&bytes));
            }
        }
    }
}
