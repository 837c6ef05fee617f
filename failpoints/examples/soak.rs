//! A randomised run of the blocking and the `async` forms: no firing lost, none doubled, against the counters.
//!
//! `cargo run --release -p chaos-failpoints --features tokio --example soak -- 3600 [SEED]` runs for an hour. In each
//! round threads (or tasks) hammer shared sites while others arm, replace and disarm them for the whole process, and
//! every worker also arms a site in a scope of its own. What the code at the sites saw is compared with what the
//! guards counted; the first difference ends the run with exit code 1 and the seed that repeats its decisions.

use std::{
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use chaos_failpoints::{Guard, HitCounts, Rule, Scope, arm, fail_check};

/// A generator of our own: the run must be repeatable without a dependency (`SplitMix64`).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % below
    }

    /// A rule that returns: any mixture of conditions, sometimes a sequence.
    fn rule(&mut self) -> Rule {
        let mut rule = Rule::fail().skip(self.roll(4)).every(1 + self.roll(4));
        if self.roll(2) == 0 {
            rule = rule.at_most(self.roll(200));
        }
        if self.roll(2) == 0 {
            let percent = f64::from(u32::try_from(self.roll(101)).unwrap_or(0));
            rule = rule.rate(percent / 100.0).expect("a percentage of 0 to 100");
        }
        rule = rule.seed(self.roll(u64::MAX));
        if self.roll(3) == 0 { rule.then(Rule::fail().at_most(self.roll(50))) } else { rule }
    }
}

/// What a round adds up to.
#[derive(Default)]
struct Totals {
    /// Fires that the code at the shared sites saw.
    shared_seen: AtomicU64,
    /// Evaluations and fires in the workers' own scopes.
    own_hits: AtomicU64,
    own_fires: AtomicU64,
    wrong: AtomicU64,
}

const SHARED: [&str; 2] = ["soak.shared", "soak.shared_async"];

fn shared() -> bool {
    fail_check!("soak.shared").is_some()
}

fn own() -> bool {
    fail_check!("soak.own").is_some()
}

async fn shared_async() -> bool {
    fail_check!(async "soak.shared_async").is_some()
}

async fn own_async() -> bool {
    fail_check!(async "soak.own_async").is_some()
}

/// Judges one arming in a scope of one worker, which saw every evaluation of it.
fn judge(totals: &Totals, hits: u64, fires: u64, counted: HitCounts) {
    totals.own_hits.fetch_add(hits, Ordering::Relaxed);
    totals.own_fires.fetch_add(fires, Ordering::Relaxed);
    if (hits, fires) != (counted.hits, counted.fires) {
        println!("in a scope: saw {hits} hits and {fires} fires, the guard counted {counted:?}");
        totals.wrong.fetch_add(1, Ordering::Relaxed);
    }
}

/// One blocking worker: own scope, own rule, and the shared site all along.
fn work(totals: &Totals, stop: &AtomicBool, mut dice: Dice) {
    while !stop.load(Ordering::Relaxed) {
        let scope = Scope::new("own");
        let guard = scope.arm("soak.own", dice.rule()).expect("the site is in this file");
        let hits = dice.roll(400);
        let mut fires = 0;
        for _ in 0..hits {
            fires += u64::from(scope.run(own));
            totals.shared_seen.fetch_add(u64::from(shared()), Ordering::Relaxed);
        }
        judge(totals, hits, fires, guard.disarm());
    }
}

/// The same as a task.
async fn work_async(totals: Arc<Totals>, stop: Arc<AtomicBool>, mut dice: Dice) {
    while !stop.load(Ordering::Relaxed) {
        let scope = Scope::new("own task");
        let delay = Duration::from_micros(dice.roll(50));
        let rule = if dice.roll(8) == 0 { dice.rule().after(delay) } else { dice.rule() };
        let guard = scope.arm("soak.own_async", rule).expect("the site is in this file");
        let hits = dice.roll(100);
        let mut fires = 0;
        for _ in 0..hits {
            fires += u64::from(scope.wrap(own_async()).await);
            totals.shared_seen.fetch_add(u64::from(shared_async().await), Ordering::Relaxed);
            if dice.roll(16) == 0 {
                tokio::task::yield_now().await;
            }
        }
        judge(&totals, hits, fires, guard.disarm());
    }
}

/// Arms, replaces and disarms a shared site until the time is up; returns all the guards, whose counts stay.
fn rearm(site: &str, until: Instant, dice: &mut Dice) -> Vec<Guard> {
    let mut guards: Vec<Guard> = Vec::new();
    while Instant::now() < until {
        guards.push(arm(site, dice.rule()).expect("the site is in this file"));
        for _ in 0..dice.roll(2000) {
            std::hint::spin_loop();
        }
        if dice.roll(3) == 0 {
            std::thread::yield_now();
        }
    }
    guards
}

/// Runs one form for a while and says whether everything added up.
fn round(form: usize, seed: u64, time: Duration, runtime: &tokio::runtime::Runtime) -> (bool, [u64; 4]) {
    let (totals, stop) = (Arc::new(Totals::default()), Arc::new(AtomicBool::new(false)));
    let mut dice = Dice(seed);
    let workers = 2 + dice.roll(3);
    let until = Instant::now() + time;
    let dices: Vec<_> = (0..workers).map(|_| Dice(dice.roll(u64::MAX))).collect();
    let guards = if form == 0 {
        std::thread::scope(|threads| {
            for dice in dices {
                threads.spawn(|| work(&totals, &stop, dice));
            }
            let guards = rearm(SHARED[0], until, &mut dice);
            stop.store(true, Ordering::Relaxed);
            guards
        })
    } else {
        let tasks: Vec<_> = dices
            .into_iter()
            .map(|dice| runtime.spawn(work_async(Arc::clone(&totals), Arc::clone(&stop), dice)))
            .collect();
        let guards = rearm(SHARED[1], until, &mut dice);
        stop.store(true, Ordering::Relaxed);
        let ended: Result<Vec<()>, _> = runtime.block_on(async {
            let mut ended = Vec::new();
            for task in tasks {
                ended.push(task.await);
            }
            ended.into_iter().collect()
        });
        if let Err(error) = ended {
            println!("a worker ended badly: {error}");
            totals.wrong.fetch_add(1, Ordering::Relaxed);
        }
        guards
    };
    // Every worker has ended, so every count is final.
    let counted: u64 = guards.iter().map(Guard::fires).sum();
    let observed = totals.shared_seen.load(Ordering::Relaxed);
    if counted != observed {
        println!("{}: the code saw {observed} fires, {} guards counted {counted}", SHARED[form], guards.len());
    }
    let right = counted == observed && totals.wrong.load(Ordering::Relaxed) == 0;
    let own_hits = totals.own_hits.load(Ordering::Relaxed);
    let own_fires = totals.own_fires.load(Ordering::Relaxed);
    (right, [guards.len() as u64, observed, own_hits, own_fires])
}

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1).map(|text| text.parse::<u64>());
    let (Some(Ok(seconds)), seed, rest) = (arguments.next(), arguments.next(), arguments.next()) else {
        println!("usage: soak SECONDS [SEED [REST_MS]], resting so long after each round of 200 ms");
        return ExitCode::from(64);
    };
    let seed = seed.and_then(Result::ok).unwrap_or_else(chaos_failpoints::process_seed);
    let rest = Duration::from_millis(rest.and_then(Result::ok).unwrap_or(0));
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(3).enable_time().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            println!("no runtime: {error}");
            return ExitCode::from(70);
        }
    };
    println!("seed {seed}, {seconds} s");
    let (start, mut dice) = (Instant::now(), Dice(seed));
    let mut sums = [[0_u64; 4]; 2];
    let mut rounds = [0_u64; 2];
    let mut told = 0;
    while start.elapsed() < Duration::from_secs(seconds) {
        let form = usize::from(dice.roll(2) == 1);
        let round_seed = dice.roll(u64::MAX);
        runtime.block_on(async { tokio::time::sleep(rest).await });
        let (right, counts) = round(form, round_seed, Duration::from_millis(200), &runtime);
        rounds[form] += 1;
        for (sum, count) in sums[form].iter_mut().zip(counts) {
            *sum += count;
        }
        if !right {
            println!("WRONG in form {form}, round seed {round_seed}, seed {seed}");
            return ExitCode::FAILURE;
        }
        if start.elapsed().as_secs() / 300 > told {
            told = start.elapsed().as_secs() / 300;
            tell(start, rounds, sums);
        }
    }
    tell(start, rounds, sums);
    println!("nothing lost, nothing doubled");
    ExitCode::SUCCESS
}

fn tell(start: Instant, rounds: [u64; 2], sums: [[u64; 4]; 2]) {
    for (form, (rounds, [armings, shared, hits, fires])) in
        ["blocking", "async"].iter().zip(rounds.into_iter().zip(sums))
    {
        println!(
            "{:>5} s  {form:<8} {rounds} rounds, {armings} armings, {shared} shared fires; in scopes {hits} hits, {fires} fires",
            start.elapsed().as_secs()
        );
    }
}
