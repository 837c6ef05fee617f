//! The tests of a runner, as parts of a command: which ones, how they ended, and when, as far as the runner says so.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::lines::TimedLine;

mod go;
mod libtest;
mod nextest;
mod pytest;
mod tap;

/// How the output of a command names its parts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PartsFormat {
    /// Each line by the first of the others that knows it.
    #[default]
    Auto,
    /// cargo nextest.
    Nextest,
    /// `cargo test`: the lines of Rust's own test harness.
    Libtest,
    /// pytest with `-v`.
    Pytest,
    /// `go test` with `-v` or `-json`.
    Go,
    /// The Test Anything Protocol.
    Tap,
    /// None: the command is one part.
    None,
}

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
    floor: Option<f64>,
}

type Reader = fn(&TimedLine, &mut Parts) -> bool;

/// Most telling first: JSON, then lines with a bracket, then plain words.
const ALL: [Reader; 5] = [go::line, nextest::line, libtest::line, pytest::line, tap::line];

impl PartsFormat {
    /// Takes what a line says of a part.
    pub(crate) fn read(self, line: &TimedLine, parts: &mut Parts) {
        let readers: &[Reader] = match self {
            Self::Auto => &ALL,
            Self::Go => &ALL[..1],
            Self::Nextest => &ALL[1..2],
            Self::Libtest => &ALL[2..3],
            Self::Pytest => &ALL[3..4],
            Self::Tap => &ALL[4..],
            Self::None => &[],
        };
        let _ = readers.iter().any(|read| read(line, parts));
    }
}

impl Parts {
    pub(crate) fn finish(self) -> Vec<CommandPart> {
        self.all
    }

    fn part(&mut self, name: &str) -> &mut CommandPart {
        let at = *self.by_name.entry(name.to_owned()).or_insert_with(|| {
            let outcome = PartOutcome::Unfinished;
            self.all.push(CommandPart { name: name.to_owned(), outcome, began_seconds: None, ended_seconds: None });
            self.all.len() - 1
        });
        &mut self.all[at]
    }

    fn has(&self, name: &str) -> bool {
        self.by_name.contains_key(name)
    }

    /// It begins at that time.
    fn begin(&mut self, name: &str, at: f64) {
        let part = self.part(name);
        if part.began_seconds.is_none() {
            part.began_seconds = Some(at);
        }
    }

    /// It has ended. One that has ended before keeps its times: runners repeat at the end what failed.
    fn end(&mut self, name: &str, outcome: PartOutcome, began: Option<f64>, ended: Option<f64>) {
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

#[cfg(test)]
mod tests {
    use super::*;

    /// What the lines give, each a second after the other: name, outcome, and the times.
    pub(super) fn read(format: PartsFormat, text: &str) -> Vec<(String, PartOutcome, Option<f64>, Option<f64>)> {
        let mut parts = Parts::default();
        for (at, text) in (0_u32..).zip(text.lines()) {
            let at = f64::from(at);
            format.read(&TimedLine { text: text.to_owned(), began: at - 0.5, ended: at }, &mut parts);
        }
        let row = |part: CommandPart| (part.name, part.outcome, part.began_seconds, part.ended_seconds);
        parts.finish().into_iter().map(row).collect()
    }

    #[test]
    fn lines_that_no_runner_prints_are_no_parts() {
        let text = "ok\nPASS\nFAIL\nok  \texample.com/x\t0.1s\nnot ok at all\ntest result: ok. 3 passed; 0 failed\n{\"a\":1}\n\
                    FAILED to connect\n --- FAIL\ntest\nrunning late\nPASSED\n1..3\n[gw0] hello\nSIGTERM [x] y\n";
        assert_eq!(read(PartsFormat::Auto, text), []);
        assert_eq!(read(PartsFormat::None, "ok 1 - a\n"), []);
    }

    #[test]
    fn a_format_reads_its_own_lines_only() {
        let text = "ok 1 - a\n=== RUN   TestB\ntest c ... ok\nt.py::d PASSED [ 10%]\n    PASS [   0.005s] e f\n";
        let names = |format| read(format, text).into_iter().map(|row| row.0).collect::<Vec<_>>();
        assert_eq!(names(PartsFormat::Auto), ["a", "TestB", "c", "t.py::d", "e f"]);
        assert_eq!(names(PartsFormat::Tap), ["a"]);
        assert_eq!(names(PartsFormat::Go), ["TestB"]);
        assert_eq!(names(PartsFormat::Libtest), ["c"]);
        assert_eq!(names(PartsFormat::Pytest), ["t.py::d"]);
        assert_eq!(names(PartsFormat::Nextest), ["e f"]);
    }
}
