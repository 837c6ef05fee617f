//! What trace context costs a request.

use std::time::Duration;

use chaos_load::{LoadPlan, Rate, Stop, start};

use crate::measure::{run, spread};
use crate::tools::{self, Nginx};

const ROUNDS: usize = 8;

/// Full speed, 16 connections, with and without trace context: rounds interleaved. A header of the same length that
/// never changes shows how much of it is bytes on the wire.
pub(crate) fn traced() {
    let Some(nginx) = Nginx::start() else { return };
    let kinds = ["none", "fixed", "traced"];
    let mut costs = vec![Vec::new(); kinds.len()];
    for _ in 0..ROUNDS {
        for (kind, costs) in kinds.iter().zip(&mut costs) {
            let cost = run(Some(1), &tools::ours().words(&format!("full {} {kind}", nginx.url)));
            let calls: f64 = cost.out.trim().parse().unwrap_or(f64::NAN);
            costs.push(cost.cpu / calls * 1e6);
        }
    }
    let (_, base, _) = spread(&costs[0]);
    println!("| Header | CPU us per request: min | median | max | of no header |\n|---|---|---|---|---|");
    for (kind, costs) in kinds.iter().zip(&costs) {
        let (min, median, max) = spread(costs);
        println!("| {kind} | {min:.2} | {median:.2} | {max:.2} | {:.3} |", median / base);
    }
}

/// Runs at full speed on one thread for 4 s and prints how many requests ended: `full URL none|fixed|traced`.
pub(crate) fn full(words: &[String]) {
    let mut load = LoadPlan::to(&words[0]).unwrap();
    load.rate = Rate::Max;
    load.connections = 16.try_into().unwrap();
    load.threads = 1.try_into().ok();
    load.stop = Stop::After(Duration::from_secs(4));
    match words[1].as_str() {
        "fixed" => {
            load.headers.push(("traceparent".to_owned(), format!("00-{}-{}-01", "a".repeat(32), "b".repeat(16))));
        }
        "traced" => load.trace_context = Some(1),
        _ => {}
    }
    println!("{}", start(load).unwrap().wait_blocking().counts.completed);
}
