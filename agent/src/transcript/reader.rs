//! Reads a transcript back.

use std::path::Path;

use serde_json::Value;

use super::line::{End, Header, Line, Reply, VERSION};
use crate::{error::AgentError, outcome::CallRecord};

/// A recorded loop.
#[derive(Clone, Debug, PartialEq)]
pub struct Transcript {
    pub(crate) header: Header,
    pub(crate) replies: Vec<Reply>,
    pub(crate) calls: Vec<CallRecord>,
    pub(crate) end: Option<End>,
    torn: bool,
}

/// Bytes of a transcript; the budgets of a conversation keep it far below.
const LONGEST: u64 = 256 << 20;

impl Transcript {
    /// Reads a file.
    ///
    /// # Errors
    /// [`AgentError::TranscriptFile`] when it cannot be read, [`AgentError::TranscriptLine`] as for [`Self::parse`].
    pub fn read(path: impl AsRef<Path>) -> Result<Self, AgentError> {
        let path = path.as_ref();
        let bytes = chaos_core::read_bounded(path, LONGEST).map_err(|source| AgentError::TranscriptFile {
            action: "read",
            path: path.to_path_buf(),
            source,
        })?;
        Self::parse(&bytes)
    }

    /// Reads the bytes of a transcript. A last line without its line feed that cannot be read was torn by a crash and
    /// is left out.
    ///
    /// # Errors
    /// [`AgentError::TranscriptLine`] for a line that is not a transcript's, a header that is absent or repeated, and
    /// a version that this crate does not know.
    pub fn parse(bytes: &[u8]) -> Result<Self, AgentError> {
        let (lines, torn) = split(bytes)?;
        let mut lines = lines.into_iter();
        let Some((_, Line::Header(header))) = lines.next() else {
            return Err(bad(1, "a transcript starts with a `header` line"));
        };
        let mut transcript = Self { header, replies: Vec::new(), calls: Vec::new(), end: None, torn };
        for (number, line) in lines {
            if transcript.end.is_some() {
                return Err(bad(number, "the `end` line must be the last one"));
            }
            match line {
                Line::Header(_) => return Err(bad(number, "only the first line is a `header`")),
                Line::Request(_) => {}
                Line::Reply(reply) => transcript.replies.push(reply),
                Line::Call(call) => transcript.calls.push(call),
                Line::End(end) => transcript.end = Some(end),
            }
        }
        Ok(transcript)
    }

    /// Names the model that was recorded.
    pub fn model(&self) -> &str {
        &self.header.model
    }

    /// Gives every call that the model asked for, in order.
    pub fn calls(&self) -> &[CallRecord] {
        &self.calls
    }

    /// Gives the code of the end reason; `None` when the recording was cut off.
    pub fn end_reason(&self) -> Option<&str> {
        self.end.as_ref().map(|end| end.reason.as_str())
    }

    /// Gives the last text of the model; `None` when the recording was cut off.
    pub fn final_text(&self) -> Option<&str> {
        self.end.as_ref().map(|end| end.text.as_str())
    }

    /// Says whether a torn last line was left out.
    pub fn is_torn(&self) -> bool {
        self.torn
    }
}

/// Parses the lines with their numbers, and says whether the last one was torn.
fn split(bytes: &[u8]) -> Result<(Vec<(usize, Line)>, bool), AgentError> {
    let mut lines = Vec::new();
    for (index, bytes) in bytes.split_inclusive(|byte| *byte == b'\n').enumerate() {
        match parse_line(index + 1, bytes) {
            Ok(line) => lines.push((index + 1, line)),
            // Only the last line can be without its line feed.
            Err(_) if bytes.last() != Some(&b'\n') => return Ok((lines, true)),
            Err(error) => return Err(error),
        }
    }
    Ok((lines, false))
}

fn parse_line(number: usize, bytes: &[u8]) -> Result<Line, AgentError> {
    let value: Value = serde_json::from_slice(bytes).map_err(|error| bad(number, &format!("not JSON: {error}")))?;
    if value["kind"] == "header" && value["version"] != VERSION {
        let problem = format!("format version {} is unknown; this program reads {VERSION}", value["version"]);
        return Err(bad(number, &problem));
    }
    serde_path_to_error::deserialize(value).map_err(|error| {
        let path = error.path().to_string();
        bad(number, &format!("at `{path}`: {}", error.into_inner()))
    })
}

fn bad(line: usize, problem: &str) -> AgentError {
    AgentError::TranscriptLine { line, problem: problem.to_owned() }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{limits::Limits, model::TokenUsage};

    fn line(line: &Line) -> String {
        serde_json::to_string(line).expect("plain data") + "\n"
    }

    fn header() -> String {
        line(&Line::Header(Header {
            version: VERSION,
            writer: "0".into(),
            model: "m".into(),
            system: String::new(),
            goal: "g".into(),
            tools: Vec::new(),
            limits: Limits::for_planned(Duration::ZERO),
        }))
    }

    fn end() -> String {
        line(&Line::End(End {
            at_ms: 5,
            reason: "finished".into(),
            error: None,
            turns: 1,
            text: "bye".into(),
            usage: TokenUsage::default(),
        }))
    }

    #[test]
    fn a_torn_last_line_is_left_out() {
        let whole = header() + &end();
        let first = header().len();
        for cut in first..whole.len() {
            let read = Transcript::parse(&whole.as_bytes()[..cut]).expect("readable");
            // Without its line feed alone, the last line is still whole.
            let complete = cut == whole.len() - 1;
            assert_eq!(read.is_torn(), cut > first && !complete, "cut at {cut}");
            assert_eq!(read.end_reason().is_some(), complete, "cut at {cut}");
        }
        let read = Transcript::parse(whole.as_bytes()).expect("readable");
        assert_eq!(read.end_reason(), Some("finished"));
        assert_eq!(read.final_text(), Some("bye"));
    }

    #[test]
    fn unknown_fields_are_accepted() {
        let newer = header().replacen("{\"", "{\"new_field\":[1],\"", 1);
        assert!(Transcript::parse(newer.as_bytes()).is_ok());
    }

    #[test]
    fn bad_lines_are_named() {
        let cases = [
            (String::new(), "transcript line 1: a transcript starts with a `header` line"),
            (end(), "transcript line 1: a transcript starts with a `header` line"),
            (
                header().replace("\"version\":1", "\"version\":2"),
                "transcript line 1: format version 2 is unknown; this program reads 1",
            ),
            (header() + &header(), "transcript line 2: only the first line is a `header`"),
            (header() + &end() + &end(), "transcript line 3: the `end` line must be the last one"),
            (header() + "\u{0}\u{0}\n" + &end(), "transcript line 2: not JSON"),
            (header() + "{\"kind\":\"wish\"}\n", "transcript line 2: at `kind`: unknown variant `wish`"),
        ];
        for (text, message) in cases {
            let error = Transcript::parse(text.as_bytes()).expect_err(message);
            assert!(error.to_string().starts_with(message), "{error}");
        }
    }

    #[test]
    fn bytes_that_are_no_text_do_not_crash() {
        let error = Transcript::parse(b"\xff\xfe\n").expect_err("garbled");
        assert!(error.to_string().starts_with("transcript line 1: not JSON"), "{error}");
    }
}
