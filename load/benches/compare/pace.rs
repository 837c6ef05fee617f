//! Whether calls start when they should.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::measure::run;
use crate::recorder::Recorder;
use crate::tools::{self, Tool};

/// Rate and evenness at the server, and the lag that the engine itself tells.
pub(crate) fn rate() {
    println!(
        "| Generator | target | achieved | of target | gap p1 / p50 / p99 us | CV | lag p50 / p99 us |\n|---|---|---|---|---|---|---|"
    );
    for (qps, connections, seconds) in [(300, 4, 30), (5000, 16, 10), (20_000, 16, 10)] {
        let peers = [Some(tools::ours()), tools::fortio()];
        for tool in peers.into_iter().flatten() {
            let words = tool.paced("URL", qps, connections, seconds).unwrap_or_default();
            line(tool.name, f64::from(qps), &words);
        }
        let words = tools::ours().words(&format!("open URL {qps} {connections} {seconds}"));
        line("ours, open", f64::from(qps), &words);
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of a bench")]
fn line(name: &str, qps: f64, words: &[String]) {
    let recorder = Recorder::start(None);
    let words: Vec<String> = words.iter().map(|word| word.replace("URL", &recorder.url())).collect();
    let cost = run(Some(1), &words);
    // The requests of the warm-up come first, all at once.
    let warm = if name == "ours, open" { 0 } else { connections(&cost.out) };
    let arrivals = recorder.take().split_off(warm);
    let length = (arrivals[arrivals.len() - 1] - arrivals[0]).as_secs_f64();
    let achieved = (arrivals.len() - 1) as f64 / length;
    let mut gaps: Vec<f64> = arrivals.windows(2).map(|pair| (pair[1] - pair[0]).as_secs_f64() * 1e6).collect();
    let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
    let deviation = (gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / gaps.len() as f64).sqrt();
    gaps.sort_by(f64::total_cmp);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rank")]
    let at = |share: f64| gaps[((gaps.len() - 1) as f64 * share) as usize];
    let lag = |p| lag(&cost.out, p).map_or_else(|| "-".to_owned(), |micros| format!("{micros:.0}"));
    println!(
        "| {name} | {qps} | {achieved:.2} | {:.2} % | {:.0} / {:.0} / {:.0} | {:.2} | {} / {} |",
        achieved / qps * 100.0,
        at(0.01),
        at(0.5),
        at(0.99),
        deviation / mean,
        lag(50.0),
        lag(99.0)
    );
}

fn connections(out: &str) -> usize {
    let value: Value = serde_json::from_str(out).unwrap_or_default();
    value["NumThreads"].as_u64().and_then(|count| usize::try_from(count).ok()).unwrap_or(0)
}

/// A percentile of the start lag in microseconds, where the tool tells one.
fn lag(out: &str, percentile: f64) -> Option<f64> {
    let value: Value = serde_json::from_str(out).ok()?;
    let rows = value["ChaosLoad"]["StartLag"]["Percentiles"].as_array()?;
    let row = rows.iter().find(|row| row["Percentile"].as_f64() == Some(percentile))?;
    Some(row["Value"].as_f64()? * 1e6)
}

/// From the start of the process to its first request at the server.
pub(crate) fn start_time() {
    println!("| Generator | ms to the first request: min | median | max |\n|---|---|---|---|");
    for tool in tools::all() {
        let times: Vec<f64> = (0..9).map(|_| first_request(&tool).as_secs_f64() * 1e3).collect();
        let (min, median, max) = crate::measure::spread(&times);
        println!("| {} | {min:.1} | {median:.1} | {max:.1} |", tool.name);
    }
}

fn first_request(tool: &Tool) -> Duration {
    let recorder = Recorder::start(None);
    let words = tool.full_speed(&recorder.url(), 1, 1);
    let start = Instant::now();
    run(None, &words);
    recorder.take().first().map_or(Duration::ZERO, |first| *first - start)
}
