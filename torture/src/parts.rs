//! From the lines of test runners to the parts of a command: one file for each runner.

use serde::{Deserialize, Serialize};

use crate::lines::TimedLine;
use crate::part_list::Parts;

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::part_list::{Row, read_lines};

    fn read(format: PartsFormat, text: &str) -> Vec<Row> {
        read_lines(|line, parts| format.read(line, parts), text)
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
