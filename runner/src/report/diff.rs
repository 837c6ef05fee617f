//! Two runs side by side: verdicts and figures, entry by entry.

use std::fmt::{self, Write};

use chaos_core::{ChaosResult, Verdict, visible_line};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::figures::{FigureUnit, of_entry};

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
            writeln!(out, "{}: {verdicts}", visible_line(&entry.name))?;
            for figure in &entry.figures {
                writeln!(out, "  {:<16} {}", visible_line(&figure.figure), figure.words())?;
            }
        }
        self.notes.iter().try_for_each(|note| writeln!(out, "note: {}", visible_line(note)))?;
        writeln!(out, "verdict: {}", changed(Some(self.before.word()), Some(self.after.word())))
    }
}

impl EntryDiff {
    pub(super) fn of(before: Option<&ChaosResult>, after: Option<&ChaosResult>) -> Self {
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
    if before == after {
        format!("{} (unchanged)", word(after))
    } else {
        format!("{} -> {}", word(before), word(after))
    }
}
