//! Runs a campaign on every core until its bound.

use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::campaign::Campaign;
use crate::place::Place;
use crate::round::Round;
use crate::tally::Tally;

/// When a campaign ends.
#[derive(Debug, Clone, Copy)]
pub enum Bound {
    /// After so many rounds.
    Rounds(u64),
    /// After so much time.
    Time(Duration),
}

/// How a campaign is run.
#[derive(Debug)]
pub struct Drive<'a> {
    /// The program that is attacked.
    pub program: &'a Path,
    /// When it ends.
    pub bound: Bound,
    /// The seed of the first round; those of the next ones count up.
    pub seed: u64,
    /// Rounds at a time.
    pub jobs: usize,
    /// How long a program of a round may take.
    pub patience: Duration,
    /// Set when the rest of the rounds is to be left out.
    pub stop: &'a AtomicBool,
}

/// A campaign that was run.
#[derive(Debug)]
pub struct Ran {
    /// The campaign's name.
    pub name: &'static str,
    /// What its rounds met.
    pub tally: Tally,
    /// How long they took together.
    pub took: Duration,
}

impl Drive<'_> {
    /// Runs it; every finding is written to standard error at once.
    pub fn run(&self, campaign: &dyn Campaign) -> Ran {
        let start = Instant::now();
        let (next, whole) = (AtomicU64::new(0), Mutex::new(Tally::default()));
        thread::scope(|scope| {
            for _ in 0..self.jobs.max(1) * campaign.lanes() {
                scope.spawn(|| self.lane(campaign, &next, start, &whole));
            }
        });
        let tally = whole.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        Ran { name: campaign.name(), tally, took: start.elapsed() }
    }

    fn lane(&self, campaign: &dyn Campaign, next: &AtomicU64, start: Instant, whole: &Mutex<Tally>) {
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let over = match self.bound {
                Bound::Rounds(rounds) => index >= rounds,
                Bound::Time(time) => start.elapsed() >= time,
            };
            if over || self.stop.load(Ordering::Relaxed) {
                return;
            }
            let tally = self.one(campaign, self.seed.wrapping_add(index));
            for (seed, finding) in &tally.findings {
                eprintln!("{}: {finding}\n  again: --seed {seed} --rounds 1", campaign.name());
            }
            whole.lock().unwrap_or_else(std::sync::PoisonError::into_inner).add(tally);
        }
    }

    /// One round with its own seed.
    fn one(&self, campaign: &dyn Campaign, seed: u64) -> Tally {
        let start = Instant::now();
        let mut tally = Tally::default();
        let make = if campaign.is_guarded() { Place::with_guardian } else { Place::new };
        let found = match make(self.program) {
            Ok(place) => {
                let mut round = Round::new(seed, place, self.patience);
                let found = campaign.round(&mut round);
                tally = std::mem::take(&mut round.tally);
                found
            }
            Err(error) => Err(error.into()),
        };
        tally.times.push(start.elapsed());
        tally.findings.extend(found.err().map(|finding| (seed, finding)));
        tally
    }
}
