//! The lines of a ledger.

use std::collections::BTreeMap;
use std::num::NonZeroU16;
use std::path::PathBuf;

use chaos_core::{StepEnd, StepOutcome, fnv1a};
use serde::{Deserialize, Serialize};

/// The format that is written, and the only one that is read.
pub const LEDGER_FORMAT: u64 = 1;

/// How a workflow began.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Begun {
    /// [`LEDGER_FORMAT`].
    pub format: u64,
    /// The run that began it; its folder has this name.
    pub run_id: String,
    /// The seed of every random choice.
    pub seed: u64,
    /// The document's file, as the command line named it.
    pub file: String,
    /// The hash of the document, see [`document_hash`].
    pub document: String,
    /// The program that wrote it.
    pub squall_version: String,
    /// Where its nodes have their folders and ports.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub places: Option<KeptPlaces>,
}

/// The places of nodes, so that they get the same ones again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KeptPlaces {
    /// The folder in which each node has its own.
    pub folder: PathBuf,
    /// The ports, in the order of their names in the document.
    pub ports: Vec<NonZeroU16>,
}

/// The hash of a document: it tells another one, and does not sign.
pub fn document_hash(document: &[u8]) -> String {
    format!("fnv1a64:{:016x}", fnv1a(document))
}

/// How a step ended, as it is recorded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct RecordedEnd {
    pub(crate) outcome: StepOutcome,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) detail: String,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) outputs: BTreeMap<String, String>,
    /// The step in it that failed first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) first: Option<String>,
    /// What its fault may have left in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) in_force: Option<String>,
    /// The run died in it, so that nothing may repeat it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) interrupted: bool,
    #[serde(default)]
    pub(crate) seconds: f64,
}

impl RecordedEnd {
    pub(crate) fn of(end: StepEnd) -> Self {
        let StepEnd { outcome, detail, outputs, in_force } = end;
        Self { outcome, detail, outputs, first: None, in_force, interrupted: false, seconds: 0.0 }
    }

    pub(crate) fn is_pass(&self) -> bool {
        self.outcome == StepOutcome::Pass
    }
}

/// One line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "record", rename_all = "snake_case")]
pub(crate) enum Record {
    /// The first line.
    Begun(Begun),
    /// Another run goes on with it.
    Resumed { run_id: String },
    /// A leaf step is about to start.
    Started { step: String, attempt: u64 },
    /// A `branch` has chosen.
    Chose { step: String, attempt: u64, yes: bool },
    /// The steps of a `serial` are over, and its `finally` begins.
    Closing {
        step: String,
        attempt: u64,
        #[serde(flatten)]
        end: RecordedEnd,
    },
    /// A step has ended.
    Ended {
        step: String,
        attempt: u64,
        #[serde(flatten)]
        end: RecordedEnd,
    },
    /// The workflow is over.
    Finished {
        #[serde(flatten)]
        end: RecordedEnd,
    },
}

/// What stands at the end of a line: the checksum of it and of all before it.
const SUM: &str = ",\"sum\":\"";

/// A line with its end, and the checksum that the next one follows.
pub(crate) fn encode(before: u64, record: &Record) -> serde_json::Result<(Vec<u8>, u64)> {
    let mut line = serde_json::to_vec(record)?;
    let sum = sum(before, &line);
    line.pop();
    line.extend(format!("{SUM}{sum:016x}\"}}\n").into_bytes());
    Ok((line, sum))
}

/// A line without its end, and its checksum; `None` where it is not as it was written.
pub(crate) fn decode(before: u64, line: &[u8]) -> Option<(Record, u64)> {
    let at = line.len().checked_sub(SUM.len() + 18)?;
    let (head, tail) = line.split_at_checked(at)?;
    let digits = tail.strip_prefix(SUM.as_bytes())?.strip_suffix(b"\"}")?;
    let whole = [head, b"}"].concat();
    let sum = sum(before, &whole);
    if format!("{sum:016x}").as_bytes() != digits {
        return None;
    }
    Some((serde_json::from_slice(&whole).ok()?, sum))
}

fn sum(before: u64, line: &[u8]) -> u64 {
    fnv1a(&[&before.to_le_bytes(), line].concat())
}
