//! What the rounds met.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::flaw::{Flaw, FlawKind};

/// Figures of rounds.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// How often something was met: kills by moment, corruptions by kind.
    pub met: BTreeMap<String, u64>,
    /// How often each of a row's parts was killed: by the row, and by what was killed.
    pub kills: BTreeMap<&'static str, BTreeMap<&'static str, u64>>,
    /// In how many rounds of a row its effect was seen when something was killed or stopped.
    pub seen: BTreeMap<&'static str, u64>,
    /// How long effects stayed in force after the death of their run, where its guardian lived.
    pub after_death: Vec<Duration>,
    /// How long each round took.
    pub times: Vec<Duration>,
    /// What was found, with the seed that finds it again.
    pub findings: Vec<(u64, Flaw)>,
}

impl Tally {
    /// Counts something that was met.
    pub fn count(&mut self, what: &str) {
        *self.met.entry(what.to_owned()).or_default() += 1;
    }

    /// Counts a kill, or a stop, of a row.
    pub fn count_kill(&mut self, row: &'static str, what: &'static str) {
        *self.kills.entry(row).or_default().entry(what).or_default() += 1;
    }

    /// Counts an effect that was seen.
    pub fn count_seen(&mut self, row: &'static str) {
        *self.seen.entry(row).or_default() += 1;
    }

    /// Takes over the figures of other rounds.
    pub fn add(&mut self, more: Self) {
        for (what, times) in more.met {
            *self.met.entry(what).or_default() += times;
        }
        for (row, times) in more.seen {
            *self.seen.entry(row).or_default() += times;
        }
        for (row, kills) in more.kills {
            for (what, times) in kills {
                *self.kills.entry(row).or_default().entry(what).or_default() += times;
            }
        }
        self.after_death.extend(more.after_death);
        self.times.extend(more.times);
        self.findings.extend(more.findings);
    }

    /// How many findings are of a kind.
    pub fn found(&self, kind: FlawKind) -> usize {
        self.findings.iter().filter(|(_, finding)| finding.kind == kind).count()
    }

    /// The time that so many of a hundred rounds stayed within.
    pub fn percentile(&self, of_hundred: usize) -> Duration {
        percentile(&self.times, of_hundred)
    }

    /// How long so many of a hundred effects at most stayed in force after the death of their run.
    pub fn after_death(&self, of_hundred: usize) -> Duration {
        percentile(&self.after_death, of_hundred)
    }
}

fn percentile(times: &[Duration], of_hundred: usize) -> Duration {
    let mut times = times.to_vec();
    times.sort();
    times.get((times.len() * of_hundred / 100).min(times.len().saturating_sub(1))).copied().unwrap_or_default()
}
