//! Spans, kept in columns within a bound.

mod packed;
mod query;
mod segment;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::lost::Lost;
use crate::moment::Moment;
use crate::span::{Attributes, SpanRecord};
use query::Asked;
use segment::Segment;

pub use query::{FoundSpans, SpanQuery, SpanSeen};

/// Into how many segments a source's share is divided: what is forgotten at once.
const SEGMENTS: usize = 16;

/// The most that is kept of one source. Beyond it the oldest spans are forgotten, a sixteenth at a time, and from then on an
/// answer about their time is unknown: faults come throughout a run, and what is asked about is mostly recent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpanBounds {
    /// Spans.
    pub spans: usize,
    /// Bytes, with strings.
    pub bytes: usize,
}

impl Default for SpanBounds {
    /// A million spans, and 256 MiB: spans of ten attributes with few distinct values take about 190 bytes each.
    fn default() -> Self {
        Self { spans: 1_000_000, bytes: 256 << 20 }
    }
}

/// The run service that keeps the spans of each source.
#[derive(Debug, Default)]
pub struct SpanStore(Mutex<BTreeMap<String, Kept>>);

/// The spans of one source.
#[derive(Debug)]
struct Kept {
    bounds: SpanBounds,
    segments: VecDeque<Segment>,
    lost: Lost,
    taken: u64,
    /// Why it takes in no more.
    down: Option<String>,
}

/// How many spans a source has handed over, and how many of them are not kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SpanFigures {
    /// Handed over, or sent and not readable.
    pub taken: u64,
    /// Not kept.
    pub dropped: u64,
    /// About how many bytes the rest takes.
    pub bytes: usize,
}

impl SpanStore {
    /// Says that a source takes in, and how much of it is kept.
    pub fn open(&self, source: &str, bounds: SpanBounds) {
        let kept = Kept { bounds, segments: VecDeque::new(), lost: Lost::default(), taken: 0, down: None };
        self.lock().insert(source.to_owned(), kept);
    }

    /// Says that a source takes in no more, and why: an answer for which it matters is unknown from now on.
    pub fn close(&self, source: &str, why: &str) {
        if let Some(kept) = self.lock().get_mut(source) {
            kept.down.get_or_insert_with(|| why.to_owned());
        }
    }

    /// Keeps the spans of one resource that arrived at `arrival`, and says how many there was no room for.
    pub fn add<'s>(
        &self,
        source: &str,
        arrival: Moment,
        resource: &Attributes<'_>,
        spans: impl IntoIterator<Item = SpanRecord<'s>>,
    ) -> u64 {
        let mut store = self.lock();
        let Some(kept) = store.get_mut(source) else { return spans.into_iter().count() as u64 };
        let mut refused = 0;
        let mut number = None;
        for span in spans {
            kept.taken += 1;
            if kept.begin_segment() {
                number = None;
            }
            if kept.push(&span, resource, &mut number, arrival).is_none() {
                // Strings of one segment at a time are bounded, so an empty one has room if any has.
                kept.seal();
                number = None;
                if kept.push(&span, resource, &mut number, arrival).is_none() {
                    kept.lost.add(span.start, span.start, 1);
                    refused += 1;
                }
            }
        }
        kept.forget();
        refused
    }

    /// Notes spans that were sent and could not be read; they may have begun at any time up to `arrival`.
    pub fn unreadable(&self, source: &str, arrival: Moment, count: u64) {
        if let Some(kept) = self.lock().get_mut(source) {
            kept.taken += count;
            kept.lost.add(Moment(i64::MIN), arrival, count);
        }
    }

    /// What a source has handed over so far.
    pub fn figures(&self, source: &str) -> SpanFigures {
        self.lock().get(source).map_or_else(SpanFigures::default, |kept| SpanFigures {
            taken: kept.taken,
            dropped: kept.lost.count(),
            bytes: kept.bytes(),
        })
    }

    /// Looks for spans.
    pub fn find(&self, query: SpanQuery<'_>) -> FoundSpans {
        let store = self.lock();
        let fitting = || store.iter().filter(|(name, _)| query.source.is_none_or(|source| source == *name));
        let asked = Asked::new(query, fitting().flat_map(|(_, kept)| kept.segments.iter()).flat_map(Segment::senders));
        let mut found = FoundSpans::default();
        for (name, kept) in fitting() {
            for segment in &kept.segments {
                let hits = segment.find(&asked);
                found.count += hits.count;
                found.from_injected += hits.from_injected;
                let seen = |row: Option<usize>| row.map(|row| segment.seen(row));
                found.count(seen(hits.first), seen(hits.last));
            }
            if found.missing.is_none() {
                found.missing = kept.missing(name, query.window);
            }
        }
        if found.missing.is_none() && fitting().next().is_none() {
            found.missing = Some("no source of spans has been started".to_owned());
        }
        found
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Kept>> {
        // The map stays usable whatever panicked while holding it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    /// Makes sure that there is a segment with room; whether it is a new one.
    fn begin_segment(&mut self) -> bool {
        let (most, bytes) = (self.bounds.spans.div_ceil(SEGMENTS), self.bounds.bytes / SEGMENTS);
        let full = |segment: &Segment| segment.len() >= most || (segment.len() > 0 && segment.bytes() > bytes);
        if self.segments.back().is_some_and(|segment| !full(segment)) {
            return false;
        }
        self.seal();
        true
    }

    /// Ends the last segment, and begins one.
    fn seal(&mut self) {
        match self.segments.back_mut() {
            // Nothing but strings that were too much.
            Some(segment) if segment.len() == 0 => drop(self.segments.pop_back()),
            Some(segment) => segment.seal(),
            None => {}
        }
        self.forget();
        self.segments.push_back(Segment::new(self.bounds.bytes / SEGMENTS));
    }

    fn push(
        &mut self,
        span: &SpanRecord<'_>,
        resource: &Attributes<'_>,
        number: &mut Option<u32>,
        arrival: Moment,
    ) -> Option<()> {
        let segment = self.segments.back_mut()?;
        let known = match *number {
            Some(known) => known,
            None => *number.insert(segment.resource(resource)?),
        };
        segment.push(span, known, arrival)
    }

    /// Lets go of the oldest segments as long as there are more spans or bytes than may be.
    fn forget(&mut self) {
        let spans = |kept: &Self| kept.segments.iter().map(Segment::len).sum::<usize>();
        while self.segments.len() > 1 && (spans(self) > self.bounds.spans || self.bytes() > self.bounds.bytes) {
            let Some(oldest) = self.segments.pop_front() else { return };
            if oldest.len() > 0 {
                let (from, to) = oldest.starts();
                self.lost.add(from, to, oldest.len() as u64);
            }
        }
    }

    fn bytes(&self) -> usize {
        self.segments.iter().map(Segment::bytes).sum()
    }

    fn missing(&self, name: &str, window: crate::window::Window) -> Option<String> {
        if let Some(why) = &self.down {
            return Some(format!("the source `{name}` is down: {why}"));
        }
        let count = self.lost.count();
        self.lost.touches(window).then(|| format!("the source `{name}` has lost spans of that time ({count} in all)"))
    }
}
