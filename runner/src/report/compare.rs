//! Puts two reports side by side.

use std::collections::HashMap;
use std::num::NonZeroU32;

use chaos_core::ChaosResult;

use super::diff::{EntryDiff, RunDiff};
use super::run_report::Report;

impl RunDiff {
    /// Compares two runs.
    pub fn of(before: &Report, after: &Report) -> Self {
        let mut entries: Vec<EntryDiff> = Vec::new();
        let mut later = by_name(&after.entries);
        let mut notes = Vec::new();
        for (key, entry) in by_name(&before.entries) {
            let other = later.iter().position(|(name, _)| *name == key).map(|at| later.remove(at).1);
            notes.extend(other.and_then(|other| different_load(entry, other)));
            entries.push(EntryDiff::of(Some(entry), other));
        }
        entries.extend(later.into_iter().map(|(_, entry)| EntryDiff::of(None, Some(entry))));
        for (which, report) in [("first", before), ("second", after)] {
            if report.sham {
                notes.push(format!("the {which} run is a sham run: effects were skipped"));
            }
        }
        let run = |report: &Report| report.run_id.clone();
        let (before_run, after_run) = (run(before), run(after));
        Self { before_run, after_run, before: before.verdict, after: after.verdict, entries, notes }
    }
}

/// Each entry with its name and its turn among those of that name.
fn by_name(entries: &[ChaosResult]) -> Vec<((&str, usize), &ChaosResult)> {
    let mut turns: HashMap<&str, usize> = HashMap::new();
    let numbered = entries.iter().map(|entry| {
        let turn = turns.entry(entry.name.as_str()).or_default();
        *turn += 1;
        ((entry.name.as_str(), *turn), entry)
    });
    numbered.collect()
}

/// Says where two loads asked for different things.
fn different_load(before: &ChaosResult, after: &ChaosResult) -> Option<String> {
    let (first, second) = (before.load.as_deref()?, after.load.as_deref()?);
    let asked = |qps: NonZeroU32| format!("{qps} requests per second");
    let (first_rate, second_rate) = (first.request.qps, second.request.qps);
    if first_rate != second_rate {
        return Some(format!("`{}`: target rate {} instead of {}", after.name, asked(second_rate), asked(first_rate)));
    }
    let (one, other) = (first.connections, second.connections);
    (one != other).then(|| format!("`{}`: {other} connections instead of {one}", after.name))
}
