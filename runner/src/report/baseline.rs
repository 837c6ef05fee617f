//! The baseline gate: no figure of a run may be worse than an earlier run's, beyond its bounds.

use chaos_core::Verdict;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::diff::{FigureDiff, RunDiff};
use super::figures::FigureUnit;

/// Times to detect and recover come from probes that are asked every 250 or 500 ms, so that less does not count as a difference.
const SECONDS_FLOOR: f64 = 0.5;
/// A percentage point of failed requests.
const PERCENT_FLOOR: f64 = 1.0;

/// How much worse a figure may be: it is exceeded when it is worse by both the share and the floor.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BaselineBounds {
    /// By this share of the baseline's value, in percent.
    pub tolerance_percent: f64,
    /// And by so much of a response time, in milliseconds. Of times to detect and to recover it is 0.5 s, of failed
    /// requests 1 percentage point.
    pub floor_ms: f64,
}

impl Default for BaselineBounds {
    fn default() -> Self {
        Self { tolerance_percent: 20.0, floor_ms: 5.0 }
    }
}

/// A run against its baseline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BaselineResult {
    /// The baseline's file.
    pub file: String,
    /// How much worse a figure may be.
    pub bounds: BaselineBounds,
    /// `held`, `deviated` where a figure exceeds its bound, `inconclusive` where one can't be compared.
    pub verdict: Verdict,
    /// Why it is not `held`, one line a figure.
    pub reasons: Vec<String>,
    /// The two runs side by side.
    pub diff: RunDiff,
}

impl BaselineBounds {
    fn exceeded(&self, unit: FigureUnit, before: f64, after: f64) -> bool {
        let floor = match unit {
            FigureUnit::Milliseconds => self.floor_ms,
            FigureUnit::Seconds => SECONDS_FLOOR,
            FigureUnit::Percent => PERCENT_FLOOR,
        };
        after > before * (1.0 + self.tolerance_percent / 100.0) && after - before > floor
    }

    /// Judges one figure of an entry: the verdict, and why it is not `held`. A figure that only the run has is new.
    pub(super) fn judge(&self, entry: &str, figure: &FigureDiff) -> Option<(Verdict, String)> {
        let before = figure.before?;
        let name = &figure.figure;
        match figure.after {
            None => Some((
                Verdict::Inconclusive,
                format!("`{entry}`: {name}: no figure in this run, {} in the baseline", figure.unit.words(before)),
            )),
            Some(after) if self.exceeded(figure.unit, before, after) => Some((
                Verdict::Deviated,
                format!("`{entry}`: {name}: {}, beyond {} % of tolerance", figure.words(), self.tolerance_percent),
            )),
            Some(_) => Some((Verdict::Held, String::new())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_is_exceeded_by_share_and_floor_together() {
        let bounds = BaselineBounds::default();
        let rows = [
            (FigureUnit::Milliseconds, 100.0, 119.0, false),
            (FigureUnit::Milliseconds, 100.0, 121.0, true),
            (FigureUnit::Milliseconds, 1.0, 5.9, false),
            (FigureUnit::Milliseconds, 1.0, 6.1, true),
            (FigureUnit::Milliseconds, 100.0, 1.0, false),
            (FigureUnit::Seconds, 0.25, 0.74, false),
            (FigureUnit::Seconds, 0.25, 0.76, true),
            (FigureUnit::Seconds, 10.0, 11.9, false),
            (FigureUnit::Percent, 0.0, 0.9, false),
            (FigureUnit::Percent, 0.0, 1.1, true),
        ];
        for (unit, before, after, want) in rows {
            assert_eq!(bounds.exceeded(unit, before, after), want, "{unit:?} {before} {after}");
        }
    }

    #[test]
    fn a_figure_that_is_missing_is_inconclusive_and_a_new_one_is_not_judged() {
        let figure =
            |before, after| FigureDiff { figure: "response p99".into(), unit: FigureUnit::Milliseconds, before, after };
        let judge =
            |before, after| BaselineBounds::default().judge("web", &figure(before, after)).map(|(verdict, _)| verdict);
        assert_eq!(judge(Some(10.0), None), Some(Verdict::Inconclusive));
        assert_eq!(judge(None, Some(10.0)), None);
        assert_eq!(judge(Some(10.0), Some(100.0)), Some(Verdict::Deviated));
        assert_eq!(judge(Some(10.0), Some(10.0)), Some(Verdict::Held));
    }
}
