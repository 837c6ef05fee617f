//! Evidence in a file, so that a run can be looked at again: what came in, and when.

use std::borrow::Cow;

use chaos_core::EvidenceKind;
use serde::{Deserialize, Serialize};

use crate::log_store::LogLine;
use crate::metric_store::Sample;
use crate::moment::Moment;
use crate::span::{Attributes, SpanRecord};

/// What came in at one moment: one line of a recording, in JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EvidenceRecord<'a> {
    /// When it came in, on the clock of its run.
    pub at_ns: Moment,
    /// What it was.
    #[serde(borrow)]
    pub took: Took<'a>,
}

/// What a source took in at once, or what it knows of what it did not take in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Took<'a> {
    /// The first line: the recording begins. One without it has spans only, and may lack its end.
    Began {
        /// What the source takes in.
        gives: Vec<EvidenceKind>,
        /// How much of it was kept.
        #[serde(default)]
        kept: RecordedBounds,
    },
    /// The last line: nothing more was taken in, or nothing more recorded.
    Ended {
        /// Why.
        #[serde(borrow)]
        why: Cow<'a, str>,
    },
    /// Spans of one resource.
    Spans {
        /// Attributes of who sent them.
        #[serde(borrow)]
        resource: Attributes<'a>,
        /// The spans.
        #[serde(borrow)]
        spans: Vec<SpanRecord<'a>>,
    },
    /// Something that could not be read; it may belong to any time up to this.
    Unreadable {
        /// What it was to be.
        kind: EvidenceKind,
        /// How many of them.
        count: u64,
    },
    /// A target is asked for its metrics.
    Target {
        /// The target.
        #[serde(borrow)]
        origin: Cow<'a, str>,
    },
    /// Samples that came together.
    Samples {
        /// The target, node or service that said so.
        #[serde(borrow)]
        origin: Cow<'a, str>,
        /// The moment that they belong to, unless they say otherwise; for a scrape that at which it began.
        at_ns: Moment,
        /// Whether this is everything that the origin has to say.
        whole: bool,
        /// The samples.
        #[serde(borrow)]
        samples: Vec<Sample<'a>>,
    },
    /// A target did not answer.
    NoAnswer {
        /// The target.
        #[serde(borrow)]
        origin: Cow<'a, str>,
        /// Since when.
        at_ns: Moment,
        /// Why.
        #[serde(borrow)]
        why: Cow<'a, str>,
    },
    /// Samples that came and were not taken in.
    LostSamples {
        /// How many.
        count: u64,
        /// The moment that they belong to.
        at_ns: Moment,
        /// Why.
        #[serde(borrow)]
        why: Cow<'a, str>,
    },
    /// A file is followed that has not been found yet.
    Awaited {
        /// The node or file that its lines come from.
        #[serde(borrow)]
        origin: Cow<'a, str>,
        /// Its path.
        #[serde(borrow)]
        file: Cow<'a, str>,
    },
    /// It was found.
    Found {
        /// The node or file that its lines come from.
        #[serde(borrow)]
        origin: Cow<'a, str>,
        /// Its path.
        #[serde(borrow)]
        file: Cow<'a, str>,
    },
    /// Lines of a log.
    Lines {
        /// The node, file or service that they come from.
        #[serde(borrow)]
        origin: Cow<'a, str>,
        /// The lines.
        #[serde(borrow)]
        lines: Vec<LineRecord<'a>>,
    },
    /// Lines that were written, or may have been, and were not read.
    LostLines {
        /// How many.
        count: u64,
        /// From when on they may have been written.
        from_ns: Moment,
        /// Until when.
        to_ns: Moment,
        /// Why.
        #[serde(borrow)]
        why: Cow<'a, str>,
    },
}

/// How much of what it took in a source had kept, where it said so.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordedBounds {
    /// Spans.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spans: Option<usize>,
    /// Bytes of spans.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub span_bytes: Option<usize>,
    /// Samples of metrics.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub samples: Option<usize>,
    /// Bytes of log lines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_bytes: Option<usize>,
}

/// A line of a log, as a recording keeps it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LineRecord<'a> {
    /// The moment at which it cannot have been written yet.
    pub earliest_ns: Moment,
    /// When it was read, or its own time where it has one.
    pub at_ns: Moment,
    /// Its text.
    #[serde(borrow)]
    pub text: Cow<'a, str>,
    /// Whether its text was cut.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_cut: bool,
    /// How severe it is, as [`LogLine::severity`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<u8>,
    /// What it says beside its text.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attributes: Vec<(Cow<'a, str>, Cow<'a, str>)>,
}

impl<'a> From<&'a LogLine> for LineRecord<'a> {
    fn from(line: &'a LogLine) -> Self {
        let attributes = line.attributes.iter();
        Self {
            earliest_ns: line.earliest,
            at_ns: line.at,
            text: Cow::Borrowed(&line.text),
            is_cut: line.is_cut,
            severity: line.severity,
            attributes: attributes.map(|(key, value)| (Cow::Borrowed(&**key), Cow::Borrowed(&**value))).collect(),
        }
    }
}

/// What stands in a recording, one after the other, of several of one kind the first.
#[cfg(test)]
pub(crate) fn kinds_of(path: &std::path::Path) -> Vec<String> {
    let text = std::fs::read_to_string(path).unwrap();
    let kind = |line: &str| {
        serde_json::from_str::<EvidenceRecord<'_>>(line).unwrap();
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        line["took"].as_object().unwrap().keys().next().unwrap().clone()
    };
    let mut kinds: Vec<String> = text.lines().map(kind).collect();
    kinds.dedup();
    kinds
}
