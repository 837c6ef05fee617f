//! One series: its samples in order, and what can be said of it in a window.

use std::collections::VecDeque;

use super::exponential::{ExponentialBuckets, in_common};
use super::origin::Origin;
use super::refused::Refused;
use super::sample::{MetricKind, Reading};
use crate::{Bounds, Moment, Text, Window};

/// How old the last sample may be, for `value`: as long as Prometheus looks back.
const STALE: std::time::Duration = std::time::Duration::from_mins(5);

/// What is asked of each series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ask {
    /// The last number in the window.
    Value,
    /// How far a counter rose in the window.
    Increase,
    /// How far it rose a second.
    Rate,
}

/// A series.
#[derive(Debug)]
pub(super) struct Series {
    pub(super) source: Text,
    pub(super) origin: usize,
    pub(super) labels: Box<[(Text, Text)]>,
    pub(super) kind: MetricKind,
    pub(super) samples: VecDeque<(Moment, f64)>,
    /// Of an exponential histogram, the buckets of each sample; `None` where nothing was counted.
    pub(super) spreads: VecDeque<Option<Box<ExponentialBuckets>>>,
    /// What was added to these.
    pub(super) spread: Option<Box<ExponentialBuckets>>,
    /// The sum of what was added.
    pub(super) total: f64,
    /// When the last batch with it arrived.
    pub(super) seen: Moment,
    /// The last moment of which a sample was dropped to make room.
    pub(super) lost_until: Option<Moment>,
}

/// What can be said of one series.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Said {
    pub(super) bounds: Bounds,
    /// How many samples it rests on.
    pub(super) samples: usize,
    /// Why it is not exact, where a reason is known.
    pub(super) why: Option<&'static str>,
}

impl Series {
    /// What a reading comes to after what it has: the number, and the buckets of an exponential histogram.
    pub(super) fn read(&self, reading: &Reading) -> Result<(f64, Option<Box<ExponentialBuckets>>), Refused> {
        let settled = |spread: &ExponentialBuckets| spread.clone().settled().ok_or(Refused::NotANumber);
        let counted = |spread: ExponentialBuckets| (spread.count(), Some(Box::new(spread)));
        match reading {
            Reading::Is(value) => Ok((*value, None)),
            Reading::Adds(more) if more.is_finite() => Ok((self.total + more, None)),
            Reading::Adds(_) => Err(Refused::NotANumber),
            Reading::Spread(spread) => settled(spread).map(counted),
            Reading::AddsSpread(more) => {
                let mut sum = self.spread.as_deref().cloned().unwrap_or_else(ExponentialBuckets::finest);
                sum.add(settled(more)?);
                Ok(counted(sum))
            }
        }
    }

    /// Adds a sample, and the buckets of an exponential histogram.
    pub(super) fn push(&mut self, at: Moment, value: f64, spread: Option<Box<ExponentialBuckets>>) {
        self.samples.push_back((at, value));
        if spread.is_some() || !self.spreads.is_empty() {
            // What came before it, such as the zero that it began with, had counted nothing.
            self.spreads.resize_with(self.samples.len() - 1, || None);
            self.spreads.push_back(spread);
        }
    }

    /// Drops the oldest sample; gives how many buckets went with it.
    pub(super) fn pop(&mut self) -> usize {
        if let Some((at, _)) = self.samples.pop_front() {
            self.lost_until = Some(at);
        }
        self.spreads.pop_front().flatten().map_or(0, |spread| spread.len())
    }

    /// Of an exponential histogram, what can be said of each of its buckets in the window, with its end.
    pub(super) fn say_of_buckets(&self, ask: Ask, window: Window, origin: &Origin) -> Vec<(f64, Said)> {
        // What counts in a window is what is in it and one sample before.
        let start = self.samples.partition_point(|(at, _)| *at < window.from).saturating_sub(1);
        let until = self.samples.partition_point(|(at, _)| *at <= window.to).max(start);
        let times = || self.samples.range(start..until).map(|(at, _)| *at);
        let spreads: Vec<_> = self.spreads.range(start..until).map(Option::as_deref).collect();
        let of_bucket = |(end, counts): (f64, Vec<f64>)| {
            let bucket = Self {
                source: self.source,
                origin: self.origin,
                labels: Box::default(),
                kind: self.kind,
                samples: times().zip(counts).collect(),
                spreads: VecDeque::new(),
                spread: None,
                total: 0.0,
                seen: self.seen,
                lost_until: self.lost_until,
            };
            Some((end, bucket.say(ask, window, origin)?))
        };
        in_common(&spreads).into_iter().filter_map(of_bucket).collect()
    }

    /// What can be said of it; `None` where it is over, or has not begun.
    pub(super) fn say(&self, ask: Ask, window: Window, origin: &Origin) -> Option<Said> {
        match ask {
            Ask::Value => self.value(window, origin),
            Ask::Increase => self.rise(window, origin).map(|rise| rise.increase()),
            Ask::Rate => self.rise(window, origin).map(|rise| rise.rate()),
        }
    }

    fn value(&self, window: Window, origin: &Origin) -> Option<Said> {
        let unknown = |why| Some(Said { bounds: Bounds::ANY, samples: 0, why: Some(why) });
        let last = self.samples.iter().rev().find(|(at, _)| *at <= window.to);
        let Some((at, value)) = last.copied() else {
            return if self.lost_until.is_some() { unknown("its samples were dropped") } else { None };
        };
        if origin.is_over(self.seen) {
            return None;
        }
        if origin.is_silent(window.to) {
            return unknown("the target does not answer");
        }
        if at < window.from {
            return unknown("no sample yet in the window");
        }
        if window.to.since(at) > STALE {
            return unknown("its last sample is older than five minutes");
        }
        let why = value.is_nan().then_some("its value is not a number");
        Some(Said { bounds: Bounds::exact(value), samples: 1, why })
    }

    fn rise(&self, window: Window, origin: &Origin) -> Option<Rise> {
        let from = window.from.max(origin.first);
        let until = self.samples.partition_point(|(at, _)| *at <= window.to);
        let start = self.samples.partition_point(|(at, _)| *at < from).min(until);
        let inside = || self.samples.range(start..until).copied();
        let before = start.checked_sub(1).and_then(|at| self.samples.get(at)).copied();
        if start == until && (before.is_none() || origin.is_over(self.seen)) {
            return None;
        }
        let mut rise = Rise { samples: until - start, ..Rise::default() };
        let mut last = None;
        for (at, value) in inside() {
            if let Some((_, earlier)) = last {
                rise.step(earlier, value);
            } else {
                rise.first = Some(at);
                rise.begin(before, (at, value), from, self.kind);
            }
            last = Some((at, value));
        }
        rise.last = last.map(|(at, _)| at);
        let since = before.filter(|_| rise.first != Some(from)).map_or(from, |(at, _)| at);
        if rise.samples == 0 {
            rise.open("no sample yet in the window");
        } else if self.lost_until.is_some_and(|lost| lost >= from) {
            rise.open("samples of it were dropped");
        } else if origin.was_silent(Window { from: since, to: window.to }) {
            rise.open("the target did not answer for a while");
        } else if rise.last.is_some_and(|last| window.to.since(last) > STALE) {
            rise.open("its last sample is older than five minutes");
        }
        Some(rise)
    }
}

/// How far a counter rose, as far as its samples tell.
#[derive(Debug, Default)]
struct Rise {
    /// Between the samples in the window.
    seen: f64,
    /// Between the sample before the window and the first in it: some of this may have been before the window.
    edge: f64,
    /// When the sample before the window was, as far as one counts.
    base: Option<Moment>,
    first: Option<Moment>,
    last: Option<Moment>,
    samples: usize,
    /// Why it may have risen by more.
    open: Option<&'static str>,
}

impl Rise {
    fn open(&mut self, why: &'static str) {
        self.open = self.open.or(Some(why));
    }

    /// From the last sample before the window to the first in it.
    fn begin(&mut self, before: Option<(Moment, f64)>, first: (Moment, f64), from: Moment, kind: MetricKind) {
        match before {
            _ if first.0 == from => {}
            Some((at, value)) if value <= first.1 => {
                self.edge = first.1 - value;
                self.base = Some(at);
            }
            Some((at, _)) => {
                self.edge = first.1;
                self.base = Some(at);
                self.open("it started anew");
            }
            // A counter has risen by no more than what it shows.
            None if kind == MetricKind::Counter => self.edge = first.1,
            None => self.open("it begins in the window"),
        }
    }

    /// From one sample in the window to the next.
    fn step(&mut self, earlier: f64, value: f64) {
        if value >= earlier {
            self.seen += value - earlier;
        } else if value < earlier {
            // What it had counted when it ended, nobody saw.
            self.seen += value;
            self.open("it started anew");
        } else {
            self.seen = f64::NAN;
        }
    }

    fn increase(&self) -> Said {
        let high = if self.open.is_some() { f64::INFINITY } else { self.seen + self.edge };
        let edge = (self.edge > 0.0).then_some("it rose around the start of the window");
        Said { bounds: Bounds { low: self.seen, high }, samples: self.samples, why: self.open.or(edge) }
    }

    /// Between the first and the last sample in the window, and between the one before it and the last: what the rate was at
    /// the edge of the window lies between the two.
    fn rate(&self) -> Said {
        let unknown = |why| Said { bounds: Bounds::NOT_NEGATIVE, samples: self.samples, why: Some(why) };
        let (Some(first), Some(last)) = (self.first, self.last) else {
            return unknown(self.open.unwrap_or("no sample yet in the window"));
        };
        if last <= first {
            return unknown("a rate needs two samples in the window");
        }
        if self.seen.is_nan() {
            return Said { bounds: Bounds::exact(f64::NAN), samples: self.samples, why: Some("it is not a number") };
        }
        let over = |rise: f64, from: Moment| rise / last.since(from).as_secs_f64();
        let inside = over(self.seen, first);
        let with_edge = self.base.map_or(inside, |base| over(self.seen + self.edge, base));
        let bounds = Bounds { low: inside.min(with_edge), high: inside.max(with_edge) };
        match self.open {
            Some(why) => {
                Said { bounds: Bounds { high: f64::INFINITY, ..bounds }, samples: self.samples, why: Some(why) }
            }
            None => Said { bounds, samples: self.samples, why: None },
        }
    }
}
