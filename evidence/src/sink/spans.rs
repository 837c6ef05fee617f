//! Spans.

use chaos_core::EvidenceKind;

use super::Sink;
use crate::moment::Moment;
use crate::recording::{EvidenceRecord, Took};
use crate::span::{Attributes, SpanRecord};

impl Sink {
    /// Keeps spans of one resource, and gives how many there was no room for.
    pub(crate) fn spans<'s>(
        &self,
        at: Moment,
        resource: Attributes<'s>,
        spans: impl Iterator<Item = SpanRecord<'s>>,
    ) -> u64 {
        let store = &self.stores.spans;
        let Some(recorder) = &self.recorder else { return store.add(&self.source, at, &resource, spans) };
        let all = EvidenceRecord { at_ns: at, took: Took::Spans { resource, spans: spans.collect() } };
        let _order = recorder.add_in_order(&all);
        match all.took {
            Took::Spans { resource, spans } => store.add(&self.source, at, &resource, spans),
            _ => 0,
        }
    }

    /// Notes spans that were sent and could not be read.
    pub(crate) fn unreadable_spans(&self, at: Moment, count: u64) {
        let _order = self.note(|| Took::Unreadable { kind: EvidenceKind::Spans, count });
        self.stores.spans.unreadable(&self.source, at, count);
    }

    /// Says that nothing can come in any more.
    pub(crate) fn down(&self, why: &str) {
        let at = Moment::now(&*self.clock);
        if let Some(recorder) = &self.recorder {
            recorder.end(at, why);
        }
        self.stores.close(&self.source, &[EvidenceKind::Spans, EvidenceKind::Metrics, EvidenceKind::Logs], at, why);
    }
}
