//! The stores of a run, and what becomes in them of what a recording says.

use std::sync::Arc;

use chaos_core::{EvidenceKind, RunContext};

use crate::log_store::{LogLine, LogStore};
use crate::metric_store::{Batch, MetricStore};
use crate::moment::Moment;
use crate::recording::{LineRecord, RecordedBounds, Took};
use crate::span_store::{SpanBounds, SpanStore};

/// The stores of a run.
#[derive(Debug, Clone)]
pub(crate) struct Stores {
    pub(crate) spans: Arc<SpanStore>,
    pub(crate) metrics: Arc<MetricStore>,
    pub(crate) logs: Arc<LogStore>,
}

impl Stores {
    pub(crate) fn of(cx: &RunContext) -> Self {
        let services = cx.services();
        Self { spans: services.get(), metrics: services.get(), logs: services.get() }
    }

    /// Makes room for what a source that was recorded gives, and keeps as much of it.
    pub(crate) fn open(&self, source: &str, gives: &[EvidenceKind], kept: RecordedBounds) {
        if gives.contains(&EvidenceKind::Spans) {
            let most = SpanBounds::default();
            let bounds =
                SpanBounds { spans: kept.spans.unwrap_or(most.spans), bytes: kept.span_bytes.unwrap_or(most.bytes) };
            self.spans.open(source, bounds);
        }
        if let Some(samples) = kept.samples {
            self.metrics.set_bound(samples);
        }
        if let Some(bytes) = kept.log_bytes {
            self.logs.set_bound(bytes);
        }
    }

    /// Says that a source takes in no more of what it gives, and why: an answer for which that matters is unknown.
    pub(crate) fn close(&self, source: &str, gives: &[EvidenceKind], at: Moment, why: &str) {
        for kind in gives {
            match kind {
                EvidenceKind::Spans => self.spans.close(source, why),
                EvidenceKind::Metrics => self.metrics.close(source, at, why),
                EvidenceKind::Logs => self.logs.close(source, at, why),
            }
        }
    }

    /// Keeps what was recorded at `at` of a source, and gives how many samples and lines that were.
    pub(crate) fn keep(&self, source: &Arc<str>, gives: &[EvidenceKind], at: Moment, took: Took<'_>) -> u64 {
        match took {
            Took::Began { .. } => {}
            Took::Ended { why } => self.close(source, gives, at, &format!("its recording has ended: {why}")),
            Took::Spans { resource, spans } => drop(self.spans.add(source, at, &resource, spans)),
            Took::Unreadable { kind, count } => return self.unreadable(source, kind, at, count),
            Took::Target { origin } => self.metrics.expect(source, &origin),
            Took::Samples { origin, at_ns, whole, samples } => {
                let recorded = self.metrics.record(Batch { source, origin: &origin, at: at_ns, whole }, samples);
                return recorded.taken + recorded.dropped;
            }
            Took::NoAnswer { origin, at_ns, why } => self.metrics.gap(source, &origin, at_ns, &why),
            Took::LostSamples { count, at_ns, why } => {
                self.metrics.lost(source, count, at_ns, &why);
                return count;
            }
            Took::Awaited { origin, file } => self.logs.expect(source, &origin, &file),
            Took::Found { origin, file } => self.logs.arrived(source, &origin, &file),
            Took::Lines { origin, lines } => {
                let (count, origin) = (lines.len() as u64, Arc::from(origin));
                for line in lines {
                    self.logs.record(line_of(line, source, &origin));
                }
                return count;
            }
            Took::LostLines { count, from_ns, to_ns, why } => {
                self.logs.lost(source, count, from_ns, to_ns, &why);
                return count;
            }
        }
        0
    }

    fn unreadable(&self, source: &str, kind: EvidenceKind, at: Moment, count: u64) -> u64 {
        const WHY: &str = "it could not be read";
        match kind {
            EvidenceKind::Spans => {
                self.spans.unreadable(source, at, count);
                // The store counts what it was handed over itself.
                return 0;
            }
            EvidenceKind::Metrics => self.metrics.lost(source, count, at, WHY),
            EvidenceKind::Logs => self.logs.lost(source, count, Moment(i64::MIN), at, WHY),
        }
        count
    }
}

fn line_of(line: LineRecord<'_>, source: &Arc<str>, origin: &Arc<str>) -> LogLine {
    let attributes = line.attributes.into_iter();
    LogLine {
        source: Arc::clone(source),
        origin: Arc::clone(origin),
        earliest: line.earliest_ns,
        at: line.at_ns,
        text: line.text.into(),
        is_cut: line.is_cut,
        severity: line.severity,
        attributes: attributes.map(|(key, value)| (key.into(), value.into())).collect(),
    }
}
