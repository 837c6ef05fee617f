//! The lines of Rust's own test harness: `test name ... ok`. With one thread the first half comes when a test begins; with
//! several the line comes when it has ended, and it began after `running … tests`.

use crate::lines::TimedLine;
use crate::part_list::{PartOutcome, Parts};

pub(super) fn line(line: &TimedLine, parts: &mut Parts) -> bool {
    if let Some(rest) = line.text.strip_prefix("running ") {
        let is_start = rest.split_once(' ').is_some_and(|(count, word)| {
            count.bytes().all(|byte| byte.is_ascii_digit()) && matches!(word, "test" | "tests")
        });
        if is_start {
            parts.floor = Some(line.ended);
        }
        return is_start;
    }
    let Some((name, end)) = line.text.strip_prefix("test ").and_then(|rest| rest.split_once(" ... ")) else {
        return false;
    };
    let outcome = match end.split([' ', ',', '<']).next() {
        Some("ok") => PartOutcome::Passed,
        Some("FAILED") => PartOutcome::Failed,
        Some("ignored") => PartOutcome::Skipped,
        _ => return false,
    };
    let began = if line.began < line.ended { Some(line.began) } else { parts.floor };
    parts.end(name.trim(), outcome, began, Some(line.ended));
    true
}

#[cfg(test)]
mod tests {
    use super::line;
    use crate::lines::TimedLine;
    use crate::part_list::PartOutcome::{Failed, Passed, Skipped};
    use crate::part_list::{Parts, read_lines};

    #[test]
    fn the_first_half_of_a_line_is_the_begin() {
        let text = "running 3 tests\ntest a::b ... ok\ntest c ... FAILED\ntest d ... ignored, needs X\n\ntest result: FAILED. 1 passed\n";
        let row = |name: &str, outcome, began, ended| (name.to_owned(), outcome, Some(began), Some(ended));
        assert_eq!(
            read_lines(line, text),
            [row("a::b", Passed, 0.5, 1.0), row("c", Failed, 1.5, 2.0), row("d", Skipped, 2.5, 3.0),]
        );
    }

    #[test]
    fn a_line_that_came_at_once_began_after_the_start_of_all() {
        let mut parts = Parts::default();
        for (text, at) in [("running 2 tests", 1.0), ("test a ... ok", 5.0)] {
            line(&TimedLine { text: text.into(), began: at, ended: at }, &mut parts);
        }
        assert_eq!(parts.finish()[0].began_seconds, Some(1.0));
    }
}
