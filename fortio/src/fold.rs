//! Makes fortio's text short enough for a model to read.

use std::collections::HashMap;

use serde_json::Value;

/// Attributes of log lines in which repetitions differ without saying more.
const TELLING: [&str; 3] = ["level", "msg", "code"];

/// Folds log lines that say the same into the first of them, with their number,
/// and keeps the head and the tail where the rest is longer than `limit` bytes.
///
/// The last lines (`Code …`, `All done …`) always stay, since they tell the result.
pub fn fold(text: &str, limit: usize) -> String {
    let mut lines: Vec<(String, u64)> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    for line in text.lines() {
        let Some(key) = key(line) else {
            lines.push((line.to_owned(), 1));
            continue;
        };
        if let Some(place) = places.get(&key) {
            lines[*place].1 += 1;
        } else {
            places.insert(key, lines.len());
            lines.push((line.to_owned(), 1));
        }
    }
    let told = |(line, count): (String, u64)| if count > 1 { format!("{line} (x {count})") } else { line };
    cut(&lines.into_iter().map(told).collect::<Vec<_>>(), limit)
}

/// What a log line says, without what changes from one to the next; `None` for plain text.
fn key(line: &str) -> Option<String> {
    if !line.starts_with('{') {
        return None;
    }
    let value: Value = serde_json::from_str(line).ok()?;
    Some(TELLING.map(|name| value.get(name).map(Value::to_string).unwrap_or_default()).join(" "))
}

/// Leaves lines out of the middle until the rest fits, two thirds of it at the end.
fn cut(lines: &[String], limit: usize) -> String {
    let size = |line: &String| line.len() + 1;
    if lines.iter().map(size).sum::<usize>() <= limit {
        return lines.join("\n");
    }
    let fitting = |lines: &mut dyn Iterator<Item = &String>, most: usize| {
        let mut left = most;
        lines.take_while(|line| left.checked_sub(size(line)).inspect(|rest| left = *rest).is_some()).count()
    };
    let head = fitting(&mut lines.iter(), limit / 3);
    let tail = fitting(&mut lines[head..].iter().rev(), limit - limit / 3);
    let left_out = lines.len() - head - tail;
    let mut kept = lines[..head].to_vec();
    kept.push(format!("[{left_out} lines left out]"));
    kept.extend_from_slice(&lines[lines.len() - tail..]);
    kept.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_say_the_same_are_counted_once() {
        let path = format!("{}/tests/golden/errors.stderr.txt", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(path).unwrap();
        let folded = fold(&text, usize::MAX);
        let bad = text.lines().filter(|line| line.contains("\"code\":503,")).count();
        assert!(folded.contains(&format!("(x {bad})")), "{folded}");
        assert_eq!(folded.lines().filter(|line| line.contains("\"code\":503,")).count(), 1);
        assert!(folded.len() < text.len() / 2);
        assert!(folded.contains("Code 503 :") && folded.contains("All done"));
    }

    #[test]
    fn a_long_text_keeps_its_head_and_its_end() {
        let text = (0..500).map(|line| format!("line {line}")).collect::<Vec<_>>().join("\n");
        let folded = fold(&text, 300);
        assert!(folded.len() < 330, "{}", folded.len());
        assert!(folded.starts_with("line 0\n") && folded.ends_with("line 499"), "{folded}");
        assert!(folded.contains(" lines left out]"), "{folded}");
        assert_eq!(fold("", 10), "");
        assert_eq!(fold("abcdefghijkl", 3), "[1 lines left out]");
    }
}
