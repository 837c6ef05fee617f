//! fortio's text for people, as it stands on standard error.

use std::io::{self, Write};

use chaos_load::{ConnectionReport, Histogram, LoadModel, LoadResult, Lowered, Rate, Split, Stop, Sums};

use crate::args::FortioCommand;
use crate::document::{FortioDocument, Part};
use crate::go_duration;
use crate::go_number::{shortest, significant};
use crate::histogram::HistogramData;
use crate::log::{Level, Log, field};

/// Share of late waits, in percent, from which the run is told to have fallen behind.
const BEHIND: f64 = 5.0;

/// Name and version in the first line of a run.
const TOOL: &str = concat!("Fortio ", env!("CARGO_PKG_VERSION"));

/// Writes what stands before the run.
pub(crate) fn before(log: &mut Log<'_>, command: &FortioCommand) -> io::Result<()> {
    let procs = command.procs;
    let load = &command.load;
    let version = format!("{} rust", env!("CARGO_PKG_VERSION"));
    log.line(
        Level::Info,
        "Starting",
        &[field("command", "squall"), field("version", version), field("go-max-procs", procs)],
    )?;
    for warning in &command.warnings {
        log.line(Level::Warning, warning, &[])?;
    }
    let length = match load.stop {
        Stop::Count(calls) => format!("for {calls} calls"),
        Stop::After(time) => format!("for {}", go_duration::format(time)),
        Stop::Never => "until interrupted".to_owned(),
    };
    let target = &command.target;
    writeln!(
        log.out,
        "{TOOL} running at {} queries per second, {procs}->{procs} procs, {length}: {target}",
        shortest(command.qps)
    )?;
    let qps = if command.qps > 0.0 { command.qps } else { -1.0 };
    if load.url.scheme() == "tcp" {
        let text = format!("Starting tcp test for {target} with {} threads at {qps:.1} qps", load.connections);
        return log.line(Level::Info, &text, &[]);
    }
    let warmup = if load.warmup == chaos_load::Warmup::Sequential { "sequential" } else { "parallel" };
    let reuse = load.reuse.map_or_else(String::new, |(least, most)| format!("[{least}, {most}]"));
    log.line(
        Level::Info,
        "Starting http test",
        &[
            field("run", command.reporting.run_id),
            field("url", load.typed_url()),
            field("threads", load.connections.get()),
            field("qps", format!("{qps:.1}")),
            field("warmup", warmup),
            field("conn-reuse", reuse),
        ],
    )
}

/// Writes the line that says what each connection will do.
pub(crate) fn starting(log: &mut Log<'_>, command: &FortioCommand, access: &str) -> io::Result<()> {
    let load = &command.load;
    let split = Split::of(load);
    match split.lowered {
        Some(Lowered::ToHalf(total)) => {
            let asked = load.connections;
            let text = format!(
                "Lowering number of threads - total call {total} -> lowering from {asked} to {} threads",
                split.threads
            );
            log.line(Level::Warning, &text, &[])?;
        }
        Some(Lowered::ToMinimum) => {
            let text = "Increasing the number of calls to the minimum of 2 with 1 thread. total duration will increase";
            log.line(Level::Warning, text, &[])?;
        }
        None => {}
    }
    if !log.shows(Level::Warning) && load.stop != Stop::Never {
        return Ok(());
    }
    let Split { threads, each, left, .. } = split;
    let procs = command.procs;
    let total = each * threads as u64;
    let rate = match load.rate {
        Rate::Qps(qps) => shortest(qps),
        Rate::Max => "max".to_owned(),
    };
    let plan = match (load.rate, load.stop) {
        (Rate::Qps(_), Stop::Count(calls)) => {
            format!(": exactly {calls}, {each} calls each (total {total} + {left})")
        }
        (Rate::Qps(_), Stop::After(time)) => {
            format!("for {} : {each} calls each (total {total})", go_duration::format(time))
        }
        (Rate::Max, Stop::Count(calls)) => {
            format!("for exactly {calls} calls ({each} per thread + {left})")
        }
        (Rate::Max, Stop::After(time)) => format!("for {}", go_duration::format(time)),
        (_, Stop::Never) => "until interrupted".to_owned(),
    };
    let access = if access.is_empty() { String::new() } else { format!(" with access logger {access}") };
    writeln!(log.out, "Starting at {rate} qps with {threads} thread(s) [gomax {procs}] {plan}{access}")
}

/// Writes what stands after the run, but for the last two lines.
pub(crate) fn after(log: &mut Log<'_>, result: &LoadResult, document: &FortioDocument) -> io::Result<()> {
    if result.never_began {
        log.line(Level::Warning, "Run requested to stop before even starting", &[])?;
    } else {
        timing(log, result, document)?;
    }
    if result.plan.url.scheme() == "tcp" { tcp(log, result) } else { http(log, result, document) }
}

fn timing(log: &mut Log<'_>, result: &LoadResult, document: &FortioDocument) -> io::Result<()> {
    let calls = result.counts.completed;
    if log.shows(Level::Warning) {
        let elapsed = go_duration::format(result.elapsed);
        writeln!(log.out, "Ended after {elapsed} : {calls} calls. qps={}", significant(result.achieved_qps, 5))?;
    }
    log.line(
        Level::Info,
        "Run ended",
        &[
            field("run", document.common.run_id),
            field("elapsed", document.common.actual_duration),
            field("calls", calls),
            field("qps", result.achieved_qps),
        ],
    )?;
    if matches!(result.plan.rate, Rate::Qps(_)) {
        sleeps(log, &result.histograms.sleeps)?;
    }
    let common = &document.common;
    if log.shows(Level::Warning) {
        histogram(log.out, "Aggregated Function Time", &common.duration_histogram)?;
        return histogram(log.out, "Error cases", &common.errors_duration_histogram);
    }
    counter(log.out, "Aggregated Function Time", result.histograms.durations.sums())?;
    targets(log.out, &common.duration_histogram)?;
    counter(log.out, "Error cases", result.histograms.error_durations.sums())
}

#[expect(clippy::cast_precision_loss, reason = "exact below 2^52 waits")]
fn sleeps(log: &mut Log<'_>, sleeps: &Histogram) -> io::Result<()> {
    let late = 100.0 * sleeps.below() as f64 / sleeps.sums().count as f64;
    if late > BEHIND {
        histogram(log.out, "Aggregated Sleep Time", &HistogramData::of(sleeps, &[50.0]))?;
        return writeln!(log.out, "WARNING {late:.2}% of sleep were falling behind");
    }
    if log.shows(Level::Verbose) {
        histogram(log.out, "Aggregated Sleep Time", &HistogramData::of(sleeps, &[50.0]))
    } else if log.shows(Level::Warning) {
        counter(log.out, "Sleep times", sleeps.sums())
    } else {
        Ok(())
    }
}

#[expect(clippy::cast_precision_loss, reason = "exact below 2^52 calls")]
fn http(log: &mut Log<'_>, result: &LoadResult, document: &FortioDocument) -> io::Result<()> {
    writeln!(log.out, "# Socket and IP used for each connection:")?;
    for report in &result.connections {
        connection(log.out, report)?;
    }
    if log.shows(Level::Info) {
        if let Part::Http(http) = &document.part {
            histogram(log.out, "Connection time histogram (s)", &http.connection_stats)?;
        }
    } else if log.shows(Level::Warning) {
        counter(log.out, "Connection time (s)", result.connects.sums())?;
    }
    let (uniform, jitter, nocatchup) = match result.plan.model {
        LoadModel::Fortio { uniform, jitter, nocatchup } => (uniform, jitter, nocatchup),
        LoadModel::Open => (false, false, false),
    };
    let sockets: u64 = result.sockets.iter().sum();
    writeln!(log.out, "Sockets used: {sockets} (for perfect keepalive, would be {})", result.plan.connections_used())?;
    writeln!(log.out, "Uniform: {uniform}, Jitter: {jitter}, Catchup allowed: {}", !nocatchup)?;
    writeln!(log.out, "IP addresses distribution:")?;
    let mut addresses: Vec<_> = result.addresses.iter().collect();
    addresses.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    for (address, count) in addresses {
        writeln!(log.out, "{address}: {count}")?;
    }
    for (code, count) in &result.codes {
        let share = 100.0 * *count as f64 / result.counts.completed as f64;
        writeln!(log.out, "Code {code:3} : {count} ({share:.1} %)")?;
    }
    if result.counts.retries > 0 {
        writeln!(log.out, "Retries : {} (sent once more, as the server had not taken them)", result.counts.retries)?;
    }
    if log.shows(Level::Verbose) {
        histogram(log.out, "Response Header Sizes Histogram", &HistogramData::of(&result.histograms.head_sizes, &[]))?;
        histogram(log.out, "Response Body/Total Sizes Histogram", &HistogramData::of(&result.histograms.sizes, &[]))?;
    } else if log.shows(Level::Warning) {
        counter(log.out, "Response Header Sizes", result.histograms.head_sizes.sums())?;
        counter(log.out, "Response Body/Total Sizes", result.histograms.sizes.sums())?;
    }
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "exact below 2^52 calls")]
fn tcp(log: &mut Log<'_>, result: &LoadResult) -> io::Result<()> {
    let sockets: u64 = result.sockets.iter().sum();
    writeln!(
        log.out,
        "Sockets used: {sockets} (for perfect no error run, would be {})",
        result.plan.connections_used()
    )?;
    writeln!(log.out, "Total Bytes sent: {}, received: {}", result.bytes.sent, result.bytes.received)?;
    let share = |count: u64| 100.0 * count as f64 / result.counts.completed as f64;
    if result.counts.ok > 0 {
        writeln!(log.out, "tcp OK : {} ({:.1} %)", result.counts.ok, share(result.counts.ok))?;
    }
    for failure in &result.failures {
        writeln!(log.out, "tcp {} : {} ({:.1} %)", failure.kind, failure.count, share(failure.count))?;
    }
    Ok(())
}

fn connection(out: &mut dyn Write, report: &ConnectionReport) -> io::Result<()> {
    let seen: Vec<String> = report.addresses.iter().map(|(address, _)| address.to_string()).collect();
    let seen = match seen.as_slice() {
        [only] => only.clone(),
        several => format!("[{}]", several.join(" ")),
    };
    write!(out, "[{}] {:3} socket used, resolved to {seen}", report.index, report.sockets)?;
    counter(out, ", connection timing", report.connects.sums())
}

/// Writes the last line of a run.
pub(crate) fn done(out: &mut dyn Write, result: &LoadResult, command: &FortioCommand) -> io::Result<()> {
    let warmup = if command.exactly > 0 { 0 } else { command.load.connections.get() };
    let calls = result.counts.completed;
    let average = result.histograms.durations.sums().average() * 1e3;
    writeln!(out, "All done {calls} calls (plus {warmup} warmup) {average:.3} ms avg, {:.1} qps", result.achieved_qps)
}

fn counter(out: &mut dyn Write, title: &str, of: &Sums) -> io::Result<()> {
    let values = [of.average(), of.deviation(), of.min, of.max, of.sum];
    sums(out, title, of.count, values)
}

fn sums(out: &mut dyn Write, title: &str, count: u64, [avg, deviation, min, max, sum]: [f64; 5]) -> io::Result<()> {
    writeln!(
        out,
        "{title} : count {count} avg {} +/- {} min {} max {} sum {}",
        significant(avg, 8),
        significant(deviation, 4),
        shortest(min),
        shortest(max),
        significant(sum, 9)
    )
}

/// Writes a histogram's sums, buckets and percentiles.
pub(crate) fn histogram(out: &mut dyn Write, title: &str, data: &HistogramData) -> io::Result<()> {
    let Some(rows) = &data.data else {
        return writeln!(out, "{title} : no data");
    };
    sums(out, title, data.count, [data.avg, data.std_dev, data.min, data.max, data.sum])?;
    writeln!(out, "# range, mid point, percentile, count")?;
    for (index, row) in rows.iter().enumerate() {
        let open = if index == 0 { ">=" } else { ">" };
        let six = |value| significant(value, 6);
        let middle = f64::midpoint(row.start, row.end);
        writeln!(
            out,
            "{open} {} <= {} , {} , {:.2}, {}",
            six(row.start),
            six(row.end),
            six(middle),
            row.percent,
            row.count
        )?;
    }
    targets(out, data)
}

fn targets(out: &mut dyn Write, data: &HistogramData) -> io::Result<()> {
    for row in data.percentiles.as_deref().unwrap_or_default() {
        writeln!(out, "# target {}% {}", shortest(row.percentile), significant(row.value, 6))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::parse;
    use crate::log::LogLevel;

    fn golden(name: &str) -> String {
        let path = format!("{}/tests/golden/{name}", env!("CARGO_MANIFEST_DIR"));
        std::fs::read_to_string(path).unwrap()
    }

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut bytes = Vec::new();
        write(&mut bytes);
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn histograms_are_printed_as_fortio_printed_them() {
        for name in ["behind", "calls20", "errors", "interrupted", "max-n", "normal", "refused", "stdclient-h2", "tcp"]
        {
            let text = golden(&format!("{name}.stderr.txt"));
            let document = FortioDocument::read(&golden(&format!("{name}.json"))).unwrap();
            let mut blocks = vec![
                ("Aggregated Function Time", document.common.duration_histogram),
                ("Error cases", document.common.errors_duration_histogram),
            ];
            if let Part::Http(http) = document.part {
                blocks.push(("Connection time histogram (s)", http.connection_stats));
            }
            for (title, data) in blocks {
                let block = written(|out| histogram(out, title, &data).unwrap());
                assert!(text.contains(&block), "{name}: {block}");
            }
        }
    }

    #[test]
    fn sums_are_printed_as_fortio_printed_them() {
        let text = golden("max-n.stderr.txt");
        let document = FortioDocument::read(&golden("max-n.json")).unwrap();
        let Part::Http(http) = document.part else { panic!("max-n is an HTTP run") };
        let rows = [("Response Header Sizes", http.header_sizes), ("Response Body/Total Sizes", http.sizes)];
        for (title, data) in rows {
            let values = [data.avg, data.std_dev, data.min, data.max, data.sum];
            let line = written(|out| sums(out, title, data.count, values).unwrap());
            assert!(text.contains(&line), "{line}");
        }
    }

    #[test]
    fn a_run_is_announced_as_fortio_announced_it() {
        let cases = [
            ("normal", "-qps 100 -c 4 -t 5s -uniform http://127.0.0.1:28080/?delay=1ms:50,5ms:10&size=200"),
            ("max-n", "-qps 0 -n 200 -c 4 http://127.0.0.1:28080/?size=64"),
            ("tcp", "-qps 40 -c 2 -t 1s tcp://127.0.0.1:28078"),
            ("interrupted", "-qps 40 -c 2 -n 500 http://127.0.0.1:28080/?delay=3ms"),
            ("refused", "-qps 0 -n 4 -c 1 http://127.0.0.1:28999/"),
            ("behind", "-qps 40 -c 2 -t 2s http://127.0.0.1:28080/?delay=80ms"),
            ("calls20", "-qps 40 -c 2 -n 20 http://127.0.0.1:28080/"),
            ("calls20-quiet", "-quiet -qps 40 -c 2 -n 20 http://127.0.0.1:28080/"),
        ];
        for (name, line) in cases {
            let text = golden(&format!("{name}.stderr.txt"));
            let words: Vec<String> = format!("load -gomaxprocs 2 {line}").split(' ').map(str::to_owned).collect();
            let command = parse(&words).unwrap();
            let ours = written(|out| {
                let mut log = Log::new(out, command.level);
                before(&mut log, &command).unwrap();
                starting(&mut log, &command, "").unwrap();
            });
            let plain = |text: &str| {
                let lines = text.lines().filter(|line| line.starts_with("Fortio") || line.starts_with("Starting"));
                lines.map(|line| line.replace(TOOL, "Fortio 1.75.2")).collect::<Vec<_>>()
            };
            assert_eq!(plain(&ours), plain(&text), "{name}");
            let values = |text: &str| {
                let start = text.lines().find(|line| line.contains("\"Starting http test\""));
                start.and_then(|line| line.split_once("\"msg\"")).map(|(_, values)| values.to_owned())
            };
            assert_eq!(values(&ours), values(&text), "{name}");
        }
    }

    #[test]
    fn late_waits_are_told_from_five_percent_on() {
        for (late, told) in [(1, false), (2, true)] {
            let mut waits = Histogram::new(-0.001, 0.001);
            (0..20).for_each(|index| waits.record(if index < late { -0.5 } else { 0.01 }));
            let text = written(|out| sleeps(&mut Log::new(out, LogLevel::Info), &waits).unwrap());
            assert_eq!(text.contains("WARNING 10.00% of sleep were falling behind"), told, "{text}");
            assert_eq!(text.starts_with("Sleep times : count 20 "), !told, "{text}");
        }
    }
}
