//! The tests of a runner, as parts of a command: which ones, how they ended, and when, as far as the runner says so.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

/// How a part ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PartOutcome {
    /// It passed.
    Passed,
    /// It failed.
    Failed,
    /// It was left out.
    Skipped,
    /// It began, and no line says how it ended.
    Unfinished,
}

/// A part of a command.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CommandPart {
    /// As the runner names it.
    pub name: String,
    /// How it ended.
    pub outcome: PartOutcome,
    /// When it began, in seconds since the run began; not before that, where the runner says no more. Absent where nothing is
    /// known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub began_seconds: Option<f64>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_seconds: Option<f64>,
}

/// The parts so far.
#[derive(Debug, Default)]
pub(crate) struct Parts {
    all: Vec<CommandPart>,
    by_name: HashMap<String, usize>,
    /// No part whose line is still to come began before; for runners that tell of ends only.
    pub(crate) floor: Option<f64>,
}

impl Parts {
    pub(crate) fn finish(self) -> Vec<CommandPart> {
        self.all
    }

    pub(crate) fn part(&mut self, name: &str) -> &mut CommandPart {
        let at = *self.by_name.entry(name.to_owned()).or_insert_with(|| {
            let outcome = PartOutcome::Unfinished;
            self.all.push(CommandPart { name: name.to_owned(), outcome, began_seconds: None, ended_seconds: None });
            self.all.len() - 1
        });
        &mut self.all[at]
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.by_name.contains_key(name)
    }

    /// It begins at that time.
    pub(crate) fn begin(&mut self, name: &str, at: f64) {
        let part = self.part(name);
        if part.began_seconds.is_none() {
            part.began_seconds = Some(at);
        }
    }

    /// It has ended. One that has ended before keeps its times: runners repeat at the end what failed.
    pub(crate) fn end(&mut self, name: &str, outcome: PartOutcome, began: Option<f64>, ended: Option<f64>) {
        let part = self.part(name);
        if part.outcome == PartOutcome::Unfinished {
            part.began_seconds = part.began_seconds.or(began);
            part.ended_seconds = ended;
            part.outcome = outcome;
        } else if outcome == PartOutcome::Failed {
            // Such as a failure of what cleans up after a test that passed.
            part.outcome = outcome;
        }
    }
}

/// A part as tests compare it: name, outcome, and the times.
#[cfg(test)]
pub(crate) type Row = (String, PartOutcome, Option<f64>, Option<f64>);

/// What lines give, each a second after the other and half a second long.
#[cfg(test)]
pub(crate) fn read_lines<T>(read: impl Fn(&crate::lines::TimedLine, &mut Parts) -> T, text: &str) -> Vec<Row> {
    let mut parts = Parts::default();
    for (at, text) in (0_u32..).zip(text.lines()) {
        let at = f64::from(at);
        read(&crate::lines::TimedLine { text: text.to_owned(), began: at - 0.5, ended: at }, &mut parts);
    }
    parts.finish().into_iter().map(|part| (part.name, part.outcome, part.began_seconds, part.ended_seconds)).collect()
}
