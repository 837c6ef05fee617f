//! Command lines of `squall` with their limits: rates, times, sizes, shares, hosts, permissions.

use squall::cli::parsers;

use crate::documents::Dice;
use crate::target::{Breach, FuzzTarget};

const FLAGS: [&[&str]; 14] = [
    &["--max-qps", "1000"],
    &["--max-qps", "0.5"],
    &["--max-duration", "1m30s"],
    &["--max-duration", "90"],
    &["--max-concurrency", "64"],
    &["--max-bytes", "1073741824"],
    &["--allow-host", "*.svc.cluster.local"],
    &["--allow-host", "10.0.0.0/8"],
    &["--allow-path", "/srv/data"],
    &["--permit", "other_user"],
    &["--baseline", "b.json", "--baseline-tolerance", "20%", "--baseline-floor", "5ms"],
    &["--var", "A=b=c"],
    &["--sham"],
    &["--color", "never"],
];

/// The words, one a line.
pub(super) struct Flags;

impl FuzzTarget for Flags {
    fn make(&mut self, dice: &mut Dice) -> Vec<u8> {
        let mut words = vec!["squall", "run", "task.yaml"];
        let mut used = Vec::new();
        for _ in 0..dice.below(5) {
            let flag = *dice.pick(&FLAGS);
            // Most flags are given once.
            if !used.contains(&flag[0]) {
                used.push(flag[0]);
                words.extend(flag);
            }
        }
        words.join("\n").into_bytes()
    }

    fn words(&self) -> &'static [&'static str] {
        &["NaN", "inf", "1e999", "-1", "%", "ms", "9999999999999999999h", "\n--", "=", "*", "/33", "::", "\n--seed\n"]
    }

    fn feed(&self, input: &[u8]) -> Result<bool, Breach> {
        let text = String::from_utf8_lossy(input);
        let words: Vec<String> = text.split('\n').map(str::to_owned).collect();
        match parsers::command_line(&words) {
            Ok(_) => Ok(true),
            Err(error) if error.to_string().trim().is_empty() => Err(Breach("an error without a word".to_owned())),
            Err(_) => Ok(false),
        }
    }
}
