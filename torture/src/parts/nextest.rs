//! The lines of cargo nextest: `PASS [   0.005s] (1/2) crate tests::name`. Each tells of an end, and how long the test took.

use crate::lines::TimedLine;
use crate::part_list::{PartOutcome, Parts};

pub(super) fn line(line: &TimedLine, parts: &mut Parts) -> bool {
    let Some((word, rest)) = line.text.trim_start().split_once('[') else { return false };
    let Some((seconds, name)) = rest.split_once("s]") else { return false };
    let Ok(seconds) = seconds.trim().parse::<f64>() else { return false };
    // A try of a test that is repeated is a part of its own.
    let (word, attempt) = match word.trim().strip_prefix("TRY ").and_then(|rest| rest.split_once(' ')) {
        Some((attempt, word)) => (word, Some(attempt)),
        None => (word.trim(), None),
    };
    let outcome = match word {
        "PASS" | "LEAK" | "FLAKY" => PartOutcome::Passed,
        "FAIL" | "TIMEOUT" | "ABORT" | "LEAK-FAIL" => PartOutcome::Failed,
        signal if signal.starts_with("SIG") && signal.len() > 3 => PartOutcome::Failed,
        // Such as a test that is slow, and still runs.
        _ => return false,
    };
    let name = name.trim_start();
    let name = name.strip_prefix('(').and_then(|rest| rest.split_once(')')).map_or(name, |(_, name)| name).trim();
    if name.is_empty() {
        return false;
    }
    let name = attempt.map_or_else(|| name.to_owned(), |attempt| format!("{name} (try {attempt})"));
    parts.end(&name, outcome, Some(line.ended - seconds), Some(line.ended));
    true
}

#[cfg(test)]
mod tests {
    use super::line;
    use crate::part_list::PartOutcome::{Failed, Passed};
    use crate::part_list::read_lines;

    #[test]
    fn the_time_that_a_test_took_says_when_it_began() {
        let text = "\n        PASS [   0.500s] (1/4) chaos-core value::tests::a\n        FAIL [   1.000s] (2/4) chaos-core::it b\n\
                    \x20 TRY 1 FAIL [   0.250s] (3/4) chaos-core c\n  TRY 2 PASS [   0.250s] (3/4) chaos-core c\n     SIGKILL [   2.000s] chaos-core d\n\
                    \x20       SLOW [> 60.000s] chaos-core e\n     Summary [   3.000s] 4 tests run: 2 passed, 2 failed\n\
                    \x20       FAIL [   1.000s] (2/4) chaos-core::it b\n";
        let row = |name: &str, outcome, began, ended| (name.to_owned(), outcome, Some(began), Some(ended));
        assert_eq!(
            read_lines(line, text),
            [
                row("chaos-core value::tests::a", Passed, 0.5, 1.0),
                row("chaos-core::it b", Failed, 1.0, 2.0),
                row("chaos-core c (try 1)", Failed, 2.75, 3.0),
                row("chaos-core c (try 2)", Passed, 3.75, 4.0),
                row("chaos-core d", Failed, 3.0, 5.0),
            ]
        );
    }
}
