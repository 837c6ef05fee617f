//! `campaign NAME|all --rounds N|--minutes N [--seed S] [--format json] [--program PATH] [--jobs N] [--rows NAME,…]`.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use chaos_campaign::{Bound, Campaign, Drive, PATIENCE, TABLE_HEAD, all, as_json, as_row, guardian_of, kills};

/// What the command line asks for.
struct Asked {
    name: String,
    bound: Bound,
    seed: u64,
    json: bool,
    program: Option<PathBuf>,
    jobs: usize,
    /// Of the campaign `guardian`, only these rows of its table; empty: all.
    rows: Vec<String>,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let known = all();
    let Some(asked) = read(&arguments) else { return usage(&known) };
    let Some(chosen) = asked.chosen() else { return usage(&known) };
    let beside = || std::env::current_exe().ok().map(|own| own.with_file_name("squall"));
    let program = asked.program.clone().or_else(beside).unwrap_or_default();
    if !program.is_file() {
        eprintln!("error: no program at `{}`; build it, or name one with `--program`", program.display());
        return ExitCode::from(64);
    }
    let stop = Arc::new(AtomicBool::new(false));
    stop_at_a_signal(Arc::clone(&stop));
    let parts = chosen.len() as u64;
    if !asked.json {
        print!("{TABLE_HEAD}");
    }
    let ran: Vec<_> = chosen
        .iter()
        .enumerate()
        .map(|(index, campaign)| {
            let bound = match asked.bound {
                Bound::Rounds(rounds) => Bound::Rounds((rounds + parts - 1 - index as u64) / parts),
                Bound::Time(time) => Bound::Time(time / u32::try_from(parts).unwrap_or(1)),
            };
            let drive =
                Drive { program: &program, bound, seed: asked.seed, jobs: asked.jobs, patience: PATIENCE, stop: &stop };
            let ran = drive.run(campaign.as_ref());
            if !asked.json {
                print!("{}{}", as_row(&ran), kills(&ran));
            }
            ran
        })
        .collect();
    if asked.json {
        println!("{:#}", as_json(&ran));
    }
    if ran.iter().all(|one| one.tally.findings.is_empty()) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

impl Asked {
    /// The campaigns that it names; `None` where there is none.
    fn chosen(&self) -> Option<Vec<Box<dyn Campaign>>> {
        if !self.rows.is_empty() {
            return (self.name == "guardian").then(|| guardian_of(&self.rows).map(|one| vec![one])).flatten();
        }
        let chosen: Vec<_> = all().into_iter().filter(|one| self.name == "all" || self.name == one.name()).collect();
        (!chosen.is_empty()).then_some(chosen)
    }
}

/// The first Ctrl-C or SIGTERM lets the rounds at hand end; then the figures so far are printed.
fn stop_at_a_signal(stop: Arc<AtomicBool>) {
    use tokio::signal::unix::{SignalKind, signal};

    thread::spawn(move || {
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_io().build() else { return };
        runtime.block_on(async {
            let mut term = signal(SignalKind::terminate()).ok();
            let mut int = signal(SignalKind::interrupt()).ok();
            if let (Some(term), Some(int)) = (&mut term, &mut int) {
                std::future::poll_fn(|cx| {
                    if term.poll_recv(cx).is_ready() || int.poll_recv(cx).is_ready() {
                        return std::task::Poll::Ready(());
                    }
                    std::task::Poll::Pending
                })
                .await;
                stop.store(true, Ordering::Relaxed);
            }
        });
    });
}

fn usage(known: &[Box<dyn Campaign>]) -> ExitCode {
    eprintln!(
        "usage: cargo xtask campaign NAME|all --rounds N|--minutes N [--seed S] [--jobs N] [--format json] \
         [--program PATH]\n       cargo xtask campaign guardian --rows FAULT,… …, whose seeds count for these rows alone\n"
    );
    for campaign in known {
        eprintln!("  {:<10} {}", campaign.name(), campaign.about());
    }
    ExitCode::from(64)
}

fn read(arguments: &[String]) -> Option<Asked> {
    let (name, options) = arguments.split_first()?;
    let jobs = thread::available_parallelism().map_or(1, usize::from);
    let mut bound = None;
    let mut asked = Asked {
        name: name.clone(),
        bound: Bound::Rounds(0),
        seed: 1,
        json: false,
        program: None,
        jobs,
        rows: Vec::new(),
    };
    let mut options = options.iter();
    while let Some(option) = options.next() {
        let value = options.next()?;
        match option.as_str() {
            "--rounds" => bound = Some(Bound::Rounds(value.parse().ok()?)),
            "--minutes" => {
                let minutes: f64 = value.parse().ok()?;
                bound = Some(Bound::Time(Duration::try_from_secs_f64(minutes * 60.0).ok()?));
            }
            "--seed" => asked.seed = value.parse().ok()?,
            "--jobs" => asked.jobs = value.parse().ok()?,
            "--format" => asked.json = value == "json",
            "--rows" => asked.rows = value.split(',').map(str::to_owned).collect(),
            "--program" => asked.program = Some(value.into()),
            _ => return None,
        }
    }
    asked.bound = bound?;
    Some(asked)
}
