//! When the fault of an entry came and went, and what that says of its times.

use std::fmt;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Stage;

/// When the fault of an entry changed its stage, and when it was answered for, in seconds since the run began; absent where that
/// did not happen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FaultTimes {
    /// Right before the injection: nothing of the fault was there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub landing_seconds: Option<f64>,
    /// A check had found it, or the fault itself gave evidence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_force_seconds: Option<f64>,
    /// Right before the undo, after the last check that it was still there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leaving_seconds: Option<f64>,
    /// Everything was undone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gone_seconds: Option<f64>,
    /// `detect` said yes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detected_seconds: Option<f64>,
    /// `verify` said yes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovered_seconds: Option<f64>,
}

impl FaultTimes {
    /// Notes when a stage began.
    pub fn note(&mut self, stage: Stage, at: Duration) {
        let place = match stage {
            Stage::Landing => &mut self.landing_seconds,
            Stage::InForce => &mut self.in_force_seconds,
            Stage::Leaving => &mut self.leaving_seconds,
            Stage::Gone => &mut self.gone_seconds,
        };
        *place = Some(at.as_secs_f64());
    }

    /// The same counted from `start` on, to the millisecond, as events are.
    #[must_use]
    pub fn since(self, start: Duration) -> Self {
        let start = start.as_secs_f64();
        let from = |at: Option<f64>| at.map(|at| ((at - start).max(0.0) * 1e3).round() / 1e3);
        Self {
            landing_seconds: from(self.landing_seconds),
            in_force_seconds: from(self.in_force_seconds),
            leaving_seconds: from(self.leaving_seconds),
            gone_seconds: from(self.gone_seconds),
            detected_seconds: from(self.detected_seconds),
            recovered_seconds: from(self.recovered_seconds),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A time of which only bounds are known, since the world was looked at before and after and not in between; in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SecondsRange {
    /// It was not shorter than this.
    pub at_least: f64,
    /// It was not longer than this; null where nothing shows when it ended.
    pub at_most: Option<f64>,
}

impl SecondsRange {
    /// A range with both ends; a lower end beyond the upper one, or below zero, is moved to it.
    pub fn new(at_least: f64, at_most: f64) -> Self {
        let at_most = at_most.max(0.0);
        Self { at_least: at_least.clamp(0.0, at_most), at_most: Some(at_most) }
    }

    /// A range without an upper end.
    pub fn from(at_least: f64) -> Self {
        Self { at_least: at_least.max(0.0), at_most: None }
    }
}

impl fmt::Display for SecondsRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.at_most {
            // To the millisecond the checks leave nothing open.
            Some(at_most) if format!("{at_most:.3}") == format!("{:.3}", self.at_least) => write!(f, "{at_most:.3} s"),
            Some(at_most) => write!(f, "at least {:.3} s, at most {at_most:.3} s", self.at_least),
            None => write!(f, "at least {:.3} s, no upper bound: nothing shows when it ended", self.at_least),
        }
    }
}

/// Bounds of the times of an entry, from the checks around its fault; absent where the time is not known at all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TimeBounds {
    /// How long the fault was in force: at least between the checks that found it, at most between those that did not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_force_seconds: Option<SecondsRange>,
    /// From the fault coming into force until the system had noticed, as `detect` says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detect_seconds: Option<SecondsRange>,
    /// From the fault being gone until the system was well again, as `verify` says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recover_seconds: Option<SecondsRange>,
}

impl TimeBounds {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Each with its name, in the order in which reports tell them.
    pub fn named(&self) -> impl Iterator<Item = (&'static str, SecondsRange)> {
        let all = [
            ("time in force", self.in_force_seconds),
            ("time to detect", self.detect_seconds),
            ("time to recover", self.recover_seconds),
        ];
        all.into_iter().filter_map(|(name, range)| Some((name, range?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_never_has_its_ends_the_wrong_way_round() {
        for (least, most, want) in
            [(1.0, 2.0, (1.0, 2.0)), (3.0, 2.0, (2.0, 2.0)), (-1.0, 2.0, (0.0, 2.0)), (1.0, -1.0, (0.0, 0.0))]
        {
            let range = SecondsRange::new(least, most);
            assert_eq!((range.at_least, range.at_most), (want.0, Some(want.1)), "{least} {most}");
        }
        assert_eq!(SecondsRange::new(3.0, 3.0004).to_string(), "3.000 s");
        assert_eq!(SecondsRange::new(1.0, 1.25).to_string(), "at least 1.000 s, at most 1.250 s");
        assert_eq!(
            SecondsRange::from(1.0).to_string(),
            "at least 1.000 s, no upper bound: nothing shows when it ended"
        );
    }
}
