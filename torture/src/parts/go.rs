//! The lines of `go test -v` and `go test -json`. Without `-v` it tells of failures at the end of a package: no times then.

use serde::Deserialize;

use crate::lines::TimedLine;
use crate::part_list::{PartOutcome, Parts};

/// An event of `-json`; see `go doc test2json`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Event {
    action: String,
    package: Option<String>,
    test: Option<String>,
}

pub(super) fn line(line: &TimedLine, parts: &mut Parts) -> bool {
    if line.text.starts_with('{') {
        return json(line, parts);
    }
    if let Some(name) = line.text.strip_prefix("=== RUN ") {
        parts.begin(name.trim(), line.ended);
        return true;
    }
    let Some((outcome, rest)) = line.text.trim_start().strip_prefix("--- ").and_then(|rest| rest.split_once(": "))
    else {
        return false;
    };
    let outcome = match outcome {
        "PASS" => PartOutcome::Passed,
        "FAIL" => PartOutcome::Failed,
        "SKIP" => PartOutcome::Skipped,
        _ => return false,
    };
    let name = rest.rsplit_once(" (").map_or(rest, |(name, _)| name).trim();
    let ended = parts.has(name).then_some(line.ended);
    parts.end(name, outcome, None, ended);
    true
}

fn json(line: &TimedLine, parts: &mut Parts) -> bool {
    let Ok(event) = serde_json::from_str::<Event>(&line.text) else { return false };
    let Some(test) = event.test else { return true };
    let name = event.package.map_or_else(|| test.clone(), |package| format!("{package}.{test}"));
    let outcome = match event.action.as_str() {
        "run" => {
            parts.begin(&name, line.ended);
            return true;
        }
        "pass" => PartOutcome::Passed,
        "fail" => PartOutcome::Failed,
        "skip" => PartOutcome::Skipped,
        _ => return true,
    };
    parts.end(&name, outcome, None, Some(line.ended));
    true
}

#[cfg(test)]
mod tests {
    use super::line;
    use crate::part_list::PartOutcome::{Failed, Passed, Skipped, Unfinished};
    use crate::part_list::read_lines;

    #[test]
    fn verbose_lines_have_begin_and_end() {
        let text = "=== RUN   TestA\n=== RUN   TestA/sub\n    --- PASS: TestA/sub (0.00s)\n--- FAIL: TestA (0.10s)\n\
                    === RUN   TestB\n--- SKIP: TestB (0.00s)\n=== RUN   TestC\npanic: test timed out\n";
        let row = |name: &str, outcome, began, ended| (name.to_owned(), outcome, began, ended);
        assert_eq!(
            read_lines(line, text),
            [
                row("TestA", Failed, Some(0.0), Some(3.0)),
                row("TestA/sub", Passed, Some(1.0), Some(2.0)),
                row("TestB", Skipped, Some(4.0), Some(5.0)),
                row("TestC", Unfinished, Some(6.0), None),
            ]
        );
    }

    #[test]
    fn without_verbose_nothing_is_known_of_the_time() {
        let text = "--- FAIL: TestA (0.10s)\n    x_test.go:3: no\nFAIL\nFAIL\texample.com/x\t0.10s\n";
        assert_eq!(read_lines(line, text), [("TestA".to_owned(), Failed, None, None)]);
    }

    #[test]
    fn json_names_the_package() {
        let text = r#"{"Time":"2024-01-01T00:00:00Z","Action":"start","Package":"p"}
{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Test":"TestA","Output":"=== RUN   TestA\n"}
{"Action":"fail","Package":"p","Test":"TestA","Elapsed":0.1}
{"Action":"fail","Package":"p","Elapsed":0.1}
"#;
        assert_eq!(read_lines(line, text), [("p.TestA".to_owned(), Failed, Some(1.0), Some(3.0))]);
    }
}
