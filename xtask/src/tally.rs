//! Reads the output of `cargo test -- --show-output`: what passed, what failed, what was skipped and why.

use std::collections::BTreeMap;

/// The line by which a test says that it did not run.
const SKIPPED: &str = "skipped: needs ";

/// The counts of a test program, or of several.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    passed: usize,
    failed: usize,
    ignored: usize,
    skipped: BTreeMap<String, usize>,
    in_successes: bool,
    counted_this_test: bool,
    has_result: bool,
    /// What was said outside of the list of tests that passed, as programs with a `main` of their own do.
    said: Option<String>,
}

impl Tally {
    /// Takes one line; returns whether it is worth showing. What passing tests printed is not, except for skips.
    pub(crate) fn line(&mut self, line: &str) -> bool {
        let trimmed = line.trim();
        if trimmed == "successes:" {
            self.in_successes = true;
            return false;
        }
        if trimmed == "failures:" || trimmed.starts_with("test result:") {
            self.in_successes = false;
        }
        if trimmed.starts_with("---- ") {
            self.counted_this_test = false;
        }
        if let Some((_, what)) = trimmed.split_once(SKIPPED) {
            self.skip(what);
            return true;
        }
        if let Some(counts) = trimmed.strip_prefix("test result:") {
            self.counts(counts);
        }
        !self.in_successes
    }

    /// One test may print the line twice; it is one skipped test.
    fn skip(&mut self, what: &str) {
        let what = what.split(['(', ',', ';']).next().unwrap_or(what).trim().trim_end_matches('.').to_owned();
        if !self.in_successes {
            self.said = Some(what);
        } else if !self.counted_this_test {
            self.counted_this_test = true;
            *self.skipped.entry(what).or_default() += 1;
        }
    }

    /// The program is over. One that told no result is one test, which its `main` is.
    pub(crate) fn ended(&mut self, is_good: bool) {
        if self.has_result {
            return;
        }
        if !is_good {
            self.failed += 1;
            return;
        }
        self.passed += 1;
        if let Some(what) = self.said.take() {
            *self.skipped.entry(what).or_default() += 1;
        }
    }

    /// Adds the counts of another program.
    pub(crate) fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.ignored += other.ignored;
        for (what, number) in other.skipped {
            *self.skipped.entry(what).or_default() += number;
        }
    }

    fn counts(&mut self, counts: &str) {
        self.has_result = true;
        for count in counts.split(['.', ';']) {
            let mut words = count.split_whitespace();
            let number = words.next().and_then(|word| word.parse::<usize>().ok());
            match (number, words.next()) {
                (Some(n), Some("passed")) => self.passed += n,
                (Some(n), Some("failed")) => self.failed += n,
                (Some(n), Some("ignored")) => self.ignored += n,
                _ => {}
            }
        }
    }

    /// The closing lines: why tests were skipped (if any were), and the plain counts.
    pub(crate) fn summary(&self) -> String {
        let asked: usize = self.skipped.values().sum();
        let mut reasons: Vec<String> = self.skipped.iter().map(|(what, n)| format!("{what} ({n})")).collect();
        if self.ignored > 0 {
            reasons.push(format!("to be asked for by name ({})", self.ignored));
        }
        let skipped = asked + self.ignored;
        // A skipped test returns early, so the test harness counts it as passed.
        let passed = self.passed.saturating_sub(asked);
        let counts = format!("{passed} passed, {} failed, {skipped} skipped", self.failed);
        if reasons.is_empty() { counts } else { format!("{skipped} skipped: needs {}\n{counts}", reasons.join(", ")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUTPUT: &str = "\
running 4 tests
test a ... ok
test b ... ok

successes:

---- a stdout ----
skipped: needs fortio (the Go one)
skipped: needs fortio
chatter

---- b stdout ----
skipped: needs nginx


successes:
    a
    b

failures:

---- c stdout ----
assertion failed

failures:
    c

test result: FAILED. 3 passed; 1 failed; 2 ignored; 0 measured; 0 filtered out; finished in 0.01s";

    fn tally(output: &str) -> (Tally, Vec<String>) {
        let mut tally = Tally::default();
        let shown = output.lines().filter(|line| tally.line(line)).map(str::to_owned).collect();
        (tally, shown)
    }

    #[test]
    fn a_skipped_test_counts_once_and_not_as_passed() {
        let (tally, _) = tally(OUTPUT);
        assert_eq!(
            tally.summary(),
            "4 skipped: needs fortio (1), nginx (1), to be asked for by name (2)\n1 passed, 1 failed, 4 skipped"
        );
    }

    #[test]
    fn what_passing_tests_print_is_hidden_and_what_failing_ones_print_is_shown() {
        let (_, shown) = tally(OUTPUT);
        assert!(!shown.iter().any(|line| line == "chatter"));
        assert!(shown.iter().any(|line| line == "assertion failed"));
        assert!(shown.iter().any(|line| line == "skipped: needs nginx"));
    }

    #[test]
    fn results_of_several_binaries_add_up() {
        let one = "test result: ok. 2 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.00s";
        let (tally, _) = tally(&format!("{one}\n{one}"));
        assert_eq!(tally.summary(), "4 passed, 0 failed, 0 skipped");
    }
}
