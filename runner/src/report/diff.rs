//! Two runs side by side: verdicts and figures, entry by entry.

use std::collections::HashMap;
use std::fmt::{self, Write};

use chaos_core::{ChaosResult, Verdict};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::figures::{FigureUnit, of_entry};
use super::run_report::Report;

/// Two runs side by side.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunDiff {
    /// Id of the first run.
    pub before_run: String,
    /// Id of the second run.
    pub after_run: String,
    /// The verdict of the first run.
    pub before: Verdict,
    /// The verdict of the second run.
    pub after: Verdict,
    /// Their entries, paired by name; of several with one name the first belongs to the first.
    pub entries: Vec<EntryDiff>,
    /// What makes the two less comparable.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// One entry in two runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EntryDiff {
    /// Its name.
    pub name: String,
    /// Its verdict in the first run; null where it is not there.
    pub before: Option<Verdict>,
    /// Its verdict in the second run; null where it is not there.
    pub after: Option<Verdict>,
    /// Its figures.
    pub figures: Vec<FigureDiff>,
}

/// One figure in two runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FigureDiff {
    /// What it is, such as `response p99`.
    pub figure: String,
    /// Its unit.
    pub unit: FigureUnit,
    /// In the first run; null where it is not there.
    pub before: Option<f64>,
    /// In the second run; null where it is not there.
    pub after: Option<f64>,
}

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

    /// As plain text, with a line break at its end.
    pub fn text(&self) -> String {
        let mut out = String::new();
        // Writing to a string does not fail.
        let _ = self.write(&mut out);
        out
    }

    fn write(&self, out: &mut String) -> fmt::Result {
        for entry in &self.entries {
            let verdicts = changed(entry.before.map(Verdict::word), entry.after.map(Verdict::word));
            writeln!(out, "{}: {verdicts}", entry.name.replace(char::is_control, " "))?;
            for figure in &entry.figures {
                writeln!(out, "  {:<16} {}", figure.figure, figure.words())?;
            }
        }
        self.notes.iter().try_for_each(|note| writeln!(out, "note: {note}"))?;
        writeln!(out, "verdict: {}", changed(Some(self.before.word()), Some(self.after.word())))
    }
}

impl EntryDiff {
    fn of(before: Option<&ChaosResult>, after: Option<&ChaosResult>) -> Self {
        let figures = |entry: Option<&ChaosResult>| entry.map(of_entry).unwrap_or_default();
        let mut later = figures(after);
        let mut rows: Vec<FigureDiff> = Vec::new();
        for figure in figures(before) {
            let other = later.iter().position(|other| other.name == figure.name).map(|at| later.remove(at).value);
            rows.push(FigureDiff { figure: figure.name, unit: figure.unit, before: Some(figure.value), after: other });
        }
        let added = later.into_iter();
        rows.extend(added.map(|figure| FigureDiff {
            figure: figure.name,
            unit: figure.unit,
            before: None,
            after: Some(figure.value),
        }));
        Self {
            name: before.or(after).map(|entry| entry.name.clone()).unwrap_or_default(),
            before: before.map(|entry| entry.verdict),
            after: after.map(|entry| entry.verdict),
            figures: rows,
        }
    }
}

impl FigureDiff {
    /// Both values, and by how much they differ.
    pub fn words(&self) -> String {
        let value = |value: Option<f64>| value.map(|value| self.unit.words(value));
        let both = changed(value(self.before).as_deref(), value(self.after).as_deref());
        match (self.before, self.after) {
            (Some(before), Some(after)) if before > 0.0 && value(self.before) != value(self.after) => {
                format!("{both} ({:+.1} %)", 100.0 * (after - before) / before)
            }
            _ => both,
        }
    }
}

fn changed(before: Option<&str>, after: Option<&str>) -> String {
    let word = |side: Option<&str>| side.unwrap_or("none").to_owned();
    if before == after { format!("{} (unchanged)", word(after)) } else { format!("{} -> {}", word(before), word(after)) }
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
    let asked = |qps: std::num::NonZeroU32| format!("{qps} requests per second");
    let (first_rate, second_rate) = (first.request.qps, second.request.qps);
    if first_rate != second_rate {
        return Some(format!("`{}`: target rate {} instead of {}", after.name, asked(second_rate), asked(first_rate)));
    }
    let (one, other) = (first.connections, second.connections);
    (one != other).then(|| format!("`{}`: {other} connections instead of {one}", after.name))
}
