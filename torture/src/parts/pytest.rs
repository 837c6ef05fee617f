//! The lines of `pytest -v`: `test_a.py::test_x PASSED [ 50%]`, and those of pytest-xdist: `[gw0] [ 50%] PASSED test_a.py::test_x`.

use crate::lines::TimedLine;
use crate::part_list::{PartOutcome, Parts};

pub(super) fn line(line: &TimedLine, parts: &mut Parts) -> bool {
    if line.text.starts_with("[gw") {
        return of_a_worker(line, parts);
    }
    // At its end it repeats what failed: `FAILED test_a.py::test_x - AssertionError`.
    if let Some((word, rest)) = line.text.split_once(' ')
        && let Some(outcome @ PartOutcome::Failed) = outcome(word)
    {
        let name = rest.split(" - ").next().unwrap_or(rest).trim();
        let is_one = name.contains(".py::");
        if is_one {
            parts.end(name, outcome, None, None);
        }
        return is_one;
    }
    let Some(end) = line.text.find(".py::") else { return false };
    // A parameter may have spaces: the word behind the name is the last one but the percentage and a reason.
    let words = line.text[end..].match_indices(' ').map(|(at, _)| end + at);
    let found = words.rev().find_map(|at| {
        let word = line.text[at..].split_whitespace().next()?;
        Some((&line.text[..at], outcome(word)?))
    });
    match found {
        Some((name, outcome)) => {
            let began = if line.began < line.ended { Some(line.began) } else { parts.floor };
            parts.end(name.trim(), outcome, began, Some(line.ended));
            parts.floor = Some(line.ended);
            true
        }
        // A worker takes it up.
        None if !line.text.trim().contains(' ') => {
            parts.begin(line.text.trim(), line.ended);
            true
        }
        None => false,
    }
}

fn of_a_worker(line: &TimedLine, parts: &mut Parts) -> bool {
    let mut words = line.text.split_whitespace();
    let Some(outcome) = words.find_map(outcome) else { return false };
    let name = words.collect::<Vec<_>>().join(" ");
    let is_one = name.contains(".py::");
    if is_one {
        parts.end(&name, outcome, None, Some(line.ended));
    }
    is_one
}

fn outcome(word: &str) -> Option<PartOutcome> {
    Some(match word {
        "PASSED" | "XPASS" => PartOutcome::Passed,
        "FAILED" | "ERROR" => PartOutcome::Failed,
        "SKIPPED" | "XFAIL" => PartOutcome::Skipped,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::line;
    use crate::part_list::PartOutcome::{Failed, Passed, Skipped};
    use crate::part_list::read_lines;

    #[test]
    fn verbose_lines_have_begin_and_end() {
        let text = "collected 4 items\nt.py::test_a PASSED                   [ 25%]\nt.py::C::test_b[x y] FAILED  [ 50%]\n\
                    t.py::test_c SKIPPED (needs X)   [ 75%]\nt.py::test_a ERROR   [ 75%]\n=== FAILURES ===\nFAILED t.py::C::test_b[x y] - assert 1 == 2\n\
                    ERROR t2.py::test_d - no fixture\n";
        let row = |name: &str, outcome, began, ended| (name.to_owned(), outcome, began, ended);
        assert_eq!(
            read_lines(line, text),
            [
                row("t.py::test_a", Failed, Some(0.5), Some(1.0)),
                row("t.py::C::test_b[x y]", Failed, Some(1.5), Some(2.0)),
                row("t.py::test_c", Skipped, Some(2.5), Some(3.0)),
                row("t2.py::test_d", Failed, None, None),
            ]
        );
    }

    #[test]
    fn workers_say_when_they_take_one_up() {
        let text =
            "t.py::test_a \nt.py::test_b \n[gw1] [ 50%] PASSED t.py::test_b \n[gw0] [100%] FAILED t.py::test_a \n";
        let row = |name: &str, outcome, began, ended| (name.to_owned(), outcome, Some(began), Some(ended));
        assert_eq!(
            read_lines(line, text),
            [row("t.py::test_a", Failed, 0.0, 3.0), row("t.py::test_b", Passed, 1.0, 2.0),]
        );
    }
}
