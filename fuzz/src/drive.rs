//! All targets in turn, on all cores, until enough inputs were fed or the time is over.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::attempt::{Attempt, attempt};
use crate::corpus::keep;
use crate::documents::Dice;
use crate::mutate::spoil;
use crate::targets::of_name;

/// A parser that is still busy after that is taken to hang, however busy the machine is.
const HANG: Duration = Duration::from_mins(1);

/// Of ten inputs so many are spoilt.
const SPOILT: usize = 7;

/// Findings that end the run: they are one, most likely.
const ENOUGH: usize = 20;

/// When to stop.
#[derive(Debug, Clone, Copy)]
pub enum Limit {
    /// After so many inputs.
    Inputs(u64),
    /// After that time.
    Time(Duration),
}

/// What was fed to one target.
#[derive(Debug, Default, Clone, Serialize)]
pub struct Figures {
    /// Inputs.
    pub inputs: u64,
    /// Inputs that were fed as they were made.
    pub made: u64,
    /// Those of them that were accepted.
    pub made_accepted: u64,
    /// All inputs that were accepted.
    pub accepted: u64,
}

/// An input that broke something.
#[derive(Debug, Clone, Serialize)]
pub struct FuzzFinding {
    /// What it was fed to.
    pub target: String,
    /// Which one it was.
    pub index: u64,
    /// What broke.
    pub what: String,
    /// Where it is kept.
    pub file: Option<PathBuf>,
}

/// What a run of the fuzzer gave.
#[derive(Debug, Default, Serialize)]
pub struct FuzzOutcome {
    /// The seed that gives the same inputs again.
    pub seed: u64,
    /// Seconds.
    pub seconds: f64,
    /// By target.
    pub targets: BTreeMap<String, Figures>,
    /// What broke.
    pub findings: Vec<FuzzFinding>,
}

/// The input of a number; `true` where it is as it was made.
pub fn input(target: &mut dyn crate::FuzzTarget, seed: u64, index: u64) -> (Vec<u8>, bool) {
    let mut dice = Dice::new(seed ^ index.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let mut input = target.make(&mut dice);
    let spoilt = dice.below(10) < SPOILT;
    if spoilt {
        spoil(&mut input, &mut dice);
    }
    (input, !spoilt)
}

/// What the workers share.
struct Shared<'a> {
    names: &'a [String],
    seed: u64,
    limit: Limit,
    began: Instant,
    next: AtomicU64,
    over: AtomicBool,
    outcome: Mutex<FuzzOutcome>,
}

/// Feeds inputs; `tell` is called about once a second with what was fed so far.
pub fn drive(names: &[String], seed: u64, limit: Limit, workers: usize, tell: impl Fn(u64, Duration)) -> FuzzOutcome {
    let (next, over) = (AtomicU64::new(0), AtomicBool::new(false));
    let shared = Shared { names, seed, limit, began: Instant::now(), next, over, outcome: Mutex::default() };
    let current: Vec<Mutex<Option<(Instant, u64)>>> = (0..workers).map(|_| Mutex::default()).collect();
    std::thread::scope(|scope| {
        let running: Vec<_> = current.iter().map(|slot| scope.spawn(|| work(&shared, slot))).collect();
        while running.iter().any(|one| !one.is_finished()) {
            std::thread::park_timeout(Duration::from_millis(200));
            tell(shared.next.load(Ordering::Relaxed), shared.began.elapsed());
            for slot in &current {
                let at = *slot.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some((since, index)) = at.filter(|(since, _)| since.elapsed() > HANG) {
                    let name = &names[usize::try_from(index).unwrap_or(0) % names.len()];
                    eprintln!("error: `{name}` hangs since {:?} in input {index} of seed {seed}", since.elapsed());
                    std::process::abort();
                }
            }
        }
    });
    let mut outcome = shared.outcome.into_inner().unwrap_or_else(PoisonError::into_inner);
    outcome.seed = seed;
    outcome.seconds = shared.began.elapsed().as_secs_f64();
    outcome
}

fn work(shared: &Shared<'_>, current: &Mutex<Option<(Instant, u64)>>) {
    let mut targets: Vec<_> = shared.names.iter().filter_map(|name| of_name(name)).collect();
    let mut figures = vec![Figures::default(); targets.len()];
    while !shared.over.load(Ordering::Relaxed) && !targets.is_empty() {
        let index = shared.next.fetch_add(1, Ordering::Relaxed);
        let over = match shared.limit {
            Limit::Inputs(most) => index >= most,
            Limit::Time(most) => shared.began.elapsed() >= most,
        };
        if over {
            break;
        }
        *current.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), index));
        let chosen = usize::try_from(index).unwrap_or(0) % targets.len();
        let target = targets[chosen].as_mut();
        let (input, made) = input(target, shared.seed, index);
        let came = attempt(target, &input);
        let (own, accepted) = (&mut figures[chosen], u64::from(came == Attempt::Accepted));
        own.inputs += 1;
        own.made += u64::from(made);
        own.accepted += accepted;
        own.made_accepted += accepted * u64::from(made);
        if let Attempt::Broke(what) = came {
            found(shared, &shared.names[chosen], index, &input, what);
        }
    }
    *current.lock().unwrap_or_else(PoisonError::into_inner) = None;
    let mut outcome = shared.outcome.lock().unwrap_or_else(PoisonError::into_inner);
    for (name, own) in shared.names.iter().zip(figures) {
        let all = outcome.targets.entry(name.clone()).or_default();
        all.inputs += own.inputs;
        all.made += own.made;
        all.accepted += own.accepted;
        all.made_accepted += own.made_accepted;
    }
}

fn found(shared: &Shared<'_>, target: &str, index: u64, input: &[u8], what: String) {
    let file = keep(target, &format!("{:x}-{index}", shared.seed), input).ok();
    let mut outcome = shared.outcome.lock().unwrap_or_else(PoisonError::into_inner);
    outcome.findings.push(FuzzFinding { target: target.to_owned(), index, what, file });
    shared.over.fetch_or(outcome.findings.len() >= ENOUGH, Ordering::Relaxed);
}
