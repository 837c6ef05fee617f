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

/// Bytes of a transcript; the budgets of an experiment keep it far below.
const LONGEST: u64 = 256 << 20;

impl ExperimentTranscript {
    /// Reads a file.
    ///
    /// # Errors
    /// [`TranscriptError`] when it can't be read, or is not a transcript.
    pub fn read(path: &Path) -> Result<Self, TranscriptError> {
        let bytes = chaos_core::read_bounded(path, LONGEST);
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
        let header = match lines.next().map(|(_, line)| serde_json::from_slice(line)) {
            Some(Ok(Line::Header(header))) if header.version == TranscriptHeader::VERSION => *header,
            Some(Ok(Line::Header(header))) => {
                let (found, known) = (header.version, TranscriptHeader::VERSION);
                let problem = format!("has version {found}; this program reads version {known}");
                return Err(TranscriptError::Line { line: 1, problem });
            }
            _ => return Err(TranscriptError::Line { line: 1, problem: "must be a `header`".to_owned() }),
        };
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
