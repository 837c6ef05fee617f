//! The trace of a run: its events in, spans out.

use std::collections::BTreeMap;

use chaos_core::{ChaosResult, Event, EventKind, LookAt, Observation, ProbeRole, Verdict, fnv1a};

use super::json_word::json_word;
use super::run_trace_spans::{Attributes, RunSpan, RunSpanEvent, RunSpanStatus, RunSpanValue, link};

/// Spans that are kept of one run: a soak of days asks its probes so often that it would take all memory. What is beyond
/// is counted, and told on the span of the run.
const MOST_SPANS: usize = 20_000;

/// Events that are kept of one span.
const MOST_EVENTS: usize = 256;

/// Seconds of a run in nanoseconds of its trace.
const NANOS: f64 = 1e9;

/// The trace of one run, in the making.
///
/// The run is the root; each entry is a span below it, and its wait for the trigger, its injection, its hold and its undo
/// (with the steps) are spans below the entry, as is each answer of a probe. Ids follow from the run's id and what the span is,
/// so that the same events always give the same trace.
#[derive(Debug, Default)]
pub struct RunTrace {
    run_id: String,
    version: String,
    /// The wall clock at second 0 of the run, in nanoseconds since 1970.
    origin: Option<u64>,
    /// Times are on the run's clock until the end.
    spans: Vec<RunSpan>,
    entries: BTreeMap<String, EntrySpans>,
    last: u64,
    dropped_events: u64,
    dropped_spans: u64,
    is_over: bool,
}

/// The spans of an entry; each is its place in the list.
#[derive(Debug)]
struct EntrySpans {
    span: usize,
    /// The phase that goes on: wait, inject, hold or undo.
    phase: Option<(Phase, usize)>,
    /// When the last phase ended.
    since: u64,
    ended: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Wait,
    Inject,
    Hold,
    Undo,
}

impl Phase {
    fn name(self) -> &'static str {
        match self {
            Self::Wait => "wait for trigger",
            Self::Inject => "inject",
            Self::Hold => "hold",
            Self::Undo => "undo",
        }
    }
}

/// The trace of a run that is over.
#[derive(Debug, Clone, PartialEq)]
pub struct TracedRun {
    /// The id of the trace, never 0.
    pub trace_id: u128,
    /// The run's id.
    pub run_id: String,
    /// The version of the program that made the run.
    pub version: String,
    /// Its spans in the order in which they began to be known; the run itself comes first.
    pub spans: Vec<RunSpan>,
}

impl RunTrace {
    /// The trace of a run of which nothing is known yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next event of the run.
    pub fn record(&mut self, event: &Event) {
        let at = nanos(event.at_seconds);
        self.last = self.last.max(at);
        if self.spans.is_empty() {
            self.spans.push(span("run".to_owned(), at));
        }
        match &event.kind {
            EventKind::RunStarted { squall_version, task, run_id, seed, at_unix_seconds, .. } => {
                self.run_id.clone_from(run_id);
                self.version.clone_from(squall_version);
                self.origin = Some(nanos(*at_unix_seconds).saturating_sub(at));
                let root = &mut self.spans[0];
                root.name = task.as_ref().map_or_else(|| "run".to_owned(), |task| format!("run {task}"));
                root.attributes.push(("squall.run.id", run_id.as_str().into()));
                root.attributes.push(("squall.seed", RunSpanValue::Text(seed.to_string())));
            }
            EventKind::RunEnded { verdict } => self.ended(at, *verdict),
            EventKind::Dropped { events } => {
                self.dropped_events = self.dropped_events.saturating_add(*events);
                self.happened(0, at, &event.kind, Vec::new());
            }
            EventKind::Recovered { .. } => self.happened(0, at, &event.kind, Vec::new()),
            EventKind::Waiting { name, trigger, at_least_seconds } => {
                let path = event.path.clone();
                let entry = self.open(0, &path, "entry", &format!("entry {name}"), at);
                self.note(entry, "squall.entry.name", name.as_str().into());
                self.entries.insert(path, EntrySpans { span: entry, phase: None, since: at, ended: false });
                let wait = self.phase(&event.path, Phase::Wait, at);
                self.note(wait, "squall.trigger.type", trigger.as_str().into());
                self.note(wait, "squall.trigger.at_least_seconds", (*at_least_seconds).into());
            }
            EventKind::Ended { result } => self.entry_ended(&event.path, at, result),
            EventKind::Probed { role, probe, observation, took_seconds } => {
                let start = at.saturating_sub(nanos(took_seconds.unwrap_or(0.0)));
                self.probed(event, *role, probe, observation, start);
            }
            _ => self.within_entry(event, at),
        }
    }

    /// What happens while an entry goes on.
    fn within_entry(&mut self, event: &Event, at: u64) {
        let Some(path) = self.entry_of(&event.path) else { return self.happened(0, at, &event.kind, Vec::new()) };
        let path = path.to_owned();
        match &event.kind {
            EventKind::Fired { detail } => {
                let wait = self.current(&path);
                self.note(wait, "squall.trigger.detail", detail.as_str().into());
                self.close(&path, at);
            }
            EventKind::Injecting { fault } => {
                self.close(&path, at);
                let inject = self.phase(&path, Phase::Inject, at);
                self.note(inject, "squall.fault.type", fault.as_str().into());
            }
            EventKind::Active { evidence } => {
                self.close(&path, at);
                let hold = self.phase(&path, Phase::Hold, at);
                self.note(hold, "squall.evidence", evidence.summary.as_str().into());
            }
            EventKind::Holding { seconds } => {
                let hold = self.current(&path);
                self.note(hold, "squall.hold.planned_seconds", (*seconds).into());
            }
            EventKind::Looked { look, .. } => self.looked(&path, *look, event, at),
            EventKind::Undoing { steps } => {
                self.close(&path, at);
                let undo = self.phase(&path, Phase::Undo, at);
                self.note(undo, "squall.undo.steps", RunSpanValue::from(*steps as u64));
            }
            EventKind::Undid { step, undone, error } => {
                let (undo, since) = (self.current(&path), self.since(&path, at));
                let id = self.open(undo, &path, "step", step, since);
                self.end(id, at);
                match (undone, error) {
                    (_, Some(error)) => self.fail(id, error.clone()),
                    (Some(undone), None) => self.note(id, "squall.undo.found", undone.detail().into()),
                    (None, None) => {}
                }
                self.end(undo, at);
            }
            // Figures for a live display.
            EventKind::Progress { .. } => {}
            kind => {
                let current = self.current(&path);
                self.happened(current, at, kind, Vec::new());
            }
        }
    }

    /// A check of the world. The last of a hold ends it, and the one after the undo is a part of that.
    fn looked(&mut self, path: &str, look: LookAt, event: &Event, at: u64) {
        let phase = self.entries.get(path).and_then(|entry| entry.phase);
        if look == LookAt::AfterUndo && !matches!(phase, Some((Phase::Undo, _))) {
            // What only this process held was undone without a step.
            let since = if phase.is_some() { at } else { self.since(path, at) };
            self.close(path, since);
            self.phase(path, Phase::Undo, since);
        }
        let current = self.current(path);
        self.happened(current, at, &event.kind, Vec::new());
        match look {
            LookAt::EndOfHold => self.close(path, at),
            LookAt::AfterUndo => self.end(current, at),
            LookAt::BeforeInject | LookAt::AfterInject => {}
        }
    }

    fn probed(&mut self, event: &Event, role: ProbeRole, probe: &str, seen: &Observation, start: u64) {
        let parent = match self.entry_of(&event.path) {
            Some(path) => self.entries.get(path).map_or(0, |entry| entry.span),
            None => 0,
        };
        let start = start.max(self.spans[parent].start);
        let id = self.open(parent, &event.path, "probe", &format!("probe {probe}"), start);
        if id == 0 {
            return;
        }
        let at = nanos(event.at_seconds);
        self.end(id, at);
        self.note(id, "squall.probe.name", probe.into());
        self.note(id, "squall.probe.role", json_word(&role).into());
        self.note(id, "squall.probe.answer", json_word(&seen.answer).into());
        self.note(id, "squall.probe.detail", seen.detail.as_str().into());
        let text = |key: &str| seen.value.get(key).and_then(serde_json::Value::as_str).unwrap_or_default();
        self.spans[id].links.extend(link(text("trace_id"), text("span_id"), Vec::new()));
    }

    fn entry_ended(&mut self, path: &str, at: u64, result: &ChaosResult) {
        if !self.entries.contains_key(path) {
            // It ended before it waited for anything.
            let span = self.open(0, path, "entry", &format!("entry {}", result.name), at);
            self.note(span, "squall.entry.name", result.name.as_str().into());
            self.entries.insert(path.to_owned(), EntrySpans { span, phase: None, since: at, ended: false });
        }
        // An undo ended with its last step or check, not with what was asked afterwards.
        match self.entries.get(path).and_then(|entry| entry.phase) {
            Some((Phase::Undo, _)) => {}
            _ => self.close(path, at),
        }
        let Some(entry) = self.entries.get_mut(path) else { return };
        (entry.ended, entry.phase) = (true, None);
        let span = entry.span;
        if span == 0 {
            return;
        }
        self.note(span, "squall.entry.path", path.into());
        self.note(span, "squall.fault.type", result.injected_fault.as_str().into());
        self.note(span, "squall.verdict", result.verdict.word().into());
        self.note(span, "squall.success", result.success.into());
        self.note(span, "squall.reverted", json_word(&result.reverted).into());
        let times = [
            ("squall.time_to_detect_seconds", result.time_to_detect_seconds),
            ("squall.time_to_recover_seconds", result.time_to_recover_seconds),
        ];
        for (name, seconds) in times {
            if let Some(seconds) = seconds {
                self.note(span, name, seconds.into());
            }
        }
        for trace in result.load.iter().flat_map(|load| &load.traces) {
            let mut attributes: Attributes = vec![("squall.load.took_ms", trace.took_ms.into())];
            attributes.extend(trace.failure.as_deref().map(|why| ("squall.load.failure", why.into())));
            self.spans[span].links.extend(link(&trace.trace_id, &trace.span_id, attributes));
        }
        self.spans[span].status = status(result.verdict, result.error.as_deref());
        self.end(span, at);
    }

    fn ended(&mut self, at: u64, verdict: Verdict) {
        self.is_over = true;
        let root = &mut self.spans[0];
        root.end = at;
        root.attributes.push(("squall.verdict", verdict.word().into()));
        root.status = status(verdict, None);
    }

    /// The trace, with what is still open ended at the last event; `None` when nothing was told of the run.
    pub fn finish(mut self) -> Option<TracedRun> {
        if self.run_id.is_empty() {
            return None;
        }
        let open: Vec<usize> = self.entries.values().filter(|entry| !entry.ended).map(|entry| entry.span).collect();
        let cut_short = "the run's events ended before it did";
        for span in open {
            self.fail(span, cut_short.to_owned());
        }
        if !self.is_over {
            self.spans[0].status = RunSpanStatus::Error(cut_short.to_owned());
        }
        let counts = [("squall.dropped_events", self.dropped_events), ("squall.dropped_spans", self.dropped_spans)];
        for (name, count) in counts.into_iter().filter(|(_, count)| *count > 0) {
            self.spans[0].attributes.push((name, count.into()));
        }
        let (origin, last) = (self.origin.unwrap_or(0), self.last);
        for span in &mut self.spans {
            let end = if span.end == OPEN { last } else { span.end };
            span.end = origin.saturating_add(end.max(span.start));
            span.start = origin.saturating_add(span.start);
            span.events.iter_mut().for_each(|event| event.at = origin.saturating_add(event.at));
        }
        let trace_id = fnv128(self.run_id.as_bytes()).max(1);
        self.identify();
        Some(TracedRun { trace_id, run_id: self.run_id, version: self.version, spans: self.spans })
    }

    /// Gives the spans their ids, for which the run's own must be known: until then an id is a hash of what the span is.
    fn identify(&mut self) {
        let salt = fnv1a(self.run_id.as_bytes());
        let own = |id: u64| (id ^ salt).max(1);
        for span in &mut self.spans {
            span.id = own(span.id);
            span.parent = span.parent.map(own);
        }
    }

    /// The entry that a place belongs to.
    fn entry_of(&self, path: &str) -> Option<&str> {
        let mut place = path;
        loop {
            if let Some((known, _)) = self.entries.get_key_value(place) {
                return Some(known);
            }
            place = place.rsplit_once('/')?.0;
        }
    }

    /// The span of an entry's phase, or of the entry where none goes on.
    fn current(&self, path: &str) -> usize {
        self.entries.get(path).map_or(0, |entry| entry.phase.map_or(entry.span, |(_, span)| span))
    }

    fn since(&self, path: &str, at: u64) -> u64 {
        match self.entries.get(path).and_then(|entry| entry.phase.map(|phase| (entry, phase))) {
            Some((_, (Phase::Undo, span))) if self.spans[span].end != OPEN => self.spans[span].end,
            Some((_, (_, span))) => self.spans[span].start,
            None => self.entries.get(path).map_or(at, |entry| entry.since),
        }
    }

    /// Begins a phase of an entry.
    fn phase(&mut self, path: &str, phase: Phase, at: u64) -> usize {
        let parent = self.entries.get(path).map_or(0, |entry| entry.span);
        let id = self.open(parent, path, phase.name(), phase.name(), at);
        if let Some(entry) = self.entries.get_mut(path) {
            entry.phase = Some((phase, id));
        }
        id
    }

    /// Ends the phase of an entry.
    fn close(&mut self, path: &str, at: u64) {
        let Some(entry) = self.entries.get_mut(path) else { return };
        entry.since = at;
        if let Some((_, span)) = entry.phase.take() {
            self.end(span, at);
        }
    }

    /// Opens a span; the run's own where there are too many.
    fn open(&mut self, parent: usize, path: &str, kind: &str, name: &str, at: u64) -> usize {
        if self.spans.len() >= MOST_SPANS {
            self.dropped_spans += 1;
            return 0;
        }
        let place = self.spans.len();
        let id = fnv1a(format!("{path}\0{kind}\0{place}").as_bytes());
        let parent = Some(self.spans[parent].id);
        self.spans.push(RunSpan { id, parent, ..span(name.to_owned(), at) });
        place
    }

    fn end(&mut self, span: usize, at: u64) {
        if span != 0 {
            self.spans[span].end = at;
        }
    }

    fn note(&mut self, span: usize, name: &'static str, value: RunSpanValue) {
        if span != 0 {
            self.spans[span].attributes.push((name, value));
        }
    }

    fn fail(&mut self, span: usize, why: String) {
        if span != 0 {
            self.spans[span].status = RunSpanStatus::Error(why);
        }
    }

    fn happened(&mut self, span: usize, at: u64, kind: &EventKind, attributes: Attributes) {
        let events = &mut self.spans[span].events;
        if events.len() >= MOST_EVENTS {
            self.dropped_events = self.dropped_events.saturating_add(1);
            return;
        }
        let mut event = RunSpanEvent { name: kind.name().to_owned(), at, attributes };
        let detail = kind.detail();
        if !detail.is_empty() {
            event.attributes.push(("squall.detail", detail.into()));
        }
        events.push(event);
    }
}

/// The end of a span that has none yet.
const OPEN: u64 = u64::MAX;

fn span(name: String, start: u64) -> RunSpan {
    RunSpan {
        id: fnv1a(b"run"),
        parent: None,
        name,
        start,
        end: OPEN,
        attributes: Vec::new(),
        events: Vec::new(),
        links: Vec::new(),
        status: RunSpanStatus::Unset,
    }
}

/// A pass is a pass only where a probe said so; what could not be judged is an error.
fn status(verdict: Verdict, why: Option<&str>) -> RunSpanStatus {
    match verdict {
        Verdict::Held => RunSpanStatus::Ok,
        Verdict::Unchecked => RunSpanStatus::Unset,
        bad => RunSpanStatus::Error(why.map_or_else(|| bad.word().to_owned(), |why| format!("{}: {why}", bad.word()))),
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a negative or too large time is the nearest one"
)]
fn nanos(seconds: f64) -> u64 {
    (seconds * NANOS).round() as u64
}

/// FNV-1a, 128 bit.
fn fnv128(bytes: &[u8]) -> u128 {
    let step =
        |hash: u128, byte: &u8| (hash ^ u128::from(*byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b);
    bytes.iter().fold(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d, step)
}

#[cfg(test)]
mod tests;
