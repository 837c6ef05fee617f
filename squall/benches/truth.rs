//! Holds the strategies of experiments against targets of which the truth is known.
//!
//! `cargo bench -p squall --bench truth -- PART [JOBS]`, with this many experiments at a time (default 4):
//!
//! | Part | Target | Truth |
//! |---|---|---|
//! | `capacity` | workers with a fixed service time, three limits, 20 seeds each | workers / service time |
//! | `generator` | a server without a limit, and a generator with four connections | no capacity, but the generator's limit |
//! | `same` | one server, 40 comparisons of the same with the same | no difference |
//! | `pause` | nginx with two workers, one of which is paused | a difference |
//!
//! Figures go to `docs/experiments.md`.

#![expect(clippy::unwrap_used, reason = "a bench that can't be set up should stop at once")]

use std::num::NonZeroUsize;
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use chaos_core::{Policy, parse};
use chaos_experiment::{CapacityLimit, Experiment, ExperimentReport, Finding, text};
use chaos_load::target::{Behaviour, Target, serve};
use chaos_runner::Runner;
use chaos_schema::ExperimentSpec;
use chaos_test::Bench;
use serde_json::{Value, json};
use squall as _;

/// Workers, and milliseconds that each request takes one of them.
const LIMITS: [(usize, u64); 3] = [(4, 50), (5, 20), (8, 10)];
const SEEDS: u64 = 20;
const COMPARISONS: u64 = 40;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let jobs = words.get(1).and_then(|word| word.parse().ok()).unwrap_or(4);
    match words.first().map_or("", String::as_str) {
        "capacity" => capacity(jobs),
        "generator" => generator(),
        "same" => same(jobs),
        "pause" => pause(),
        _ => {
            println!("skipped: needs a part: capacity generator same pause");
            ExitCode::SUCCESS
        }
    }
}

/// Every limit with every seed: how far the answer is from the truth, and in how many steps it came.
fn capacity(jobs: usize) -> ExitCode {
    let cases: Vec<(usize, u64, u64)> =
        LIMITS.iter().flat_map(|(workers, ms)| (1..=SEEDS).map(|seed| (*workers, *ms, seed))).collect();
    let rows = side_by_side(jobs, &cases, |(workers, ms, seed)| {
        let delay = Duration::from_millis(*ms);
        let target = target(Behaviour::new().delay(delay).workers(NonZeroUsize::new(*workers).unwrap()));
        let report = run(&json!({"goal": "how much can it take", "target": target.url(), "seed": seed}), 1000.0);
        let (found, points) = found(&report);
        #[expect(clippy::cast_precision_loss, reason = "small numbers of workers")]
        let truth = *workers as f64 / delay.as_secs_f64();
        (truth, *seed, found, points, report.spent.wall_seconds)
    });
    println!("| truth qps | seeds | least and most found | worst error | most points | longest s | beyond 5 % |");
    println!("|---|---|---|---|---|---|---|");
    let mut missed = 0;
    for (workers, ms) in LIMITS {
        #[expect(clippy::cast_precision_loss, reason = "small numbers")]
        let truth = workers as f64 * 1e3 / ms as f64;
        let mine: Vec<_> = rows.iter().filter(|row| (row.0 - truth).abs() < 1e-9).collect();
        let error = |row: &&&(f64, u64, f64, usize, f64)| (row.2 / truth - 1.0).abs();
        let worst = mine.iter().map(|row| error(&row)).fold(0.0, f64::max);
        let beyond: Vec<u64> = mine.iter().filter(|row| error(row) > 0.05).map(|row| row.1).collect();
        missed += beyond.len();
        println!(
            "| {truth:.0} | {} | {:.1} to {:.1} | {:.2} % | {} | {:.0} | {beyond:?} |",
            mine.len(),
            mine.iter().map(|row| row.2).fold(f64::INFINITY, f64::min),
            mine.iter().map(|row| row.2).fold(0.0, f64::max),
            worst * 100.0,
            mine.iter().map(|row| row.3).max().unwrap_or(0),
            mine.iter().map(|row| row.4).fold(0.0, f64::max),
        );
    }
    ExitCode::from(u8::from(missed > 0))
}

/// The capacity that was found, 0 where none was, and the number of points.
fn found(report: &ExperimentReport) -> (f64, usize) {
    let capacity = report.findings.iter().find_map(|finding| match finding {
        Finding::Capacity { capacity_qps, limit: CapacityLimit::Target, points, .. } => {
            Some((capacity_qps.unwrap_or(0.0), points.len()))
        }
        _ => None,
    });
    capacity.unwrap_or_else(|| {
        println!("no capacity: {}", text(report));
        (0.0, 0)
    })
}

/// A target that works on everything at once, and a generator that has four connections for it: 4 / 20 ms is the
/// generator's limit, and nothing is the target's.
fn generator() -> ExitCode {
    let target = target(Behaviour::new().delay(Duration::from_millis(20)));
    let load = json!({"concurrency": 4});
    let report = run(&json!({"goal": "how much can it take", "target": target.url(), "load": load}), 1000.0);
    println!("{}", text(&report));
    let told = report
        .findings
        .iter()
        .any(|finding| matches!(finding, Finding::Capacity { limit: CapacityLimit::Generator, .. }));
    ExitCode::from(u8::from(!told))
}

/// The same against the same: how often a difference is claimed.
fn same(jobs: usize) -> ExitCode {
    let seeds: Vec<u64> = (1..=COMPARISONS).collect();
    let rows = side_by_side(jobs, &seeds, |seed| {
        let target = target(Behaviour::new().delay(Duration::from_millis(5)));
        // A process that has nothing to do with the target: what is paused makes no difference.
        let bystander = Bystander::start();
        let fault = json!({"type": "pause_process", "pid": bystander.0.id()});
        let report = run(
            &json!({"goal": "does it hold with a worker paused", "target": target.url(), "strategy": "compare",
                "fault": fault, "load": {"seconds": 2, "warmup_seconds": 0.5}, "seed": seed}),
            1000.0,
        );
        let compared =
            report.findings.iter().any(|finding| matches!(finding, Finding::Compare { difference: Some(_), .. }));
        (compared, report.findings.iter().any(Finding::claims_difference))
    });
    let compared = rows.iter().filter(|row| row.0).count();
    let claimed = rows.iter().filter(|row| row.1).count();
    println!("{compared} comparisons of the same with the same: a difference claimed in {claimed}");
    ExitCode::from(u8::from(claimed > 4 || compared < seeds.len()))
}

/// One of two workers of nginx is paused.
fn pause() -> ExitCode {
    let Some(nginx) = Nginx::start() else {
        println!("skipped: needs nginx");
        return ExitCode::SUCCESS;
    };
    let fault = json!({"type": "pause_process", "pid": nginx.worker()});
    let report = run(
        &json!({"goal": "what if a worker is paused", "target": nginx.url, "strategy": "compare", "fault": fault,
            "load": {"seconds": 3, "warmup_seconds": 0.5}}),
        1000.0,
    );
    println!("{}", text(&report));
    ExitCode::from(u8::from(!report.findings.iter().any(Finding::claims_difference)))
}

fn target(behaviour: Behaviour) -> Target {
    serve(([127, 0, 0, 1], 0).into(), behaviour).unwrap()
}

/// Runs an experiment with its transcript and its journal in a folder that is thrown away.
fn run(spec: &Value, max_qps: f64) -> ExperimentReport {
    let spec: ExperimentSpec = parse(spec).unwrap();
    let bench = Bench::new().unwrap();
    let policy = Policy { max_qps, ..Policy::default() };
    let runner = Runner::builder().state_dir(bench.state()).workspace(bench.folder()).policy(policy);
    Experiment::new(spec).start(&runner.build().unwrap()).unwrap().wait_blocking().unwrap()
}

/// Does all cases, so many at a time, and tells of each on standard error as it ends.
fn side_by_side<C: Sync, R: Send + std::fmt::Debug>(jobs: usize, cases: &[C], work: impl Fn(&C) -> R + Sync) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let rows = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let row = work(case);
                    eprintln!("{row:?}");
                    rows.lock().unwrap_or_else(PoisonError::into_inner).push(row);
                }
            });
        }
    });
    rows.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// A process that does nothing.
struct Bystander(Child);

impl Bystander {
    fn start() -> Self {
        Self(Command::new("sleep").arg("3600").spawn().unwrap())
    }
}

impl Drop for Bystander {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A real nginx with two workers, each of which has a queue of its own for new connections; a connection lasts for 20
/// requests, so that a load meets both workers.
struct Nginx {
    child: Child,
    _folder: tempfile::TempDir,
    url: String,
}

impl Nginx {
    fn start() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let at = folder.path().display();
        let text = format!(
            "user root; worker_processes 2; daemon off; pid {at}/pid; error_log {at}/log;\n\
             events {{ worker_connections 1024; }}\n\
             http {{ access_log off; keepalive_requests 20; server {{ listen 127.0.0.1:{port} reuseport; location / {{ return 200 \"ok\"; }} }} }}\n"
        );
        let path = folder.path().join("nginx.conf");
        std::fs::write(&path, text).unwrap();
        let mut command = Command::new("nginx");
        command.env("PATH", "/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin");
        let child = command.arg("-c").arg(path).arg("-p").arg(folder.path()).stderr(Stdio::null()).spawn().ok()?;
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            thread::yield_now();
        }
        Some(Self { child, _folder: folder, url: format!("http://127.0.0.1:{port}/") })
    }

    /// The process id of one worker.
    fn worker(&self) -> u32 {
        let master = self.child.id();
        let children = std::fs::read_to_string(format!("/proc/{master}/task/{master}/children")).unwrap();
        children.split_whitespace().next().unwrap().parse().unwrap()
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // SIGTERM to the master stops its workers too; SIGKILL would leave them behind.
        let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        let _ = self.child.wait();
    }
}
