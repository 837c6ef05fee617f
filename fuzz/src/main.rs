//! `fuzz [TARGET…] --minutes N | --inputs N [--seed S] [--format json]`; see `cargo xtask fuzz`. With `--show N` it writes the
//! input of a number in place of feeding it.

use std::cell::Cell;
use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::time::Duration;

use chaos_fuzz::{FuzzOutcome, Fuzzer, Limit, NAMES, catch_panics, folder, input, of_name};
use rustix::process::{Resource, Rlimit, setrlimit};

/// Address space of the whole run: a parser that takes more fails to allocate, and aborts.
const MEMORY: u64 = 4 << 30;

const USAGE: &str = "usage: fuzz [TARGET…] --minutes N | --inputs N [--seed S] [--format json] [--show N]";

struct Arguments {
    names: Vec<String>,
    limit: Limit,
    seed: u64,
    json: bool,
    show: Option<u64>,
}

fn arguments() -> Option<Arguments> {
    let mut read = Arguments { names: Vec::new(), limit: Limit::Inputs(100_000), seed: 1, json: false, show: None };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        match word.as_str() {
            "--minutes" => {
                let minutes: f64 = words.next()?.parse().ok()?;
                read.limit = Limit::Time(Duration::try_from_secs_f64(minutes * 60.0).ok()?);
            }
            "--inputs" => read.limit = Limit::Inputs(words.next()?.parse().ok()?),
            "--seed" => read.seed = words.next()?.parse().ok()?,
            "--show" => read.show = Some(words.next()?.parse().ok()?),
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
    let Some(Arguments { names, limit, seed, json, show }) = arguments() else {
        eprintln!("error: {USAGE}\ntargets: {}", NAMES.join(", "));
        return ExitCode::from(64);
    };
    if let Some(index) = show {
        return shown(&names, seed, index);
    }
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
    let corpus = folder();
    let fuzzer = Fuzzer { names: &names, target: &of_name, seed, limit, workers, corpus: &corpus };
    let outcome = fuzzer.run(tell);
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

/// Writes the input of a number, by the target whose turn it is.
fn shown(names: &[String], seed: u64, index: u64) -> ExitCode {
    let name = &names[usize::try_from(index).unwrap_or(0) % names.len()];
    let Some(mut target) = of_name(name) else { return ExitCode::FAILURE };
    let (bytes, _) = input(target.as_mut(), seed, index);
    match std::io::stdout().write_all(&bytes) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn text(outcome: &FuzzOutcome) {
    let share = |part: u64, whole: u64| (part * 100).checked_div(whole).unwrap_or(0);
    for (name, own) in &outcome.targets {
        let (valid, accepted) = (share(own.made_accepted, own.made), share(own.accepted, own.inputs));
        println!("{name:22} {:9} inputs, {valid:3} % valid as made, {accepted:3} % accepted in all", own.inputs);
    }
    for finding in &outcome.findings {
        let file = finding.file.as_deref().map_or_else(|| "not kept".into(), |file| file.to_string_lossy());
        println!("FOUND {} (input {}, {file}): {}", finding.target, finding.index, finding.what);
    }
    let all: u64 = outcome.targets.values().map(|own| own.inputs).sum();
    println!(
        "{all} inputs in {:.0} s, {:.0} s of processor time, {} MiB at the most, seed {}: {} broke something",
        outcome.seconds,
        outcome.processor_seconds,
        outcome.peak_bytes >> 20,
        outcome.seed,
        outcome.findings.len()
    );
}
