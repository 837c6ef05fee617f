//! Several rounds of the same run, and what they have in common.

use std::collections::BTreeMap;
use std::fmt::{self, Write};

use chaos_core::{REPORT_FORMAT, Verdict, visible_line};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::median::{LEAST_VALUES, MedianInterval, median_interval};
use super::run_report::Report;

/// Several rounds of the same run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RepeatReport {
    /// Version of this format.
    pub format: u32,
    /// The worst verdict of all rounds.
    pub verdict: Verdict,
    /// Rounds that were asked for; fewer ran where somebody interrupted them.
    pub rounds_wanted: u32,
    /// How many rounds had each verdict.
    pub verdicts: BTreeMap<String, u32>,
    /// The times of each entry over the rounds.
    pub times: Vec<TimeSpread>,
    /// The seed of each round.
    pub seeds: Vec<u64>,
    /// The report of each round.
    pub rounds: Vec<Report>,
}

/// How a time of an entry spreads over the rounds, in seconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TimeSpread {
    /// The entry's name.
    pub entry: String,
    /// Which time: `time to detect`, `time to recover`, `time in force (at least)` or `time in force (at most)`.
    pub time: String,
    /// Rounds that have it.
    pub rounds: u32,
    /// The shortest.
    pub min_seconds: f64,
    /// The median; of an even number of rounds the mean of the two in the middle.
    pub median_seconds: f64,
    /// The longest.
    pub max_seconds: f64,
    /// A confidence interval of the median, in seconds, of the rounds that have the time; null below six of them: no 95 % interval
    /// exists then.
    #[serde(default)]
    pub median_interval: Option<MedianInterval>,
}

impl RepeatReport {
    /// Sums the rounds up; `None` without a round.
    pub fn of(rounds: Vec<Report>, rounds_wanted: u32) -> Option<Self> {
        let mut verdict = rounds.iter().map(|round| round.verdict).max()?;
        if rounds.len() < rounds_wanted as usize {
            // The rounds that are missing show nothing.
            verdict = verdict.max(Verdict::Inconclusive);
        }
        let mut verdicts = BTreeMap::new();
        for round in &rounds {
            *verdicts.entry(round.verdict.word().to_owned()).or_default() += 1;
        }
        let seeds = rounds.iter().map(|round| round.seed).collect();
        Some(Self { format: REPORT_FORMAT, verdict, rounds_wanted, verdicts, times: spreads(&rounds), seeds, rounds })
    }

    /// The process exit code that says it: the worst round's.
    pub fn exit_code(&self) -> u8 {
        self.verdict.exit_code()
    }

    /// The summary as plain text, with a line break at its end.
    pub fn summary(&self) -> String {
        let mut out = String::new();
        // Writing to a string does not fail.
        let _ = self.write(&mut out);
        out
    }

    fn write(&self, out: &mut String) -> fmt::Result {
        let counts: Vec<String> = self.verdicts.iter().map(|(word, count)| format!("{count} {word}")).collect();
        writeln!(out, "rounds: {} of {} ({})", self.rounds.len(), self.rounds_wanted, counts.join(", "))?;
        for spread in &self.times {
            let TimeSpread { entry, time, rounds, min_seconds, median_seconds, max_seconds, median_interval } = spread;
            let entry = visible_line(entry);
            writeln!(
                out,
                "{entry}: {time}: {min_seconds:.3} to {max_seconds:.3} s, median {median_seconds:.3} s, {} ({rounds} of {})",
                interval_words(median_interval.as_ref()),
                self.rounds.len()
            )?;
        }
        let seeds: Vec<String> = self.seeds.iter().map(ToString::to_string).collect();
        writeln!(out, "seeds: {}", seeds.join(", "))?;
        writeln!(out, "verdict: {}", self.verdict.word())
    }
}

fn interval_words(interval: Option<&MedianInterval>) -> String {
    match interval {
        Some(MedianInterval { low, high, level }) => {
            format!("median within {low:.3} to {high:.3} s at {:.1} %", level * 100.0)
        }
        None => format!("no 95 % interval below {LEAST_VALUES} values"),
    }
}

/// The times of all rounds, in the order of the first round that has them.
fn spreads(rounds: &[Report]) -> Vec<TimeSpread> {
    let mut times: Vec<(String, &str, Vec<f64>)> = Vec::new();
    for entry in rounds.iter().flat_map(|round| &round.entries) {
        let in_force = entry.bounds.in_force_seconds;
        let all = [
            ("time to detect", entry.time_to_detect_seconds),
            ("time to recover", entry.time_to_recover_seconds),
            ("time in force (at least)", in_force.map(|range| range.at_least)),
            ("time in force (at most)", in_force.and_then(|range| range.at_most)),
            ("time to abort", entry.time_to_abort_seconds),
        ];
        for (time, value) in all {
            let Some(value) = value else { continue };
            match times.iter_mut().find(|(name, which, _)| *name == entry.name && *which == time) {
                Some((_, _, values)) => values.push(value),
                None => times.push((entry.name.clone(), time, vec![value])),
            }
        }
    }
    times.into_iter().filter_map(|(entry, time, values)| spread(entry, time, values)).collect()
}

fn spread(entry: String, time: &str, mut values: Vec<f64>) -> Option<TimeSpread> {
    values.sort_by(f64::total_cmp);
    let (upper, lower) = (*values.get(values.len() / 2)?, *values.get((values.len() - 1) / 2)?);
    Some(TimeSpread {
        entry,
        time: time.to_owned(),
        rounds: u32::try_from(values.len()).unwrap_or(u32::MAX),
        min_seconds: *values.first()?,
        median_seconds: f64::midpoint(lower, upper),
        max_seconds: *values.last()?,
        median_interval: median_interval(&values),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_has_the_ends_and_the_median() {
        let found = spread("web".into(), "time to detect", vec![3.0, 1.0, 2.0, 8.0]).unwrap();
        assert_eq!((found.min_seconds, found.median_seconds, found.max_seconds, found.rounds), (1.0, 2.5, 8.0, 4));
        assert_eq!(found.median_interval, None);
        assert_eq!(interval_words(None), "no 95 % interval below 6 values");
        let six = spread("web".into(), "time to detect", vec![3.0, 1.0, 2.0, 8.0, 5.0, 4.0]).unwrap();
        assert_eq!(interval_words(six.median_interval.as_ref()), "median within 1.000 to 8.000 s at 96.9 %");
        assert_eq!(spread("web".into(), "time to detect", vec![]), None);
    }
}
