//! The Test Anything Protocol: `ok 1 - name`, one test after the other. Subtests, which are indented, are part of theirs.

use crate::lines::TimedLine;
use crate::part_list::{PartOutcome, Parts};

pub(super) fn line(line: &TimedLine, parts: &mut Parts) -> bool {
    if line.text.starts_with("TAP version ") {
        parts.floor = Some(line.ended);
        return true;
    }
    let (passed, rest) = match line.text.strip_prefix("not ok ") {
        Some(rest) => (false, rest),
        None => match line.text.strip_prefix("ok ") {
            Some(rest) => (true, rest),
            None => return false,
        },
    };
    let (number, rest) = rest.split_once(' ').unwrap_or((rest, ""));
    if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return false;
    }
    let (name, directive) = rest.split_once("# ").unwrap_or((rest, ""));
    let name = name.trim().trim_start_matches("- ").trim();
    let name = if name.is_empty() { number } else { name };
    let directive = directive.to_ascii_uppercase();
    let outcome = if directive.starts_with("SKIP") || directive.starts_with("TODO") {
        PartOutcome::Skipped
    } else if passed {
        PartOutcome::Passed
    } else {
        PartOutcome::Failed
    };
    parts.end(name, outcome, parts.floor, Some(line.ended));
    parts.floor = Some(line.ended);
    true
}

#[cfg(test)]
mod tests {
    use super::line;
    use crate::part_list::PartOutcome::{Failed, Passed, Skipped};
    use crate::part_list::read_lines;

    #[test]
    fn each_begins_where_the_one_before_ended() {
        let text = "TAP version 14\nok 1 - a\nnot ok 2 b\n    ok 1 - a subtest\nnot ok 3 - c # TODO later\nok 4 # SKIP needs X\n1..4\n";
        let row = |name: &str, outcome, began, ended| (name.to_owned(), outcome, Some(began), Some(ended));
        assert_eq!(
            read_lines(line, text),
            [
                row("a", Passed, 0.0, 1.0),
                row("b", Failed, 1.0, 2.0),
                row("c", Skipped, 2.0, 4.0),
                row("4", Skipped, 4.0, 5.0),
            ]
        );
    }
}
