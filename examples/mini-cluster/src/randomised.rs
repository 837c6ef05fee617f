//! Rounds of random systems, jobs and rules, in which every fire must be seen exactly once.

use std::time::{Duration, Instant};

use chaos_failpoints::{Guard, Rule, Scope};

use crate::{Cluster, JobId, JobSpec, Pace, Work, battery::Violation};

/// The sites that return an error: all of them.
const SITES: [&str; 7] = [
    "controller.dispatch",
    "worker.heartbeat",
    "worker.report_task_state",
    "worker.submit_task",
    "worker.bundle_download",
    "worker.create_container",
    "worker.task_monitor",
];
/// Seconds of the system that a round lasts; three of real time at a twentieth.
const ROUND: f64 = 60.0;
/// Pause between two rounds under the paused clock, which would otherwise use a whole processor.
const PAUSE: Duration = Duration::from_millis(20);

/// Totals over many rounds.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sums {
    /// Rounds.
    pub rounds: u64,
    /// Jobs that were submitted.
    pub jobs: u64,
    /// Containers that were created.
    pub containers: u64,
    /// Evaluations while a rule was in force.
    pub hits: u64,
    /// Fires, each seen once by the code at its site.
    pub fires: u64,
}

/// Runs rounds until the time is up.
///
/// # Errors
/// The first count that differs, with the seed of its round.
pub fn run_for(pace: Pace, seed: u64, time: Duration) -> Result<Sums, Violation> {
    let (start, mut dice, mut sums) = (Instant::now(), Dice(seed), Sums::default());
    while start.elapsed() < time {
        let round_seed = dice.roll(u64::MAX);
        round(pace, round_seed, &mut sums)
            .map_err(|violation| Violation::new(format!("{violation} (round seed {round_seed})")))?;
        if !pace.is_real() {
            std::thread::park_timeout(PAUSE);
        }
    }
    Ok(sums)
}

fn round(pace: Pace, seed: u64, sums: &mut Sums) -> Result<(), Violation> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(!pace.is_real())
        .build()
        .map_err(|error| Violation::new(format!("no runtime: {error}")))?;
    let (scope, mut dice) = (Scope::with_seed("randomised", seed), Dice(seed));
    let rules = SITES.into_iter().map(|site| scope.arm(site, dice.rule()?)).collect::<Result<Vec<_>, _>>()?;
    let (cluster, jobs) = runtime.block_on(scope.wrap(play(pace, &mut dice)));
    sums.rounds += 1;
    sums.jobs += jobs.len() as u64;
    sums.containers += u64::from(cluster.containers());
    for guard in &rules {
        let counts = guard.counts();
        sums.hits += counts.hits;
        sums.fires += counts.fires;
        compare(guard, "fires", counts.fires, cluster.controller.seen(guard.site()))?;
        if guard.site() == "worker.create_container" {
            compare(guard, "hits", counts.hits, cluster.containers().into())?;
        }
    }
    Ok(())
}

fn compare(guard: &Guard, what: &str, counted: u64, seen: u64) -> Result<(), Violation> {
    if counted == seen {
        return Ok(());
    }
    Err(Violation::new(format!("{}: {counted} {what} counted, {seen} seen by the code", guard.site())))
}

/// Starts a system, gives it jobs and lets it run.
async fn play(pace: Pace, dice: &mut Dice) -> (Cluster, Vec<JobId>) {
    let cpus: Vec<u32> = (0..=dice.roll(3)).map(|_| 1 + dice.small(4)).collect();
    let cluster = Cluster::start(pace, None, &cpus);
    let mut jobs = Vec::new();
    for at in 0..=dice.roll(5) {
        let mut spec = JobSpec::of(&format!("job {at}"), Work::of(1.0));
        spec.tasks = (0..=dice.roll(3)).map(|_| dice.work()).collect();
        spec.coscheduled = dice.roll(3) == 0;
        spec.max_retries_failure = dice.small(4);
        spec.max_redispatches = dice.small(4);
        spec.timeout_seconds = (dice.roll(3) == 0).then_some(8.0);
        jobs.push(cluster.controller.submit(spec));
        pace.sleep(f64::from(dice.small(10))).await;
    }
    pace.sleep(ROUND).await;
    (cluster, jobs)
}

/// A generator of our own, so that a seed always repeats a round (`SplitMix64`).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % below
    }

    fn small(&mut self, below: u8) -> u32 {
        u32::try_from(self.roll(below.into())).unwrap_or(0)
    }

    fn work(&mut self) -> Work {
        let exit = i32::from(self.roll(4) == 0);
        Work::exiting(f64::from(self.small(20)), &[exit, 0])
    }

    fn rule(&mut self) -> Result<Rule, chaos_failpoints::Error> {
        let mut rule = Rule::error("injected").skip(self.roll(4)).every(1 + self.roll(3));
        if self.roll(2) == 0 {
            rule = rule.at_most(self.roll(6));
        }
        rule.rate(f64::from(self.small(60)) / 100.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fifty_rounds_under_the_paused_clock_see_each_fire_once() {
        let mut sums = Sums::default();
        for seed in 0..50 {
            round(Pace::FULL, seed, &mut sums).unwrap();
        }
        assert!(sums.fires > 500 && sums.hits > 2 * sums.fires, "{sums:?}");
    }

    #[test]
    fn a_round_repeats_by_its_seed() {
        let counts = [0, 1].map(|_| {
            let mut sums = Sums::default();
            round(Pace::FULL, 7, &mut sums).unwrap();
            (sums.hits, sums.fires, sums.containers)
        });
        assert_eq!(counts[0], counts[1]);
    }
}
