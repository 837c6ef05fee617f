//! The mini-cluster as a program: its battery, its sites, or a running system for faults from another process.

use std::{
    io::{Write, stdout},
    net::SocketAddr,
    process::ExitCode,
    time::{Duration, Instant},
};

use chaos_failpoints::{ControlServer, arm_from_environment, process_seed, sites};
use chaos_mini_cluster::{
    Cluster, Flaw, JobSpec, Pace, Work,
    battery::{CASES, Violation, run_all},
    randomised::run_for,
};

/// Prints a line; a closed pipe is ignored.
macro_rules! say {
    ($($text:tt)*) => {{
        let _ = writeln!(stdout(), $($text)*);
    }};
}

const USAGE: &str = "usage: mini-cluster battery [--real] [--system A|B|C]
       mini-cluster randomised SECONDS [SEED]
       mini-cluster sites
       mini-cluster serve [--listen 127.0.0.1:PORT] [--seconds N]

battery   runs the 21 tests under the paused clock, or in real time at 1/20; a broken system must fail exactly its own
randomised runs random systems under both clocks at once, and compares the fires that the code noted with those counted
sites     prints the fail points of this program
serve     runs a system that does a job every tenth of a second, and lets other processes arm its fail points: those of this
          user over a unix socket, or with `--listen` those of this machine (of `FAILPOINTS_TOKEN`, where it is set)";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["battery", rest @ ..] => battery(rest),
        ["sites"] => {
            for site in sites() {
                say!("{site}");
            }
            Some(ExitCode::SUCCESS)
        }
        ["randomised", seconds, rest @ ..] => randomised(seconds, rest),
        ["serve", rest @ ..] => serve(rest),
        _ => None,
    };
    done.unwrap_or_else(|| {
        eprintln!("{USAGE}");
        ExitCode::from(64)
    })
}

/// Runs the battery; `None` for unknown arguments.
fn battery(words: &[&str]) -> Option<ExitCode> {
    let (pace, rest) = match words {
        ["--real", rest @ ..] => (Pace::TWENTIETH, rest),
        rest => (Pace::FULL, rest),
    };
    let flaw = match rest {
        [] => None,
        ["--system", letter] => {
            let named = |(known, _): &(char, Flaw)| known.to_string() == *letter;
            Some(Flaw::ALL.iter().find(|entry| named(entry))?.1)
        }
        _ => return None,
    };
    let start = Instant::now();
    let failed = run_all(pace, flaw);
    for case in CASES {
        let violation = failed.iter().find(|(number, _)| *number == case.number);
        match violation {
            None => say!("{:>2} ok      {}", case.number, case.claim),
            Some((_, violation)) => say!("{:>2} FAILED  {}: {violation}", case.number, case.claim),
        }
    }
    let numbers: Vec<u8> = failed.iter().map(|(number, _)| *number).collect();
    let expected = flaw.map_or(&[][..], Flaw::breaks);
    say!("{} tests in {:.3} s; failed {numbers:?}, expected {expected:?}", CASES.len(), start.elapsed().as_secs_f64());
    Some(if numbers == expected { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Runs random rounds; `None` for unknown arguments.
fn randomised(seconds: &str, rest: &[&str]) -> Option<ExitCode> {
    let time = Duration::from_secs(seconds.parse().ok()?);
    let seed = match rest {
        [] => process_seed(),
        [seed] => seed.parse().ok()?,
        _ => return None,
    };
    say!("seed {seed}, {} s", time.as_secs());
    let start = Instant::now();
    let ended = std::thread::scope(|threads| {
        let forms = [("paused clock", Pace::FULL), ("real time", Pace::TWENTIETH)];
        forms.map(|(name, pace)| (name, threads.spawn(move || run_for(pace, seed, time)))).map(|(name, thread)| {
            let crashed = |_| Err(Violation::new("the run crashed".to_owned()));
            (name, thread.join().unwrap_or_else(crashed))
        })
    });
    let mut code = ExitCode::SUCCESS;
    for (name, result) in ended {
        match result {
            Ok(sums) => say!(
                "{name}: {} rounds, {} jobs, {} containers, {} hits, {} fires, all seen once",
                sums.rounds,
                sums.jobs,
                sums.containers,
                sums.hits,
                sums.fires
            ),
            Err(violation) => {
                say!("{name}: {violation}");
                code = ExitCode::FAILURE;
            }
        }
    }
    say!("after {} s", start.elapsed().as_secs());
    Some(code)
}

/// Runs a system; `None` for unknown arguments.
fn serve(words: &[&str]) -> Option<ExitCode> {
    let mut listen: Option<SocketAddr> = None;
    let mut seconds = f64::INFINITY;
    for pair in words.chunks(2) {
        match pair {
            ["--listen", address] => listen = Some(address.parse().ok()?),
            ["--seconds", text] => seconds = text.parse().ok()?,
            _ => return None,
        }
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    let control = listen.map_or_else(ControlServer::private, ControlServer::tcp);
    let armed = arm_from_environment();
    let (runtime, control, _armed) = match (runtime, control, armed) {
        (Ok(runtime), Ok(control), Ok(armed)) => (runtime, control, armed),
        (Err(error), ..) => return Some(refuse(&error)),
        (_, Err(error), _) | (_, _, Err(error)) => return Some(refuse(&error)),
    };
    if let Some(address) = control.address() {
        say!("control http://{address}");
    }
    if let Some(path) = control.path() {
        say!("control unix:{}", path.display());
    }
    runtime.block_on(work(seconds));
    Some(ExitCode::SUCCESS)
}

fn refuse(error: &dyn std::error::Error) -> ExitCode {
    eprintln!("mini-cluster: {error}");
    ExitCode::FAILURE
}

/// Runs one job after another and prints how each ended.
async fn work(seconds: f64) {
    let cluster = Cluster::start(Pace::TWENTIETH, None, &[4, 4]);
    let start = Instant::now();
    while start.elapsed().as_secs_f64() < seconds {
        let id = cluster.controller.submit(JobSpec::of("steady", Work::of(1.0)));
        say!("job {}: {:?}", id.0, cluster.controller.wait(id).await);
        Pace::TWENTIETH.sleep(1.0).await;
    }
}
