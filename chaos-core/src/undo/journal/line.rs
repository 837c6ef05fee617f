//! The lines of a journal: JSON, each with a checksum of its own and the one of the line before it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::super::holder::Holder;
use super::super::owner::StepOwner;
use crate::value::fnv::fnv1a;

/// Version of the file format; a reader refuses every other one.
pub const JOURNAL_FORMAT: u32 = 2;

/// How long a line may be, in bytes. Steps take some hundred; the bound keeps a reader's memory small.
pub(super) const LINE_LIMIT: usize = 1 << 20;

/// How long a journal may be, in bytes: some ten thousand steps.
pub(super) const FILE_LIMIT: u64 = 64 << 20;

/// First line of a journal that tells of its run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalHeader {
    /// [`JOURNAL_FORMAT`] of the writer.
    pub format: u32,
    /// Id of the run.
    pub run_id: String,
    /// The program that wrote it, and that knows all its steps.
    pub executable: String,
    /// Boot during which it was written; empty where the system did not say.
    pub boot_id: String,
    /// Machine on which it was written; empty where the system did not say. Its boots are not ours.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub machine: String,
    /// User who wrote it.
    pub uid: u32,
    /// The folder that the run worked in.
    #[serde(default)]
    pub workspace: String,
}

/// One armed step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JournalRecord {
    /// Counts from 0 within the journal.
    pub seq: u64,
    /// Position of the entry.
    pub entry: String,
    /// When the effect should be gone: milliseconds since the machine started, its sleep included, so that setting the
    /// wall clock moves nothing. For people and a later guardian.
    #[serde(default)]
    pub expires_at_boot_ms: Option<u64>,
    /// Whether the effect outlives a reboot.
    #[serde(default)]
    pub survives_reboot: bool,
    /// Who carries the step out while it is alive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<StepOwner>,
    /// What the step would do, for a program that does not know it.
    #[serde(default)]
    pub describe: String,
    /// The step as raw JSON, so that an unknown one does not spoil its line.
    pub step: Value,
}

/// Who holds a run from here on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Epoch {
    /// 0 for the run itself, then one more for every process that takes over.
    pub number: u64,
    /// Its pid, in its own namespace.
    pub pid: u32,
    /// Its program.
    pub executable: String,
    /// Which process of that pid it is; absent where the system did not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holder: Option<Holder>,
}

impl Epoch {
    /// This process holds the run from here on.
    pub(super) fn of_this_process(number: u64, executable: &str) -> Self {
        Self { number, pid: std::process::id(), executable: executable.to_owned(), holder: Holder::this() }
    }

    /// Whether it is proved that its process has ended.
    pub(super) fn is_over(&self) -> bool {
        self.holder.as_ref().is_some_and(|holder| holder.is_gone(self.pid))
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Line {
    Header(JournalHeader),
    Epoch(Epoch),
    Armed(JournalRecord),
    Undone { seq: u64 },
}

/// The checksum of a line, over the one of the line before it and its own content.
///
/// FNV-1a's state is a bijection of every byte, so that one changed byte always shows; other damage is missed once in
/// 2^64 cases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sum(u64);

impl Sum {
    /// Stands before the first line.
    pub(super) const START: Self = Self(0);

    fn of(before: Self, content: &[u8]) -> Self {
        Self(fnv1a(&[&before.0.to_le_bytes(), content].concat()))
    }

    fn parse(hex: &[u8]) -> Option<Self> {
        // Only what we write: `from_str_radix` would take a sign and capitals too.
        let ours = hex.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        let hex = std::str::from_utf8(hex).ok().filter(|_| ours)?;
        u64::from_str_radix(hex, 16).ok().map(Self)
    }
}

/// A line as it stands in the file, with its line break.
pub(super) fn encode(before: Sum, line: &Line) -> serde_json::Result<(String, Sum)> {
    let content = serde_json::to_string(line)?;
    let sum = Sum::of(before, content.as_bytes());
    Ok((format!("{{\"before\":\"{:016x}\",\"sum\":\"{:016x}\",\"line\":{content}}}\n", before.0, sum.0), sum))
}

/// What a line says, and the checksums in it; `None` when it is not as it was written.
pub(super) fn decode(raw: &[u8]) -> Option<(Sum, Sum, Line)> {
    let rest = raw.strip_prefix(b"{\"before\":\"")?;
    let (before, rest) = rest.split_at_checked(16)?;
    let (sum, rest) = rest.strip_prefix(b"\",\"sum\":\"")?.split_at_checked(16)?;
    let content = rest.strip_prefix(b"\",\"line\":")?.strip_suffix(b"}")?;
    let (before, sum) = (Sum::parse(before)?, Sum::parse(sum)?);
    if Sum::of(before, content) != sum {
        return None;
    }
    serde_json::from_slice(content).ok().map(|line| (before, sum, line))
}

/// Whether one of these lines is the epoch of somebody who took over.
pub(super) fn holds_epoch(lines: &[u8]) -> bool {
    lines.split(|byte| *byte == b'\n').any(|raw| matches!(decode(raw), Some((_, _, Line::Epoch(_)))))
}

/// How many steps were armed, as it stands at the start of the file: a line of one length, written over in place, once
/// the records that it counts are on disk and before their effects are made.
pub(super) fn encode_count(count: u64) -> String {
    let digits = format!("{count:020}");
    format!("{{\"sum\":\"{:016x}\",\"count\":\"{digits}\"}}\n", fnv1a(digits.as_bytes()))
}

/// Reads what [`encode_count`] wrote.
pub(super) fn decode_count(raw: &[u8]) -> Option<u64> {
    let (sum, rest) = raw.strip_prefix(b"{\"sum\":\"")?.split_at_checked(16)?;
    let digits = rest.strip_prefix(b"\",\"count\":\"")?.strip_suffix(b"\"}")?;
    let right = Sum::parse(sum)?.0 == fnv1a(digits) && digits.len() == 20 && digits.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(digits).ok().filter(|_| right)?.parse().ok()
}

/// The format and the program that a file of another format names, as far as it can be found.
pub(super) fn other_format(raw: &[u8]) -> Option<(u64, Option<String>)> {
    let value: Value = serde_json::from_slice(raw).ok()?;
    let header = [value.get("header"), value.get("line").and_then(|line| line.get("header")), Some(&value)];
    header.into_iter().flatten().find_map(|header| {
        let executable = header.get("executable").and_then(Value::as_str).map(str::to_owned);
        header.get("format").and_then(Value::as_u64).map(|format| (format, executable))
    })
}
