//! What taking in spans costs, beside the official collector: `cargo bench -p chaos-evidence --features otlp --bench ingest`.
//!
//! Requests of 512 spans with ten attributes each, of 200 distinct values, as protobuf over HTTP/1 and as gRPC, on four connections that each
//! wait for their answer. The receiver has one core to itself and the sender the others, where there are others. What counts is the
//! receiver's own processor time, without the sender's: that of the one thread on which ours runs, and of the collector's whole process. Ours keeps every span in its store; the collector decodes them and hands them to its exporter `nop`, which is the least
//! that it can do. It is run where `otelcol` is in the `PATH`, or where `cargo xtask install otelcol` has put it.

#![expect(clippy::unwrap_used, reason = "a bench that can't be set up should stop at once")]
#![expect(clippy::cast_precision_loss, reason = "figures")]

mod collector;
mod cores;
mod ours;
mod queries;
mod requests;
mod sender;

use std::time::Instant;

use self::collector::Collector;
use self::cores::Cores;
use self::ours::Ours;
use self::requests::BATCH;
use self::sender::{Protocol, Sender};

/// Spans of a round: as many as the store is to hold.
const SPANS: usize = 1_000_000;
const ROUNDS: usize = 3;
/// How often each question is asked.
const QUESTIONS: usize = 20;

fn main() {
    // `cargo test --benches` asks for a sign of life only.
    let measures = std::env::args().any(|argument| argument == "--bench");
    let (spans, rounds, questions) = if measures { (SPANS, ROUNDS, QUESTIONS) } else { (10 * BATCH, 1, 1) };
    let batches = spans.div_ceil(BATCH);
    let cores = Cores::of_this_machine();
    println!("{cores}");
    let sender = Sender::new(&cores);
    println!("a request of {BATCH} spans: {} bytes; {} requests a round, {rounds} rounds", sender.bytes(), batches);
    let collector = Collector::start(&cores);
    for protocol in [Protocol::Http, Protocol::Grpc] {
        let mut figures = [Figures::default(), Figures::default()];
        for round in 0..rounds {
            let before = ours::resident();
            let ours = Ours::start(&cores);
            let one = measure(batches, || ours.cpu(), || sender.send(protocol, ours.port, batches));
            figures[0].add(one);
            assert_eq!(ours.spans(), (batches * BATCH) as u64, "every span is there, and once");
            if round == 0 && protocol == Protocol::Http {
                println!("resident memory for {} spans: {} MiB", batches * BATCH, (ours::resident() - before) >> 10);
                println!("bytes that the store counts: {} MiB", ours.store_bytes() >> 20);
                queries::ask(&ours.store(), questions);
            }
            drop(ours);
            if let Some(collector) = &collector {
                let port = collector.port(protocol);
                figures[1].add(measure(batches, || collector.cpu(), || sender.send(protocol, port, batches)));
            }
        }
        let [ours, official] = figures;
        ours.print("Squall", protocol);
        if collector.is_some() {
            official.print("official collector", protocol);
            println!(
                "{protocol}: Squall per core over the official collector: {:.2}",
                ours.per_core() / official.per_core()
            );
        }
    }
}

/// Sends, and gives the spans per second of processor time and by the clock.
fn measure(batches: usize, cpu: impl Fn() -> f64, send: impl FnOnce()) -> (f64, f64) {
    let (start, before) = (Instant::now(), cpu());
    send();
    let spans = (batches * BATCH) as f64;
    (spans / (cpu() - before), spans / start.elapsed().as_secs_f64())
}

/// The rounds of one receiver.
#[derive(Default)]
struct Figures {
    cores: Vec<f64>,
    clock: Vec<f64>,
}

impl Figures {
    fn add(&mut self, (core, clock): (f64, f64)) {
        self.cores.push(core);
        self.clock.push(clock);
    }

    fn per_core(&self) -> f64 {
        median(&self.cores)
    }

    fn print(&self, who: &str, protocol: Protocol) {
        let (least, most) = (sorted(&self.cores)[0], sorted(&self.cores)[self.cores.len() - 1]);
        println!("{protocol}, {who}: spans per second of one core: {:.0} ({least:.0} to {most:.0})", self.per_core());
        println!("{protocol}, {who}: processor time of a span: {:.2} µs", 1e6 / self.per_core());
        println!("{protocol}, {who}: spans per second by the clock: {:.0}", median(&self.clock));
    }
}

fn sorted(all: &[f64]) -> Vec<f64> {
    let mut all = all.to_vec();
    all.sort_by(f64::total_cmp);
    all
}

fn median(all: &[f64]) -> f64 {
    sorted(all)[all.len() / 2]
}
