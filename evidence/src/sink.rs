//! Where a source puts what it takes in: the stores of the run, and its recording where it keeps one.

#[cfg(any(feature = "http", feature = "otlp"))]
mod samples;
#[cfg(feature = "otlp")]
mod spans;

use std::sync::Arc;

use chaos_core::{Clock, SourceContext};

use crate::log_store::LogLine;
use crate::moment::Moment;
use crate::recorder::{InOrder, Recorder};
use crate::recording::{EvidenceRecord, LineRecord, Took};
use crate::stores::Stores;

/// Where one source puts what it takes in.
#[derive(Debug)]
pub(crate) struct Sink {
    source: Arc<str>,
    pub(crate) stores: Stores,
    clock: Arc<dyn Clock>,
    recorder: Option<Recorder>,
}

impl Sink {
    pub(crate) fn new(cx: &SourceContext, recorder: Option<Recorder>) -> Self {
        let clock = cx.cx().shared_clock();
        Self { source: Arc::clone(cx.name()), stores: Stores::of(cx.cx()), clock, recorder }
    }

    /// The name of the source.
    pub(crate) fn source(&self) -> &Arc<str> {
        &self.source
    }

    /// Says that a file is followed.
    pub(crate) fn await_file(&self, origin: &str, file: &str) {
        let _order = self.note(|| Took::Awaited { origin: origin.into(), file: file.into() });
        self.stores.logs.expect(&self.source, origin, file);
    }

    /// Says that it was found.
    pub(crate) fn found_file(&self, origin: &str, file: &str) {
        let _order = self.note(|| Took::Found { origin: origin.into(), file: file.into() });
        self.stores.logs.arrived(&self.source, origin, file);
    }

    /// Keeps lines of one origin.
    pub(crate) fn lines(&self, origin: &str, lines: Vec<LogLine>) {
        if lines.is_empty() {
            return;
        }
        let lines: Vec<LogLine> = lines.into_iter().map(LogLine::bounded).collect();
        let all = || Took::Lines { origin: origin.into(), lines: lines.iter().map(LineRecord::from).collect() };
        let _order = self.note(all);
        for line in lines {
            self.stores.logs.record(line);
        }
    }

    /// Counts lines that were written, or may have been, and were not read.
    pub(crate) fn lost_lines(&self, count: u64, from: Moment, to: Moment, why: &str) {
        let _order = self.note(|| Took::LostLines { count, from_ns: from, to_ns: to, why: why.into() });
        self.stores.logs.lost(&self.source, count, from, to, why);
    }

    /// Ends the recording; why it is not whole, where it is not.
    pub(crate) fn end(&self) -> Option<String> {
        self.recorder.as_ref()?.end(Moment::now(&*self.clock), "it has been stopped")
    }

    /// Records it where there is a recording. The store is told while what this gives is held.
    fn note<'t>(&self, took: impl FnOnce() -> Took<'t>) -> Option<InOrder<'_>> {
        let recorder = self.recorder.as_ref()?;
        Some(recorder.add_in_order(&EvidenceRecord { at_ns: Moment::now(&*self.clock), took: took() }))
    }
}

/// What a source says at its end, of several things that may be empty.
pub(crate) fn one_after_another<const N: usize>(all: [String; N]) -> String {
    all.into_iter().filter(|one| !one.is_empty()).collect::<Vec<_>>().join("; ")
}
