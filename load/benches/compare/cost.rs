//! Processor time per call, and memory.

use crate::measure::{run, spread};
use crate::tools::{self, Nginx};

const ROUNDS: usize = 6;

/// Full speed, 16 connections, generator on core 1 and nginx on core 0: rounds interleaved.
pub(crate) fn cost() {
    let Some(nginx) = Nginx::start() else { return };
    let tools = tools::all();
    let mut costs = vec![Vec::new(); tools.len()];
    let mut rates = vec![Vec::new(); tools.len()];
    for _ in 0..ROUNDS {
        for (index, tool) in tools.iter().enumerate() {
            let cost = run(Some(1), &tool.full_speed(&nginx.url, 16, 4));
            let calls = tool.calls(&cost.out);
            costs[index].push(cost.cpu / calls * 1e6);
            rates[index].push(calls / 4.0);
        }
    }
    println!("| Generator | CPU us per call: min | median | max | median calls per second |\n|---|---|---|---|---|");
    for (index, tool) in tools.iter().enumerate() {
        let ((min, median, max), (_, rate, _)) = (spread(&costs[index]), spread(&rates[index]));
        println!("| {} | {min:.2} | {median:.2} | {max:.2} | {rate:.0} |", tool.name);
    }
}

/// Largest resident memory at 64 connections.
pub(crate) fn memory() {
    let Some(nginx) = Nginx::start() else { return };
    println!("| Generator | peak MB, 64 connections |\n|---|---|");
    for tool in tools::all() {
        let cost = run(Some(1), &tool.full_speed(&nginx.url, 64, 3));
        println!("| {} | {:.1} |", tool.name, megabytes(cost.peak_kb));
    }
}

/// Processor time at 300 and 5,000 calls a second.
pub(crate) fn paced() {
    let Some(nginx) = Nginx::start() else { return };
    println!("| Generator | calls per second | calls made | CPU us per call: min | median |\n|---|---|---|---|---|");
    for (qps, connections) in [(300, 4), (5000, 16)] {
        for tool in tools::all() {
            let Some(words) = tool.paced(&nginx.url, qps, connections, 4) else { continue };
            let runs: Vec<_> = (0..3).map(|_| run(Some(1), &words)).collect();
            let calls = tool.calls(&runs[0].out);
            let costs: Vec<f64> = runs.iter().map(|run| run.cpu / tool.calls(&run.out) * 1e6).collect();
            let (min, median, _) = spread(&costs);
            println!("| {} | {qps} | {calls:.0} | {min:.1} | {median:.1} |", tool.name);
        }
    }
}

/// One long run at 5,000 calls a second: memory and processor time per call.
pub(crate) fn growth(minutes: u64) {
    let Some(nginx) = Nginx::start() else { return };
    let tool = tools::ours();
    let words = tool.paced(&nginx.url, 5000, 16, minutes * 60).unwrap_or_default();
    let cost = run(Some(1), &words);
    let calls = tool.calls(&cost.out);
    println!(
        "{minutes} min: {calls:.0} calls, {:.1} MB, {:.2} us per call",
        megabytes(cost.peak_kb),
        cost.cpu / calls * 1e6
    );
}

#[expect(clippy::cast_precision_loss, reason = "memory in kB")]
fn megabytes(kb: u64) -> f64 {
    kb as f64 / 1024.0
}
