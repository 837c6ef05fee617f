//! The transcript: JSON lines, each written whole and at once, from which the report is made, live and later.

use std::fmt;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use chaos_core::{ChaosResult, Observation};
use chaos_schema::{Budget, Slo};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::budget::{BudgetKind, Spent};
use crate::claim::Conclusion;
use crate::finding::Finding;
use crate::measure::{self, Measures};

/// Version of the format; raised only when an older reader would misread a line.
const VERSION: u32 = 1;

/// One line, told apart by its `kind`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum Line {
    Header(Box<Header>),
    Asked(Asked),
    Step(Box<Step>),
    Refused(Refused),
    Finding(Finding),
    Conclusion(Conclusion),
    Note { text: String },
    End(End),
}

/// What the experiment was.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Header {
    /// Version of the format.
    pub version: u32,
    /// Version of the program that wrote it.
    pub writer: String,
    /// Id of the run.
    pub run_id: String,
    /// The question.
    pub goal: String,
    /// The service.
    pub target: String,
    /// Faults that were allowed.
    pub allow: Vec<String>,
    /// What the service promises.
    pub slo: Vec<Slo>,
    /// Whether its author named the promises.
    pub slo_given: bool,
    /// What could be used up.
    pub budget: Budget,
    /// Who planned: the model's name, or the offline planner and why it chose what it chose.
    pub planner: String,
    /// Seed of every random choice.
    pub seed: u64,
    /// When it began, as Unix time in milliseconds.
    pub started_at_unix_ms: u64,
}

/// A step that was begun; without the step itself, the experiment was cut off in it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Asked {
    /// Number of the step, from 1.
    pub id: u32,
    /// Milliseconds since the beginning.
    pub at_ms: u64,
    /// What it is for.
    pub label: String,
    /// The fault or probe with its parameters.
    pub action: Value,
}

/// A step that ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// What was asked.
    pub asked: Asked,
    /// How long it took, in seconds.
    pub seconds: f64,
    /// What the engine says of a fault.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<ChaosResult>,
    /// What a probe saw.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observation: Option<Observation>,
    /// The measures, for whoever reads the file; a reader of ours computes them anew.
    #[serde(skip_deserializing)]
    pub measures: Measures,
    /// What was used up with it.
    pub spent: Spent,
}

impl Step {
    /// The measures, computed from the result or the observation.
    pub fn recomputed(&self) -> Measures {
        match (&self.result, &self.observation) {
            (Some(result), _) => measure::of_result(result),
            (None, Some(seen)) => measure::of_observation(seen),
            (None, None) => Measures::new(),
        }
    }

    /// The `type` of the fault or probe.
    pub fn kind(&self) -> &str {
        self.asked.action["type"].as_str().unwrap_or_default()
    }
}

/// Something that the fence kept out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Refused {
    /// Milliseconds since the beginning.
    pub at_ms: u64,
    /// What was asked, cut.
    pub asked: String,
    /// Why not.
    pub why: String,
}

/// How it ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct End {
    /// Milliseconds since the beginning.
    pub at_ms: u64,
    /// Why.
    pub reason: EndReason,
    /// What was used up.
    pub spent: Spent,
}

/// Why an experiment ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "end", rename_all = "snake_case")]
pub enum EndReason {
    /// The strategy came to its end, or the model concluded.
    Answered,
    /// A budget ran out.
    BudgetRanOut {
        /// Which.
        budget: BudgetKind,
    },
    /// Somebody ended it early.
    Cancelled,
    /// It could not go on.
    Failed {
        /// Why.
        why: String,
    },
    /// The model stopped without concluding.
    NoConclusion {
        /// How its conversation ended.
        why: String,
    },
    /// Something may still be in force.
    InForce {
        /// What.
        why: String,
    },
}

/// Why a transcript can't be written or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// The file can't be used.
    #[error("transcript `{}` can't be {doing}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What was tried.
        doing: &'static str,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A line is not what a transcript holds there.
    #[error("line {line} of the transcript {problem}")]
    Line {
        /// Its number, from 1.
        line: usize,
        /// What is wrong with it.
        problem: String,
    },
}

/// Writes a transcript, and keeps what it wrote.
pub(crate) struct Writer {
    file: Box<dyn Write + Send>,
    path: PathBuf,
    written: Vec<u8>,
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Writer {
    /// Creates the file, readable by its owner only; a record is never overwritten.
    pub(crate) fn create(path: &Path) -> Result<Self, RecordError> {
        let failed = |source| RecordError::File { path: path.to_owned(), doing: "created", source };
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(failed)?;
        }
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(failed)?;
        Ok(Self { file: Box::new(file), path: path.to_owned(), written: Vec::new() })
    }

    /// Appends one line, whole.
    pub(crate) fn write(&mut self, line: &Line) -> Result<(), RecordError> {
        let failed = |source| RecordError::File { path: self.path.clone(), doing: "written", source };
        let mut text = serde_json::to_vec(line).map_err(|error| failed(error.into()))?;
        text.push(b'\n');
        self.file.write_all(&text).and_then(|()| self.file.flush()).map_err(failed)?;
        self.written.extend(text);
        Ok(())
    }

    /// What was written, read back: the report is made from it, so that a replay gives the same.
    pub(crate) fn transcript(&self) -> Result<Transcript, RecordError> {
        Transcript::parse(&self.written)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

/// A recorded experiment, whole or cut off.
#[derive(Debug, Clone, PartialEq)]
pub struct Transcript {
    /// What it was.
    pub header: Header,
    /// Steps that ended, in order.
    pub steps: Vec<Step>,
    /// Steps that were begun and did not end.
    pub open: Vec<Asked>,
    /// What the fence kept out.
    pub refused: Vec<Refused>,
    /// What strategies found.
    pub findings: Vec<Finding>,
    /// What was concluded.
    pub conclusion: Option<Conclusion>,
    /// Sentences for people.
    pub notes: Vec<String>,
    /// How it ended; `None` when it was cut off.
    pub end: Option<End>,
}

impl Transcript {
    /// Reads a file.
    ///
    /// # Errors
    /// [`RecordError`] when it can't be read, or is no transcript.
    pub fn read(path: &Path) -> Result<Self, RecordError> {
        let bytes = std::fs::read(path);
        let bytes = bytes.map_err(|source| RecordError::File { path: path.to_owned(), doing: "read", source })?;
        Self::parse(&bytes)
    }

    /// Reads the bytes of a transcript; a last line that was torn by a crash is left out.
    ///
    /// # Errors
    /// [`RecordError::Line`] for a line that is not a transcript's.
    pub fn parse(bytes: &[u8]) -> Result<Self, RecordError> {
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        let mut lines = bytes[..whole].split_inclusive(|byte| *byte == b'\n').enumerate();
        let read = |(index, line): (usize, &[u8])| {
            serde_json::from_slice::<Line>(line)
                .map_err(|error| RecordError::Line { line: index + 1, problem: format!("can't be read: {error}") })
        };
        let header = match lines.next().map(read).transpose()? {
            Some(Line::Header(header)) if header.version == VERSION => *header,
            Some(Line::Header(header)) => {
                let problem = format!("has version {}; this program reads version {VERSION}", header.version);
                return Err(RecordError::Line { line: 1, problem });
            }
            _ => return Err(RecordError::Line { line: 1, problem: "must be a `header`".to_owned() }),
        };
        let mut transcript = Self::begun(header);
        for line in lines {
            transcript.take(read(line)?);
        }
        Ok(transcript)
    }

    fn begun(header: Header) -> Self {
        Self {
            header,
            steps: Vec::new(),
            open: Vec::new(),
            refused: Vec::new(),
            findings: Vec::new(),
            conclusion: None,
            notes: Vec::new(),
            end: None,
        }
    }

    fn take(&mut self, line: Line) {
        match line {
            Line::Header(_) => {}
            Line::Asked(asked) => self.open.push(asked),
            Line::Step(step) => {
                self.open.retain(|asked| asked.id != step.asked.id);
                self.steps.push(*step);
            }
            Line::Refused(refused) => self.refused.push(refused),
            Line::Finding(finding) => self.findings.push(finding),
            Line::Conclusion(conclusion) => self.conclusion = Some(conclusion),
            Line::Note { text } => self.notes.push(text),
            Line::End(end) => self.end = Some(end),
        }
    }

    /// The step of that number.
    pub fn step(&self, id: u32) -> Option<&Step> {
        self.steps.iter().find(|step| step.asked.id == id)
    }
}

impl Header {
    /// The version that this program writes.
    pub(crate) const VERSION: u32 = VERSION;
}
