//! The run service that keeps log lines, within bounds.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::losses::Losses;
use crate::{Moment, Window};

/// Bytes that are kept where no source says otherwise.
pub const DEFAULT_LOG_BYTES: usize = 64 * 1024 * 1024;
/// Bytes of one line that are kept; of a longer one the rest is left out, and the line says so.
pub const LONGEST_LINE: usize = 64 * 1024;
/// What a line takes beside its text.
const EACH: usize = 128;
/// Lines that are handed out under one lock.
const CHUNK: usize = 1024;

/// A line or record of a log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogLine {
    /// The name of the source.
    pub source: Arc<str>,
    /// The node, file or service that it comes from.
    pub origin: Arc<str>,
    /// The moment at which it cannot have been written yet: the last look at the file, or its own time where it has one.
    pub earliest: Moment,
    /// When it was read, or its own time where it has one.
    pub at: Moment,
    /// Its text, without the end of the line.
    pub text: Box<str>,
    /// Whether its text was cut at [`LONGEST_LINE`].
    pub is_cut: bool,
    /// How severe it is, as OTLP counts (1 to 24: 9 is info, 13 a warning, 17 an error), where it says so.
    pub severity: Option<u8>,
    /// What it says beside its text.
    pub attributes: Vec<(Box<str>, Box<str>)>,
}

impl LogLine {
    /// The same with no more text than is kept.
    pub(crate) fn bounded(mut self) -> Self {
        if self.text.len() > LONGEST_LINE {
            let end = (0..=LONGEST_LINE).rev().find(|end| self.text.is_char_boundary(*end)).unwrap_or(0);
            self.text = self.text.get(..end).unwrap_or_default().into();
            self.is_cut = true;
        }
        self
    }

    fn bytes(&self) -> usize {
        let attributes = self.attributes.iter().map(|(key, value)| EACH / 4 + key.len() + value.len());
        EACH + self.text.len() + attributes.sum::<usize>()
    }
}

/// The log lines of a run.
///
/// At most [`LogStore::set_bound`] bytes are kept: the oldest lines go first, and are counted for their source.
#[derive(Debug, Default)]
pub struct LogStore(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// In the order in which they came.
    lines: VecDeque<Arc<LogLine>>,
    /// How many came before the first of these.
    gone: u64,
    bytes: usize,
    most: Option<usize>,
    losses: BTreeMap<Arc<str>, Losses>,
    /// Sources that take in no more: from when on, and why.
    closed: BTreeMap<String, (Moment, String)>,
    /// What a source follows and has not found yet: source, origin, file.
    awaited: BTreeSet<(String, String, String)>,
}

/// Which lines are asked for.
#[derive(Debug, Clone, Copy)]
pub struct LogQuery<'a> {
    /// The only source that counts; all where absent.
    pub source: Option<&'a str>,
    /// The only origin that counts; all where absent.
    pub origin: Option<&'a str>,
    /// Origins that do not count.
    pub without: &'a [String],
    /// In which time.
    pub window: Window,
}

/// The lines that match.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LogAnswer {
    /// How many were certainly written in the window.
    pub certain: u64,
    /// How many were read in the window, and may have been written before it.
    pub possible: u64,
    /// The first of those that are certain.
    pub first: Option<Arc<LogLine>>,
    /// Why there may be more lines than these: what a source lost in that time.
    pub holes: Vec<String>,
}

impl LogStore {
    /// Sets how many bytes are kept in all; of several bounds the highest holds.
    pub fn set_bound(&self, bytes: usize) {
        let mut state = self.lock();
        state.most = Some(state.most.unwrap_or(0).max(bytes));
    }

    /// Makes known what a source follows: until it is there, nobody knows what is not in it.
    pub fn expect(&self, source: &str, origin: &str, file: &str) {
        self.lock().awaited.insert((source.to_owned(), origin.to_owned(), file.to_owned()));
    }

    /// Says that it is there.
    pub fn arrived(&self, source: &str, origin: &str, file: &str) {
        self.lock().awaited.remove(&(source.to_owned(), origin.to_owned(), file.to_owned()));
    }

    /// Keeps a line.
    pub fn record(&self, line: LogLine) {
        let line = line.bounded();
        let mut state = self.lock();
        state.bytes += line.bytes();
        state.lines.push_back(Arc::new(line));
        while state.bytes > state.most.unwrap_or(DEFAULT_LOG_BYTES) {
            let Some(oldest) = state.lines.pop_front() else { return };
            state.bytes = state.bytes.saturating_sub(oldest.bytes());
            state.gone += 1;
            let losses = state.losses.entry(Arc::clone(&oldest.source)).or_default();
            losses.add(1, oldest.earliest, oldest.at, "the oldest lines were dropped to make room");
        }
    }

    /// Counts lines that were written, or may have been, and were not read.
    pub fn lost(&self, source: &str, count: u64, from: Moment, to: Moment, why: &str) {
        self.lock().losses.entry(source.into()).or_default().add(count, from, to, why);
    }

    /// Says that a source takes in no more from `at` on, and why: what is asked of that time is unknown.
    pub fn close(&self, source: &str, at: Moment, why: &str) {
        self.lock().closed.entry(source.to_owned()).or_insert_with(|| (at, why.to_owned()));
    }

    /// What of a source was lost so far.
    pub fn losses(&self, source: &str) -> Losses {
        self.lock().losses.get(source).cloned().unwrap_or_default()
    }

    /// Asks which lines match. The store is not locked while `matches` looks at a line.
    pub fn ask(&self, query: &LogQuery<'_>, mut matches: impl FnMut(&LogLine) -> bool) -> LogAnswer {
        let mut answer = LogAnswer::default();
        let mut next = 0;
        loop {
            let (chunk, after) = self.chunk(next);
            if chunk.is_empty() {
                break;
            }
            next = after;
            for line in chunk.into_iter().filter(|line| query.counts(line)) {
                if !matches(&line) {
                    continue;
                }
                if line.earliest < query.window.from {
                    answer.possible += 1;
                } else {
                    answer.certain += 1;
                    answer.first.get_or_insert(line);
                }
            }
        }
        let (lost, awaited, closed) = {
            let state = self.lock();
            (state.losses.clone(), state.awaited.clone(), state.closed.clone())
        };
        for (_, _, file) in awaited.iter().filter(|(source, origin, _)| query.counts_origin(source, origin)) {
            answer.holes.push(format!("`{file}` is not there yet"));
        }
        for (source, losses) in lost {
            if query.source.is_none_or(|wanted| *wanted == *source) && losses.touch(query.window) {
                answer.holes.push(format!("the source `{source}` lost {} lines: {}", losses.count(), losses.why()));
            }
        }
        for (source, (at, why)) in closed {
            if query.source.is_none_or(|wanted| *wanted == *source) && query.window.to >= at {
                answer.holes.push(format!("the source `{source}` is down: {why}"));
            }
        }
        answer
    }

    /// Some lines from that number on, and the number after them.
    fn chunk(&self, from: u64) -> (Vec<Arc<LogLine>>, u64) {
        let state = self.lock();
        let from = from.max(state.gone);
        let start = usize::try_from(from - state.gone).unwrap_or(usize::MAX).min(state.lines.len());
        let end = start.saturating_add(CHUNK).min(state.lines.len());
        let chunk: Vec<_> = state.lines.range(start..end).cloned().collect();
        let after = from + chunk.len() as u64;
        (chunk, after)
    }

    /// How many lines are kept.
    pub fn len(&self) -> usize {
        self.lock().lines.len()
    }

    /// Whether none are.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// About how many bytes they take.
    pub fn bytes(&self) -> usize {
        self.lock().bytes
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // It stays usable whatever panicked while holding it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LogQuery<'_> {
    fn counts(&self, line: &LogLine) -> bool {
        self.window.contains(line.at) && self.counts_origin(&line.source, &line.origin)
    }

    fn counts_origin(&self, source: &str, origin: &str) -> bool {
        self.source.is_none_or(|wanted| wanted == source)
            && self.origin.is_none_or(|wanted| wanted == origin)
            && !self.without.iter().any(|without| without == origin)
    }
}
