//! All targets in turn, on all cores, until enough inputs were fed or the time is over.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};
use serde::Serialize;

use crate::attempt::{Attempt, attempt};
use crate::corpus::keep;
use crate::documents::Dice;
use crate::memory::PeakMemory;
use crate::mutate::spoil;
use crate::target::FuzzTarget;

/// A parser that is still busy after that is taken to hang, however busy the machine is.
const HANG: Duration = Duration::from_mins(1);

/// An input that adds so many bytes to the most memory that the process ever had takes too much; the longest input has some
/// 100 KiB.
const MEMORY: u64 = 64 << 20;

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
    /// Seconds of processor time.
    pub processor_seconds: f64,
    /// The most memory that the process ever had, in bytes.
    pub peak_bytes: u64,
    /// By target.
    pub targets: BTreeMap<String, Figures>,
    /// What broke.
    pub findings: Vec<FuzzFinding>,
}

/// How a fuzzer is set up.
pub struct Fuzzer<'a> {
    /// The targets.
    pub names: &'a [String],
    /// Makes the target of a name.
    pub target: &'a (dyn Fn(&str) -> Option<Box<dyn FuzzTarget>> + Sync),
    /// The same seed gives the same inputs.
    pub seed: u64,
    /// When it stops.
    pub limit: Limit,
    /// Threads.
    pub workers: usize,
    /// Where inputs that broke something are put.
    pub corpus: &'a Path,
}

/// The input of a number; `true` where it is as it was made.
pub fn input(target: &mut dyn FuzzTarget, seed: u64, index: u64) -> (Vec<u8>, bool) {
    let mut dice = Dice::new(seed ^ index.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let mut input = target.make(&mut dice);
    let spoilt = dice.below(10) < SPOILT;
    if spoilt {
        spoil(&mut input, target.words(), &mut dice);
    }
    (input, !spoilt)
}

/// What the workers share.
struct Shared<'a> {
    fuzzer: &'a Fuzzer<'a>,
    began: Instant,
    next: AtomicU64,
    over: AtomicBool,
    outcome: Mutex<FuzzOutcome>,
}

/// The input that a worker is at, and since when.
type Slot = Mutex<Option<(Instant, u64)>>;

impl Fuzzer<'_> {
    /// Feeds inputs; `tell` is called several times a second with what was fed so far.
    pub fn run(&self, tell: impl Fn(u64, Duration)) -> FuzzOutcome {
        let (next, over) = (AtomicU64::new(0), AtomicBool::new(false));
        let shared = Shared { fuzzer: self, began: Instant::now(), next, over, outcome: Mutex::default() };
        let slots: Vec<Slot> = (0..self.workers).map(|_| Mutex::default()).collect();
        std::thread::scope(|scope| {
            let running: Vec<_> = slots.iter().map(|slot| scope.spawn(|| work(&shared, slot))).collect();
            while running.iter().any(|one| !one.is_finished()) {
                std::thread::park_timeout(Duration::from_millis(200));
                tell(shared.next.load(Ordering::Relaxed), shared.began.elapsed());
                self.abort_if_one_hangs(&slots);
            }
        });
        let mut outcome = shared.outcome.into_inner().unwrap_or_else(PoisonError::into_inner);
        outcome.seed = self.seed;
        outcome.seconds = shared.began.elapsed().as_secs_f64();
        outcome.processor_seconds = processor_seconds();
        outcome.peak_bytes = PeakMemory::new().now();
        outcome
    }

    fn name(&self, index: u64) -> (usize, &str) {
        let at = usize::try_from(index).unwrap_or(0) % self.names.len();
        (at, &self.names[at])
    }

    fn abort_if_one_hangs(&self, slots: &[Slot]) {
        for slot in slots {
            let at = *slot.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some((since, index)) = at.filter(|(since, _)| since.elapsed() > HANG) {
                let name = self.name(index).1;
                eprintln!("error: `{name}` hangs since {:?} in input {index} of seed {}", since.elapsed(), self.seed);
                std::process::abort();
            }
        }
    }
}

fn processor_seconds() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0)).as_secs_f64()
}

fn work(shared: &Shared<'_>, slot: &Slot) {
    let fuzzer = shared.fuzzer;
    let mut targets: Vec<_> = fuzzer.names.iter().filter_map(|name| (fuzzer.target)(name)).collect();
    let mut figures = vec![Figures::default(); targets.len()];
    let memory = PeakMemory::new();
    let mut peak = memory.now();
    while !shared.over.load(Ordering::Relaxed) && targets.len() == fuzzer.names.len() && !targets.is_empty() {
        let index = shared.next.fetch_add(1, Ordering::Relaxed);
        let over = match fuzzer.limit {
            Limit::Inputs(most) => index >= most,
            Limit::Time(most) => shared.began.elapsed() >= most,
        };
        if over {
            break;
        }
        *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), index));
        let (chosen, name) = fuzzer.name(index);
        let target = targets[chosen].as_mut();
        let (input, made) = input(target, fuzzer.seed, index);
        let came = attempt(target, &input);
        let own = &mut figures[chosen];
        let accepted = u64::from(came == Attempt::Accepted);
        // What a target needs once, such as its schemas, is not its input's.
        let warm = own.inputs > 100;
        own.inputs += 1;
        own.made += u64::from(made);
        own.accepted += accepted;
        own.made_accepted += accepted * u64::from(made);
        let more = memory.now().saturating_sub(peak);
        peak += more;
        match came {
            Attempt::Broke(what) => found(shared, name, index, &input, what),
            _ if warm && more > MEMORY => found(shared, name, index, &input, format!("took {more} bytes of memory")),
            _ => {}
        }
    }
    *slot.lock().unwrap_or_else(PoisonError::into_inner) = None;
    let mut outcome = shared.outcome.lock().unwrap_or_else(PoisonError::into_inner);
    for (name, own) in fuzzer.names.iter().zip(figures) {
        let all = outcome.targets.entry(name.clone()).or_default();
        all.inputs += own.inputs;
        all.made += own.made;
        all.accepted += own.accepted;
        all.made_accepted += own.made_accepted;
    }
}

fn found(shared: &Shared<'_>, target: &str, index: u64, input: &[u8], what: String) {
    let file = keep(shared.fuzzer.corpus, target, &format!("{:x}-{index}", shared.fuzzer.seed), input).ok();
    let mut outcome = shared.outcome.lock().unwrap_or_else(PoisonError::into_inner);
    outcome.findings.push(FuzzFinding { target: target.to_owned(), index, what, file });
    shared.over.fetch_or(outcome.findings.len() >= ENOUGH, Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attempt::catch_panics;
    use crate::target::Breach;

    /// Breaks in each of the ways that the fuzzer has to see, and some inputs in none.
    struct Broken;

    impl FuzzTarget for Broken {
        fn make(&mut self, dice: &mut Dice) -> Vec<u8> {
            dice.pick(&[&b"fine"[..], b"panic", b"breach"]).to_vec()
        }

        fn feed(&self, input: &[u8]) -> Result<bool, Breach> {
            match input {
                b"panic" => panic!("on purpose"),
                b"breach" => return Err(Breach("a property".to_owned())),
                b"busy" => {
                    let began = processor_seconds();
                    while processor_seconds() - began < 1.5 {
                        std::hint::spin_loop();
                    }
                }
                b"large" => drop(std::hint::black_box(vec![1_u8; 200 << 20])),
                _ => {}
            }
            Ok(true)
        }
    }

    #[expect(clippy::unnecessary_wraps, reason = "it stands for the table of targets, which has gaps")]
    fn broken(_: &str) -> Option<Box<dyn FuzzTarget>> {
        Some(Box::new(Broken))
    }

    #[test]
    fn whatever_breaks_is_reported_and_its_input_is_kept() {
        catch_panics();
        let folder = tempfile::tempdir().unwrap();
        let names = ["broken".to_owned()];
        let limit = Limit::Inputs(400);
        let fuzzer = Fuzzer { names: &names, target: &broken, seed: 3, limit, workers: 1, corpus: folder.path() };
        let outcome = fuzzer.run(|_, _| {});
        for (input, what) in [("panic", "on purpose"), ("breach", "a property")] {
            let of_kind = |one: &&FuzzFinding| std::fs::read(one.file.as_ref().unwrap()).unwrap() == input.as_bytes();
            let finding = outcome.findings.iter().find(of_kind).unwrap_or_else(|| panic!("no {input}: {outcome:?}"));
            assert!(finding.what.contains(what) && finding.target == "broken", "{finding:?}");
            let again = super::input(&mut Broken, 3, finding.index).0;
            assert_eq!(again, input.as_bytes(), "the same seed and number give the same input");
        }
    }

    /// Makes one input that breaks, after many that don't.
    struct Late(&'static [u8], usize);

    impl FuzzTarget for Late {
        fn make(&mut self, _: &mut Dice) -> Vec<u8> {
            self.1 = self.1.saturating_sub(1);
            if self.1 == 0 { self.0.to_vec() } else { b"fine".to_vec() }
        }

        fn feed(&self, input: &[u8]) -> Result<bool, Breach> {
            Broken.feed(input)
        }
    }

    #[test]
    fn an_input_that_takes_time_or_memory_is_reported() {
        for (input, what) in [("busy", "of processor time"), ("large", "bytes of memory")] {
            let of = move |_: &str| -> Option<Box<dyn FuzzTarget>> { Some(Box::new(Late(input.as_bytes(), 150))) };
            let folder = tempfile::tempdir().unwrap();
            let (names, limit) = ([input.to_owned()], Limit::Inputs(160));
            let fuzzer = Fuzzer { names: &names, target: &of, seed: 1, limit, workers: 1, corpus: folder.path() };
            let outcome = fuzzer.run(|_, _| {});
            let found = outcome.findings.iter().any(|one| one.what.contains(what));
            assert!(found, "{input}: {outcome:?}");
        }
    }
}
