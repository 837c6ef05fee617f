//! The metrics of runs: their events in, a page of text out.

use std::collections::BTreeMap;

use chaos_core::{ChaosResult, Event, EventKind, LoadProgress, LoadReport, Progress, Undone};

use super::exposition::{Kind, Page, TextFormat};
use super::json_word::json_word;
use super::label_sets::LabelSets;

/// Upper bounds of the histograms, in seconds; those of Prometheus' clients, and two below for services on this machine.
const BOUNDS: [f64; 13] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// Metrics of the runs of one program, by their events.
///
/// Labels are names of entries and fault types, roles, answers and verdicts; never an id of a run. Of each family at most 200
/// sets of labels are kept, the others are counted as `other`.
#[derive(Debug)]
pub struct RunMetrics {
    runs_started: u64,
    runs: LabelSets<u64, 1>,
    /// The entries of the runs that go on, by their place.
    entries: BTreeMap<String, LiveEntry>,
    ended: LabelSets<u64, 1>,
    injections: LabelSets<u64, 1>,
    undo_steps: LabelSets<u64, 1>,
    aborts: u64,
    probes: LabelSets<u64, 2>,
    probe_seconds: LabelSets<Histogram, 1>,
    loads: LabelSets<Load, 1>,
    load_statuses: LabelSets<u64, 2>,
    load_failures: LabelSets<u64, 2>,
    dropped: u64,
}

/// An entry that goes on.
#[derive(Debug)]
struct LiveEntry {
    name: String,
    state: State,
    fault: String,
    in_force: bool,
}

/// Where an entry stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Waiting,
    Fired,
    Injecting,
    Active,
    Undoing,
}

impl State {
    const ALL: [Self; 5] = [Self::Waiting, Self::Fired, Self::Injecting, Self::Active, Self::Undoing];

    fn word(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Fired => "fired",
            Self::Injecting => "injecting",
            Self::Active => "active",
            Self::Undoing => "undoing",
        }
    }
}

/// Times by bounds.
#[derive(Debug, Clone, Default)]
struct Histogram {
    buckets: [u64; BOUNDS.len()],
    sum: f64,
    count: u64,
}

impl Histogram {
    fn add(&mut self, seconds: f64, times: u64) {
        if let Some(place) = BOUNDS.iter().position(|bound| seconds <= *bound) {
            self.buckets[place] += times;
        }
        self.count += times;
    }

    fn rows(&self) -> Vec<(f64, u64)> {
        BOUNDS.into_iter().zip(self.buckets).collect()
    }
}

/// The loads of one entry's name.
#[derive(Debug, Clone, Default)]
struct Load {
    /// Of loads that are over.
    over: LoadCounts,
    /// Of the load that goes on.
    going_on: LoadCounts,
    rate: f64,
    p50: f64,
    p99: f64,
    service: Histogram,
}

#[derive(Debug, Clone, Copy, Default)]
struct LoadCounts {
    completed: u64,
    errors: u64,
    retries: u64,
}

impl Load {
    fn progress(&mut self, now: &LoadProgress) {
        self.going_on = LoadCounts { completed: now.completed, errors: now.errors, retries: now.retries };
        (self.rate, self.p50, self.p99) = (now.achieved_qps, now.p50_ms / 1e3, now.p99_ms / 1e3);
    }

    /// Its last figures count from now on, whatever was known while it went on.
    fn ended(&mut self, last: LoadCounts) {
        self.over.completed += last.completed;
        self.over.errors += last.errors;
        self.over.retries += last.retries;
        (self.going_on, self.rate) = (LoadCounts::default(), 0.0);
    }
}

impl Default for RunMetrics {
    fn default() -> Self {
        Self {
            runs_started: 0,
            runs: LabelSets::new(),
            entries: BTreeMap::new(),
            ended: LabelSets::new(),
            injections: LabelSets::new(),
            undo_steps: LabelSets::new(),
            aborts: 0,
            probes: LabelSets::new(),
            probe_seconds: LabelSets::new(),
            loads: LabelSets::new(),
            load_statuses: LabelSets::new(),
            load_failures: LabelSets::new(),
            dropped: 0,
        }
    }
}

/// A figure of a load.
type Count = fn(&LoadCounts) -> u64;

impl RunMetrics {
    /// Metrics of no run yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts an event. Several runs may come one after the other.
    pub fn record(&mut self, event: &Event) {
        match &event.kind {
            EventKind::RunStarted { .. } => {
                self.runs_started += 1;
                self.over();
            }
            EventKind::RunEnded { verdict } => {
                *self.runs.of([verdict.word()]) += 1;
                self.over();
            }
            EventKind::Waiting { name, .. } => {
                let (name, fault) = (name.clone(), String::new());
                self.entries
                    .insert(event.path.clone(), LiveEntry { name, state: State::Waiting, fault, in_force: false });
            }
            EventKind::Fired { .. } => self.moved(&event.path, State::Fired),
            EventKind::Injecting { fault } => {
                *self.injections.of([fault]) += 1;
                if let Some(entry) = self.entries.get_mut(&event.path) {
                    entry.fault.clone_from(fault);
                }
                self.moved(&event.path, State::Injecting);
            }
            EventKind::Active { .. } => {
                self.moved(&event.path, State::Active);
                if let Some(entry) = self.entry(&event.path) {
                    entry.in_force = true;
                }
            }
            // In force until it is shown that it is not.
            EventKind::Undoing { .. } => self.moved(&event.path, State::Undoing),
            EventKind::Undid { undone, .. } => {
                let outcome = match undone {
                    Some(Undone::Reverted(_)) => "reverted",
                    Some(Undone::NothingToDo(_)) => "nothing_to_do",
                    None => "failed",
                };
                *self.undo_steps.of([outcome]) += 1;
            }
            EventKind::Aborted { .. } => self.aborts += 1,
            EventKind::Probed { role, observation, took_seconds, .. } => {
                let role = json_word(role);
                *self.probes.of([&role, &json_word(&observation.answer)]) += 1;
                if let Some(took) = took_seconds {
                    let histogram = self.probe_seconds.of([&role]);
                    histogram.add(*took, 1);
                    histogram.sum += took;
                }
            }
            EventKind::Progress { progress: Progress::Load(progress) } => {
                if let Some(name) = self.entry(&event.path).map(|entry| entry.name.clone()) {
                    self.loads.of([&name]).progress(progress);
                }
            }
            EventKind::Ended { result } => self.entry_ended(&event.path, result),
            EventKind::Dropped { events } => self.dropped += events,
            _ => {}
        }
    }

    fn moved(&mut self, path: &str, state: State) {
        if let Some(entry) = self.entry(path) {
            entry.state = state;
        }
    }

    /// The entry that a place belongs to.
    fn entry(&mut self, path: &str) -> Option<&mut LiveEntry> {
        let mut place = path;
        while !self.entries.contains_key(place) {
            place = place.rsplit_once('/')?.0;
        }
        self.entries.get_mut(place)
    }

    fn entry_ended(&mut self, path: &str, result: &ChaosResult) {
        *self.ended.of([result.verdict.word()]) += 1;
        self.entries.remove(path);
        if let Some(report) = &result.load {
            self.load_ended(&result.name, report);
        }
    }

    fn load_ended(&mut self, name: &str, report: &LoadReport) {
        let counts = &report.counts;
        let load = self.loads.of([name]);
        load.ended(LoadCounts { completed: counts.completed, errors: counts.errors, retries: counts.retries });
        for bucket in &report.service_buckets {
            // By the upper end of its bucket: never faster than it was.
            load.service.add(bucket.end_ms / 1e3, bucket.count);
        }
        #[expect(clippy::cast_precision_loss, reason = "exact below 2^52 requests")]
        let requests = report.service.count as f64;
        load.service.sum += report.service.mean_ms / 1e3 * requests;
        for row in &report.statuses {
            *self.load_statuses.of([name, &row.status.to_string()]) += row.count;
        }
        for failure in &report.failures {
            *self.load_failures.of([name, &json_word(&failure.kind)]) += failure.count;
        }
    }

    /// What goes on ends with its run, whatever was told of it.
    fn over(&mut self) {
        self.entries.clear();
        for load in self.loads.values_mut() {
            load.ended(load.going_on);
        }
    }

    /// The page of all metrics.
    pub fn text(&self, format: TextFormat) -> String {
        let mut page = Page::new(format);
        page.family("squall_build_info", Kind::Gauge, "The version of Squall, as a label.");
        page.sample(&[("version", env!("CARGO_PKG_VERSION"))], 1);
        page.family("squall_runs_started", Kind::Counter, "Runs that began.");
        page.sample(&[], self.runs_started);
        let family = Family { page: &mut page, kind: Kind::Counter };
        family.one("squall_runs", "Runs that ended, by verdict.", "verdict", &self.runs);
        self.live(&mut page);
        let one: [(&'static str, &str, &str, &LabelSets<u64, 1>); 3] = [
            ("squall_entries_ended", "Entries that ended, by verdict.", "verdict", &self.ended),
            ("squall_injections", "Injections that began, by fault type.", "fault", &self.injections),
            ("squall_undo_steps", "Undo steps that ran, by what they found.", "outcome", &self.undo_steps),
        ];
        for (name, help, label, sets) in one {
            Family { page: &mut page, kind: Kind::Counter }.one(name, help, label, sets);
        }
        page.family("squall_aborts", Kind::Counter, "Faults that were undone before their time.");
        page.sample(&[], self.aborts);
        page.family("squall_probes", Kind::Counter, "Answers of probes, by role and answer.");
        for ([role, answer], count) in self.probes.iter() {
            page.sample(&[("role", role), ("answer", answer)], count);
        }
        page.family("squall_probe_duration_seconds", Kind::Histogram, "How long the answers of probes took.");
        for ([role], times) in self.probe_seconds.iter() {
            page.histogram(&[("role", role)], &times.rows(), times.sum, times.count);
        }
        self.load_text(&mut page);
        page.family("squall_events_dropped", Kind::Counter, "Events that were lost before they were counted here.");
        page.sample(&[], self.dropped);
        page.finish()
    }

    /// What goes on now.
    fn live(&self, page: &mut Page) {
        page.family("squall_entries", Kind::Gauge, "Entries that go on, by state.");
        for state in State::ALL {
            let count = self.entries.values().filter(|entry| entry.state == state).count();
            page.sample(&[("state", state.word())], count);
        }
        let mut in_force = LabelSets::<u64, 2>::new();
        for entry in self.entries.values().filter(|entry| entry.in_force) {
            *in_force.of([&entry.name, &entry.fault]) += 1;
        }
        page.family("squall_faults_in_force", Kind::Gauge, "Faults in force or being undone, by entry and fault type.");
        for ([entry, fault], count) in in_force.iter() {
            page.sample(&[("entry", entry), ("fault", fault)], count);
        }
    }

    fn load_text(&self, page: &mut Page) {
        let counters: [(&'static str, &str, Count); 3] = [
            ("squall_load_requests", "Requests of loads that ended.", |counts| counts.completed),
            ("squall_load_errors", "Requests of loads that failed, or got an error status.", |counts| counts.errors),
            ("squall_load_retries", "Requests of loads that were sent once more.", |counts| counts.retries),
        ];
        for (name, help, of) in counters {
            page.family(name, Kind::Counter, help);
            for ([entry], load) in self.loads.iter() {
                page.sample(&[("entry", entry)], of(&load.over) + of(&load.going_on));
            }
        }
        page.family("squall_load_rate", Kind::Gauge, "Requests a second of loads that go on.");
        for ([entry], load) in self.loads.iter() {
            page.sample(&[("entry", entry)], load.rate);
        }
        page.family("squall_load_response_quantile_seconds", Kind::Gauge, "Response times of the last load so far.");
        for ([entry], load) in self.loads.iter() {
            page.sample(&[("entry", entry), ("quantile", "0.5")], load.p50);
            page.sample(&[("entry", entry), ("quantile", "0.99")], load.p99);
        }
        let two = [
            ("squall_load_answers", "Answers to loads that are over, by status.", "status", &self.load_statuses),
            ("squall_load_failures", "Failures of loads that are over, by kind.", "kind", &self.load_failures),
        ];
        for (name, help, label, sets) in two {
            page.family(name, Kind::Counter, help);
            for ([entry, value], count) in sets.iter() {
                page.sample(&[("entry", entry), (label, value)], count);
            }
        }
        page.family("squall_load_service_seconds", Kind::Histogram, "Service times of loads that are over.");
        for ([entry], load) in self.loads.iter() {
            page.histogram(&[("entry", entry)], &load.service.rows(), load.service.sum, load.service.count);
        }
    }
}

/// A family with one label.
struct Family<'a> {
    page: &'a mut Page,
    kind: Kind,
}

impl Family<'_> {
    fn one(self, name: &'static str, help: &str, label: &str, sets: &LabelSets<u64, 1>) {
        self.page.family(name, self.kind, help);
        for ([value], count) in sets.iter() {
            self.page.sample(&[(label, value)], count);
        }
    }
}

#[cfg(test)]
pub(super) mod tests;
