//! Reads a transcript back.

use std::path::Path;

use super::error::TranscriptError;
use super::line::{EndLine, Line, RefusedCall, StepRecord, StepStart, TranscriptHeader};
use crate::conclusion::Conclusion;
use crate::finding::Finding;

/// A recorded experiment, whole or cut off.
#[derive(Debug, Clone, PartialEq)]
pub struct ExperimentTranscript {
    /// What it was.
    pub header: TranscriptHeader,
    /// Steps that ended, in order.
    pub steps: Vec<StepRecord>,
    /// Steps that were started and did not end.
    pub open: Vec<StepStart>,
    /// Calls that were refused.
    pub refused: Vec<RefusedCall>,
    /// What strategies found.
    pub findings: Vec<Finding>,
    /// What was concluded.
    pub conclusion: Option<Conclusion>,
    /// How it ended; `None` when it was cut off.
    pub end: Option<EndLine>,
}

impl ExperimentTranscript {
    /// Reads a file.
    ///
    /// # Errors
    /// [`TranscriptError`] when it can't be read, or is not a transcript.
    pub fn read(path: &Path) -> Result<Self, TranscriptError> {
        let bytes = std::fs::read(path);
        let bytes = bytes.map_err(|source| TranscriptError::File { path: path.to_owned(), doing: "read", source })?;
        Self::parse(&bytes)
    }

    /// Reads the bytes of a transcript; a last line that was torn by a crash is left out.
    ///
    /// # Errors
    /// [`TranscriptError::Line`] for a line that is not a transcript's.
    pub fn parse(bytes: &[u8]) -> Result<Self, TranscriptError> {
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        let mut lines = bytes[..whole].split_inclusive(|byte| *byte == b'\n').enumerate();
        let header = Self::header(lines.next().map_or(&[], |(_, line)| line))?;
        let mut transcript = Self {
            header,
            steps: Vec::new(),
            open: Vec::new(),
            refused: Vec::new(),
            findings: Vec::new(),
            conclusion: None,
            end: None,
        };
        for (index, line) in lines {
            let line = serde_json::from_slice(line).map_err(|error| TranscriptError::Line {
                line: index + 1,
                problem: format!("can't be read: {error}"),
            })?;
            transcript.take(line);
        }
        Ok(transcript)
    }

    /// The version is read first: a line of another version may have another shape.
    fn header(line: &[u8]) -> Result<TranscriptHeader, TranscriptError> {
        #[derive(serde::Deserialize)]
        struct Versioned {
            kind: String,
            version: u32,
        }
        let problem = match serde_json::from_slice::<Versioned>(line) {
            Ok(Versioned { kind, version: TranscriptHeader::VERSION }) if kind == "header" => {
                match serde_json::from_slice(line) {
                    Ok(Line::Header(header)) => return Ok(*header),
                    Ok(_) => "must be a `header`".to_owned(),
                    Err(error) => format!("can't be read: {error}"),
                }
            }
            Ok(Versioned { kind, version }) if kind == "header" => {
                format!("has version {version}; this program reads version {}", TranscriptHeader::VERSION)
            }
            _ => "must be a `header`".to_owned(),
        };
        Err(TranscriptError::Line { line: 1, problem })
    }

    fn take(&mut self, line: Line) {
        match line {
            Line::Header(_) => {}
            Line::Started(start) => self.open.push(start),
            Line::Step(step) => {
                self.open.retain(|start| start.id != step.id());
                self.steps.push(*step);
            }
            Line::Refused(call) => self.refused.push(call),
            Line::Finding(finding) => self.findings.push(finding),
            Line::Conclusion(conclusion) => self.conclusion = Some(conclusion),
            Line::End(end) => self.end = Some(end),
        }
    }
}
