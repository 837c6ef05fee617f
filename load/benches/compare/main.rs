//! Measures this engine beside its peers, in one run: `cargo bench -p chaos-load --bench compare -- PART`.
//!
//! Parts: `cost`, `memory`, `start`, `paced`, `rate`, `stall`, `small`, `traced`, `growth MINUTES`. Peers that are not
//! installed are skipped and named. Nothing here is a test: figures go to `benches/README.md`.

#![expect(clippy::unwrap_used, reason = "a bench that cannot go on may as well stop there")]

mod cost;
mod measure;
mod pace;
mod recorder;
mod stall;
mod tools;
mod traced;

use std::io;
use std::process::ExitCode;

use chaos_fortio::FortioDocument;
use chaos_load::{LoadPlan, Rate, Stop, start};

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let part = words.first().map_or("", String::as_str);
    match part {
        // This binary is also the load generator that is measured.
        "load" => return ExitCode::from(chaos_fortio::run(&words, &mut io::stdout(), &mut io::stderr())),
        "open" => open(&words[1..]),
        "full" => traced::full(&words[1..]),
        "traced" => traced::traced(),
        "cost" => cost::cost(),
        "memory" => cost::memory(),
        "start" => pace::start_time(),
        "paced" => cost::paced(),
        "rate" => pace::rate(),
        "stall" => stall::stall(),
        "small" => stall::small(),
        "growth" => cost::growth(words.get(1).and_then(|word| word.parse().ok()).unwrap_or(1)),
        _ => println!("skipped: needs a part: cost memory start paced rate stall small traced growth"),
    }
    ExitCode::SUCCESS
}

/// Runs an open plan and prints its result file: `open URL QPS CONNECTIONS SECONDS`.
fn open(words: &[String]) {
    let number = |index: usize| words[index].parse::<f64>().unwrap();
    let mut load = LoadPlan::to(&words[0]).unwrap();
    load.rate = Rate::Qps(number(1));
    load.connections = words[2].parse().unwrap();
    load.stop = Stop::After(std::time::Duration::from_secs_f64(number(3)));
    let result = start(load).unwrap().wait_blocking();
    print!("{}", FortioDocument::of(&result).to_text().unwrap());
}
