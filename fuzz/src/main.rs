//! `fuzz [TARGET…] --minutes N | --inputs N [--seed S] [--format json]`; see `cargo xtask fuzz`.

use std::cell::Cell;
use std::io::IsTerminal;
use std::process::ExitCode;
use std::time::Duration;

use chaos_fuzz::{FuzzOutcome, Limit, NAMES, catch_panics, drive};
use rustix::process::{Resource, Rlimit, setrlimit};

/// Address space of the whole run: a parser that takes more fails to allocate, and aborts.
const MEMORY: u64 = 4 << 30;

const USAGE: &str = "usage: fuzz [TARGET…] --minutes N | --inputs N [--seed S] [--format json]";

struct Arguments {
    names: Vec<String>,
    limit: Limit,
    seed: u64,
    json: bool,
}

fn arguments() -> Option<Arguments> {
    let mut read = Arguments { names: Vec::new(), limit: Limit::Inputs(100_000), seed: 1, json: false };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        match word.as_str() {
            "--minutes" => {
                let minutes: f64 = words.next()?.parse().ok()?;
                read.limit = Limit::Time(Duration::try_from_secs_f64(minutes * 60.0).ok()?);
            }
            "--inputs" => read.limit = Limit::Inputs(words.next()?.parse().ok()?),
            "--seed" => read.seed = words.next()?.parse().ok()?,
            "--format" => read.json = words.next()? == "json",
            name if NAMES.contains(&name) => read.names.push(word),
            _ => return None,
        }
    }
    if read.names.is_empty() {
        read.names = NAMES.iter().map(ToString::to_string).collect();
    }
    Some(read)
}

fn main() -> ExitCode {
    let Some(Arguments { names, limit, seed, json }) = arguments() else {
        eprintln!("error: {USAGE}\ntargets: {}", NAMES.join(", "));
        return ExitCode::from(64);
    };
    let bound = Rlimit { current: Some(MEMORY), maximum: Some(MEMORY) };
    if let Err(error) = setrlimit(Resource::As, bound) {
        eprintln!("warning: memory is not bounded: {error}");
    }
    catch_panics();
    let terminal = std::io::stderr().is_terminal();
    let told = Cell::new(0);
    let tell = |fed: u64, time: Duration| {
        if terminal && time.as_secs() > told.get() {
            told.set(time.as_secs());
            eprint!("\r{fed} inputs in {} s", time.as_secs());
        }
    };
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    let outcome = drive(&names, seed, limit, workers, tell);
    if terminal {
        eprintln!();
    }
    if json {
        println!("{}", serde_json::to_string(&outcome).unwrap_or_default());
    } else {
        text(&outcome);
    }
    if outcome.findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn text(outcome: &FuzzOutcome) {
    let share = |part: u64, whole: u64| (part * 100).checked_div(whole).unwrap_or(0);
    for (name, own) in &outcome.targets {
        let (valid, accepted) = (share(own.made_accepted, own.made), share(own.accepted, own.inputs));
        println!("{name:22} {:9} inputs, {valid:3} % valid as made, {accepted:3} % accepted in all", own.inputs);
    }
    for finding in &outcome.findings {
        println!("FOUND {} (input {}): {}", finding.target, finding.index, finding.what);
    }
    let all: u64 = outcome.targets.values().map(|own| own.inputs).sum();
    let peak = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = peak.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default().trim().to_owned();
    println!(
        "{all} inputs in {:.1} s with seed {}, {peak} at the most: {} broke something",
        outcome.seconds,
        outcome.seed,
        outcome.findings.len()
    );
}
