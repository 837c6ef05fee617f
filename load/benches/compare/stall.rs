//! What a stall of one second looks like, and what half a bucket hides.

use std::fmt::Write;
use std::time::Duration;

use serde_json::Value;

use crate::measure::run;
use crate::recorder::{Recorder, Stall};
use crate::tools;

const QPS: f64 = 300.0;
const SECONDS: f64 = 10.0;
const STALL: Stall = Stall { after: Duration::from_secs(3), length: Duration::from_secs(1) };

/// 300 calls a second on 4 connections for 10 s; the server blocks once for 1 s.
pub(crate) fn stall() {
    println!("| Engine | p50 ms | p90 | p99 | p99.9 | max | calls |\n|---|---|---|---|---|---|---|");
    let truth: Vec<f64> = [50.0, 90.0, 99.0, 99.9, 100.0].map(analytic).to_vec();
    println!("| analytic response | {} | 3000 |", joined(&truth));
    let ours = result(&tools::ours().words(&format!("open URL {QPS} 4 {SECONDS}")));
    for (name, part) in [("ours, open: response", "Response"), ("ours, open: service", "Service")] {
        println!("| {name} | {} | {} |", joined(&ours_row(&ours, part)), ours["ChaosLoad"]["Completed"]);
    }
    let line = format!("load -quiet -json - -p 50,90,99,99.9 -qps {QPS} -c 4 -t {SECONDS}s URL");
    let rule = result(&tools::ours().words(&line));
    for (name, part) in [("ours, fortio's rule: response", "Response"), ("ours, fortio's rule: service", "Service")] {
        println!("| {name} | {} | {} |", joined(&ours_row(&rule, part)), rule["ChaosLoad"]["Completed"]);
    }
    match tools::fortio() {
        Some(fortio) => {
            let theirs = result(&fortio.words(&line));
            println!("| fortio | {} | {} |", joined(&fortio_row(&theirs)), theirs["DurationHistogram"]["Count"]);
        }
        None => println!("skipped: needs fortio"),
    }
    match tools::oha() {
        Some(oha) => {
            for (name, flag) in [("oha -q", ""), ("oha --latency-correction", "--latency-correction")] {
                let line = format!("--no-tui --output-format json {flag} -q {QPS} -c 4 -z {SECONDS}s URL");
                let theirs = result(&oha.words(&line));
                println!("| {name} | {} | {} |", joined(&oha_row(&theirs)), theirs["statusCodeDistribution"]["200"]);
            }
        }
        None => println!("skipped: needs oha"),
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/stall.svg");
    std::fs::write(path, picture(&ours)).unwrap();
    println!("wrote benches/stall.svg");
}

/// Without a queue behind it, the k-th of the calls due in the stall waits for its rest.
fn analytic(percentile: f64) -> f64 {
    let calls = QPS * SECONDS;
    let above = calls * (1.0 - percentile / 100.0);
    let stalled = QPS * STALL.length.as_secs_f64();
    (1.0 - above / stalled).max(0.0) * 1e3
}

fn result(words: &[String]) -> Value {
    let recorder = Recorder::start(Some(STALL));
    let words: Vec<String> = words.iter().map(|word| word.replace("URL", &recorder.url())).collect();
    serde_json::from_str(&run(Some(1), &words).out).unwrap_or_default()
}

fn ours_row(value: &Value, part: &str) -> Vec<f64> {
    let data = &value["ChaosLoad"][part];
    let mut row: Vec<f64> = [50.0, 90.0, 99.0, 99.9].iter().map(|p| percentile(data, *p)).collect();
    row.push(data["Max"].as_f64().unwrap_or(0.0) * 1e3);
    row
}

fn fortio_row(value: &Value) -> Vec<f64> {
    let data = &value["DurationHistogram"];
    let mut row: Vec<f64> = [50.0, 90.0, 99.0, 99.9].iter().map(|p| percentile(data, *p)).collect();
    row.push(data["Max"].as_f64().unwrap_or(0.0) * 1e3);
    row
}

fn oha_row(value: &Value) -> Vec<f64> {
    let at = |name: &str| value["latencyPercentiles"][name].as_f64().unwrap_or(0.0) * 1e3;
    let mut row: Vec<f64> = ["p50", "p90", "p99", "p99.9"].map(at).to_vec();
    row.push(value["summary"]["slowest"].as_f64().unwrap_or(0.0) * 1e3);
    row
}

fn percentile(data: &Value, percentile: f64) -> f64 {
    let rows = data["Percentiles"].as_array().map(Vec::as_slice).unwrap_or_default();
    let row = rows.iter().find(|row| row["Percentile"].as_f64() == Some(percentile));
    row.and_then(|row| row["Value"].as_f64()).unwrap_or(0.0) * 1e3
}

fn joined(row: &[f64]) -> String {
    row.iter().map(|value| format!("{value:.2}")).collect::<Vec<_>>().join(" | ")
}

/// Both curves over the percentiles, on a logarithmic scale from 10 us to 10 s.
fn picture(value: &Value) -> String {
    let shown = [1.0, 10.0, 50.0, 75.0, 90.0, 95.0, 99.0, 99.9, 99.99];
    let x = |index: usize| 70.0 + f64::from(u32::try_from(index).unwrap_or(0)) * 70.0;
    let y = |millis: f64| 340.0 - (millis.max(0.01).log10() + 2.0) * 50.0;
    let mut svg = String::from(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 720 400\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"720\" height=\"400\" fill=\"white\"/>\n\
         <text x=\"70\" y=\"24\" font-size=\"15\">300 calls a second, the server blocks once for 1 s: one run, two questions</text>\n",
    );
    for (label, millis) in
        [("10 us", 0.01), ("100 us", 0.1), ("1 ms", 1.0), ("10 ms", 10.0), ("100 ms", 100.0), ("1 s", 1000.0)]
    {
        let at = y(millis);
        writeln!(svg, "<line x1=\"70\" x2=\"630\" y1=\"{at}\" y2=\"{at}\" stroke=\"#ddd\"/><text x=\"10\" y=\"{}\">{label}</text>", at + 4.0).unwrap();
    }
    for (index, p) in shown.iter().enumerate() {
        writeln!(svg, "<text x=\"{}\" y=\"365\">p{p}</text>", x(index) - 10.0).unwrap();
    }
    let curves =
        [("Response", "#c0392b", "response: what a user feels"), ("Service", "#2980b9", "service: what fortio shows")];
    for (number, (part, colour, label)) in (0_u32..).zip(curves) {
        let points: Vec<String> = shown
            .iter()
            .enumerate()
            .map(|(index, p)| format!("{:.1},{:.1}", x(index), y(percentile(&value["ChaosLoad"][part], *p))))
            .collect();
        let at = 50 + number * 18;
        writeln!(
            svg,
            "<polyline fill=\"none\" stroke=\"{colour}\" stroke-width=\"2.5\" points=\"{}\"/>",
            points.join(" ")
        )
        .unwrap();
        writeln!(svg, "<text x=\"90\" y=\"{at}\" fill=\"{colour}\">{label}</text>").unwrap();
    }
    svg.push_str("</svg>\n");
    svg
}

/// A service far below a millisecond: what each tool prints for its middle.
pub(crate) fn small() {
    println!("| Engine | average ms | p50 printed | p50 in the extension |\n|---|---|---|---|");
    let line = "load -quiet -json - -qps 200 -c 2 -t 3s URL";
    for tool in [Some(tools::ours()), tools::fortio()].into_iter().flatten() {
        let recorder = Recorder::start(None);
        let words: Vec<String> = tool.words(line).iter().map(|word| word.replace("URL", &recorder.url())).collect();
        let value: Value = serde_json::from_str(&run(Some(1), &words).out).unwrap_or_default();
        let average = value["DurationHistogram"]["Avg"].as_f64().unwrap_or(0.0) * 1e3;
        let exact = percentile(&value["ChaosLoad"]["Service"], 50.0);
        println!(
            "| {} | {average:.3} | {:.3} | {exact:.3} |",
            tool.name,
            percentile(&value["DurationHistogram"], 50.0)
        );
    }
}
