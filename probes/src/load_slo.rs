//! The probe that holds the figures of a load against a service level objective.

mod phases;
mod ratio;
mod settled;

use std::num::NonZeroU64;
use std::time::Duration;

use chaos_core::{
    Answer, DEFAULT_ERROR_RATIO, DurationText, FailureCauses, FaultEdges, LoadSlice, NotToldApart, Observation,
    PluginError, PostedLoad, Probe, Reach, RunContext, RunLoads, register_probe,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

pub use phases::LoadPhase;
pub use ratio::{Ratio, RatioError};
pub use settled::{Percent, PercentError, Settled, SettlingTime, SettlingTimeError};
use settled::{Reading, Readings};

/// Fewest calls on which a share is judged: with less, one request more or less decides.
const LEAST: u64 = 10;

/// Holds the response times, errors and rate of a load of the same run against what they should be.
///
/// # What it reads
/// A load of this run, while it goes on (refreshed each second) and after its end. Every request belongs to the phase in
/// which it was *due*: `before` the other fault, `during` it, `after` it, with the edges where the engine's checks found
/// the fault come and go; the moments between two checks belong to none of the three. Response times count from the time
/// at which a request was due, and one that hangs counts as slower than a limit once it has been due for longer.
///
/// A limit of the response time is held against the requests that were answered well and those that were given up at the
/// load's timeout; a service that fails fast does not meet it. With such a limit and no `error_ratio_below`, at most 1 % of
/// the requests may fail.
///
/// As a condition, such as the probe of a trigger: `after_requests` waits until enough were made, and `settled` until the load has come to
/// rest. Its rate, over each second or more between two readings, and each percentile that has a limit, over all requests so far, must have stayed
/// within `within_percent` of their mean for `for_seconds`. A reading is taken when the probe is asked, so ask it every second or more often.
///
/// # Answers
/// Yes when every limit holds. No when one does not. Unknown when no limit is given, there is no such load, or the fault
/// was not in that phase, or fewer requests than `after_requests` have ended, or the load has not been read for `for_seconds` yet, or requests that were given up before the limit would decide, or there are too few requests:
/// for a percentile at least as many that one lies above it (10 for p90, 100 for p99, 1,000 for p99.9), for a ratio 10.
/// The observation's value has the figures.
///
/// # Limits
/// A load ends by itself, so give it the time that the other fault and its aftermath need. As a `during` probe of the
/// other fault take `phase: all`: at its first check the phase `during` has no requests yet, which is unknown. `verify` and
/// `mode: converge` are the places for single phases.
///
/// # Example
/// ```yaml
/// type: load_slo
/// phase: during
/// of: Pause the database
/// response_p99_below: 250ms
/// error_ratio_below: 0.01
/// achieved_ratio_above: 0.95
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LoadSlo {
    /// Which requests are judged.
    #[serde(default)]
    pub phase: LoadPhase,
    /// Name of the entry, or of the fault of a soak, whose fault makes the phases; without it any other fault of the run does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<String>,
    /// Name of the entry that makes the load; needed where a run has several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load: Option<String>,
    /// Half of the requests must take less.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_p50_below: Option<DurationText>,
    /// 90 of 100 requests must take less.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_p90_below: Option<DurationText>,
    /// 99 of 100 requests must take less.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_p99_below: Option<DurationText>,
    /// 999 of 1,000 requests must take less.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_p999_below: Option<DurationText>,
    /// The share of failed requests, of those that ended, must be below this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_ratio_below: Option<Ratio>,
    /// The share of requests that ended, of those that were due, must be above this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub achieved_ratio_above: Option<Ratio>,
    /// Until so many requests have ended the answer is unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub after_requests: Option<NonZeroU64>,
    /// The rate and the percentiles that have limits must have stayed where they are for a time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settled: Option<Settled>,
}

impl Probe for LoadSlo {
    async fn observe(&self, cx: &RunContext) -> Observation {
        self.judge(cx).unwrap_or_else(|why| Observation::unknown(why.to_string()))
    }

    fn reach(&self) -> Result<Reach, PluginError> {
        let has_limit = self.percentiles().next().is_some()
            || self.error_ratio_below.or(self.achieved_ratio_above).is_some()
            || self.after_requests.is_some()
            || self.settled.is_some();
        if !has_limit {
            let why = "`load_slo` has no limit; write one, such as `response_p99_below: 250ms`";
            return Err(PluginError::refused(why));
        }
        Ok(Reach::default())
    }
}

register_probe!(LoadSlo, "load_slo");

impl LoadSlo {
    /// What was seen, or why nothing can be told.
    fn judge(&self, cx: &RunContext) -> Result<Observation, Unjudged> {
        self.reach()?;
        let load = self.posted(cx)?;
        let segments = self.phase.segments(&load.figures.segments(), self.of.as_deref())?;
        if segments.is_empty() {
            return Err(self.no_such_phase(cx));
        }
        let mut sum = Sum { answer: Answer::Yes, words: Vec::new(), value: Map::new() };
        let whole = load.figures.slice(&segments, 99.0, Duration::MAX);
        let slices: Vec<_> = self
            .percentiles()
            .map(|(name, percentile, below)| {
                (name, percentile, below, load.figures.slice(&segments, percentile, below))
            })
            .collect();
        // Read whatever else is asked: the time counts from the first reading.
        let settled = self.settled.as_ref().map(|settled| {
            let percentiles = slices.iter().map(|(name, .., slice)| (*name, slice.ok_response)).collect();
            let reading = Reading { at: whole.elapsed, completed: whole.completed, percentiles };
            settled.judge(&cx.services().get::<Readings>(), cx, reading)
        });
        if let Some(least) = self.after_requests {
            let words = format!("{} of {least} requests have ended", whole.completed);
            if whole.completed < least.get() {
                return Err(Unjudged::TooFew(words));
            }
            sum.add(Answer::Yes, words);
        }
        if let Some((answer, words)) = settled {
            sum.add(answer, words);
        }
        for (name, percentile, below, slice) in &slices {
            sum.percentile(name, *percentile, *below, slice);
        }
        match self.error_ratio_below {
            Some(below) => sum.errors(&whole, |ratio| ratio < below.get()),
            // Few requests of which none failed are no reason to doubt the percentiles, which count their own.
            None if whole.errors > 0 && self.percentiles().next().is_some() => {
                sum.errors(&whole, |ratio| ratio <= DEFAULT_ERROR_RATIO);
            }
            None => {}
        }
        if let Some(above) = self.achieved_ratio_above {
            let due = whole.scheduled.unwrap_or(0);
            sum.ratio("achieved_ratio", share(whole.completed, due), due, |ratio| ratio > above.get());
        }
        sum.value.insert("scheduled".to_owned(), json!(whole.scheduled));
        sum.value.insert("completed".to_owned(), json!(whole.completed));
        sum.value.insert("errors".to_owned(), json!(whole.errors));
        let detail = format!("{} of `{}`: {}", self.phase.word(), load.entry.name, sum.words.join("; "));
        Ok(Observation { answer: sum.answer, value: Value::Object(sum.value), detail })
    }

    fn percentiles(&self) -> impl Iterator<Item = (&'static str, f64, Duration)> {
        let all = [
            ("p50", 50.0, self.response_p50_below),
            ("p90", 90.0, self.response_p90_below),
            ("p99", 99.0, self.response_p99_below),
            ("p999", 99.9, self.response_p999_below),
        ];
        all.into_iter().filter_map(|(name, percentile, below)| Some((name, percentile, below?.get())))
    }

    fn posted(&self, cx: &RunContext) -> Result<PostedLoad, Unjudged> {
        let mut loads = cx.services().get::<RunLoads>().all();
        if let Some(name) = &self.load {
            loads.retain(|load| load.entry.name == *name);
        }
        match (loads.pop(), loads.is_empty(), &self.load) {
            (Some(load), true, _) => Ok(load),
            (Some(_), false, _) => Err(Unjudged::SeveralLoads),
            (None, _, Some(name)) => Err(Unjudged::NoLoadOf(name.clone())),
            (None, _, None) => Err(Unjudged::NoLoad),
        }
    }

    fn no_such_phase(&self, cx: &RunContext) -> Unjudged {
        let phase = self.phase.word();
        let Some(name) = self.of.clone() else { return Unjudged::NoPhase { phase } };
        let entries = cx.services().get::<FaultEdges>().entries();
        if entries.iter().any(|entry| entry.fault_name() == name) {
            return Unjudged::NoPhaseOf { name, phase };
        }
        let mut known: Vec<&str> = entries.iter().map(|entry| entry.fault_name()).collect();
        known.dedup();
        Unjudged::UnknownEntry { name, known: known.join(", ") }
    }
}

/// Why a load can't be judged.
#[derive(Debug, thiserror::Error)]
enum Unjudged {
    #[error(transparent)]
    NoLimit(#[from] PluginError),
    #[error("{0}")]
    TooFew(String),
    #[error("no load has begun in this run")]
    NoLoad,
    #[error("no load of an entry `{0}` has begun")]
    NoLoadOf(String),
    #[error("the run has several such loads; name one entry with `load`")]
    SeveralLoads,
    #[error(transparent)]
    NotToldApart(#[from] NotToldApart),
    #[error("no other fault has come to the phase `{phase}`")]
    NoPhase { phase: &'static str },
    #[error("the fault of `{name}` has not come to the phase `{phase}`")]
    NoPhaseOf { name: String, phase: &'static str },
    #[error("unknown entry `{name}`; known: {known}")]
    UnknownEntry { name: String, known: String },
}

/// The answers of single limits as one.
struct Sum {
    answer: Answer,
    words: Vec<String>,
    value: Map<String, Value>,
}

impl Sum {
    fn percentile(&mut self, name: &str, percentile: f64, below: Duration, slice: &LoadSlice) {
        let Slower { known, undecided, judged } = Slower::of(slice, below);
        let allowed = 1.0 - percentile / 100.0;
        // Rounded, since 1 - 0.999 is not exactly a thousandth.
        let least = (1.0 / allowed).round();
        #[expect(clippy::cast_precision_loss, reason = "exact below 2^52 requests")]
        let (holds, enough) = (|slower: u64| slower as f64 <= allowed * judged as f64 + 1e-9, judged as f64 >= least);
        let limit = DurationText::from(below);
        let millis = slice.ok_response.map(|time| time.as_secs_f64() * 1e3);
        let measured = millis.map(|millis| format!(" ({millis:.1} ms)")).unwrap_or_default();
        self.value.insert(format!("response_{name}_ms"), json!(millis));
        self.value.insert(format!("slower_than_{limit}"), json!(known));
        let words = format!("{known} of {judged} requests above {limit}, {name} of those answered well{measured}");
        match (holds(known), holds(known + undecided)) {
            _ if !enough => self.add(Answer::Unknown, format!("{words}: too few for {name}, which needs {least}")),
            (true, true) => self.add(Answer::Yes, words),
            (true, false) => {
                let timeout = DurationText::from(slice.timeout.unwrap_or_default());
                let more = format!("{undecided} more were given up after {timeout}, before the limit");
                self.add(Answer::Unknown, format!("{words}; {more}: give the load a longer `timeout_seconds`"));
            }
            (false, _) => self.add(Answer::No, words),
        }
    }

    fn errors(&mut self, whole: &LoadSlice, holds: impl FnOnce(f64) -> bool) {
        self.ratio("error_ratio", share(whole.errors, whole.completed), whole.completed, holds);
        if let Some(words) = self.words.last_mut().filter(|_| !whole.failures.is_empty()) {
            *words = format!("{words}: {}", FailureCauses(&whole.failures));
        }
    }

    fn ratio(&mut self, name: &str, ratio: f64, of: u64, holds: impl FnOnce(f64) -> bool) {
        self.value.insert(name.to_owned(), json!(ratio));
        let words = format!("{name} {ratio:.4} of {of} requests");
        match of {
            LEAST.. if holds(ratio) => self.add(Answer::Yes, words),
            LEAST.. => self.add(Answer::No, words),
            _ => self.add(Answer::Unknown, format!("{words}: too few, it needs {LEAST}")),
        }
    }

    fn add(&mut self, answer: Answer, words: String) {
        self.answer = self.answer.and(answer);
        self.words.push(words);
    }
}

/// The requests that a limit of the response time is held against, and those of them that are above it.
struct Slower {
    known: u64,
    /// Given up before the limit: they may be above it.
    undecided: u64,
    judged: u64,
}

impl Slower {
    /// A request that failed otherwise than by its timeout has no say: it was not served, however fast.
    fn of(slice: &LoadSlice, below: Duration) -> Self {
        let ok = slice.completed.saturating_sub(slice.errors);
        let (given_up, overdue) = (slice.timed_out(), slice.judged.saturating_sub(slice.completed));
        let above = slice.timeout.is_some_and(|timeout| timeout >= below);
        let (known, undecided) = if above { (given_up, 0) } else { (0, given_up) };
        Self { known: slice.ok_slower + overdue + known, undecided, judged: ok + given_up + overdue }
    }
}

#[expect(clippy::cast_precision_loss, reason = "exact below 2^52 requests")]
fn share(part: u64, of: u64) -> f64 {
    if of == 0 { 0.0 } else { part as f64 / of as f64 }
}

#[cfg(test)]
mod tests;
