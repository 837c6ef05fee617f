//! Holds a run against its baseline.

use chaos_core::Verdict;

use super::baseline::{BaselineBounds, BaselineResult};
use super::diff::RunDiff;
use super::run_report::Report;

impl Report {
    /// Holds the run against an earlier one. What exceeds the bounds is part of the run's verdict from then on: a run that
    /// held is `deviated` where a figure is worse, `inconclusive` where one is missing or there is nothing to compare.
    /// Entries that only one of the two runs has are not compared.
    pub fn hold_against(&mut self, baseline: &Self, file: String, bounds: BaselineBounds) {
        let diff = RunDiff::of(baseline, self);
        let mut verdict = None;
        let mut reasons = Vec::new();
        for entry in diff.entries.iter().filter(|entry| entry.before.is_some() && entry.after.is_some()) {
            for (judged, why) in entry.figures.iter().filter_map(|figure| bounds.judge(&entry.name, figure)) {
                verdict = verdict.max(Some(judged));
                reasons.extend(Some(why).filter(|why| !why.is_empty()));
            }
        }
        if verdict.is_none() {
            reasons.push("nothing to compare: no figure of the baseline belongs to an entry of this run".to_owned());
        }
        let verdict = verdict.unwrap_or(Verdict::Inconclusive);
        if verdict != Verdict::Held {
            self.verdict = self.verdict.max(verdict);
        }
        self.baseline = Some(Box::new(BaselineResult { file, bounds, verdict, reasons, diff }));
    }
}
