//! `squall inject --in`: the fault in a live run of another process, seen from here.

use std::fs::File;
use std::time::Duration;

use chaos_runner::{EntryNews, RemoteEntry, Report};
use serde_json::Value;

use crate::cli::conclude::conclude;
use crate::cli::console::{say, settle};
use crate::cli::execute::{create, finished, on_runtime, tell_text};
use crate::cli::failure::Failure;
use crate::cli::follow;
use crate::cli::live::Live;
use crate::cli::outcome::Outcome;
use crate::cli::run_flags::RunFlags;
use crate::cli::settings;
use crate::cli::signals::{Request, Signals, suspend};

/// Flags that belong to whoever started the run.
pub(super) const NOT_HERE: [&str; 21] = [
    "dry_run",
    "seed",
    "sham",
    "until_stdin_closes",
    "trigger_timeout",
    "workspace",
    "offline",
    "verifier",
    "verifier_timeout",
    "policy",
    "accept_policy",
    "allow_host",
    "allow_fault",
    "allow_command",
    "allow_path",
    "permit",
    "allow_privileged",
    "max_qps",
    "max_duration",
    "max_concurrency",
    "max_bytes",
];

/// How often a display that shows elapsed time is refreshed.
const TICK: Duration = Duration::from_millis(500);

/// Has the run perform the entry, shows how it goes, and returns the exit code that its verdict has.
pub(super) fn inject(run: &str, entry: Value, flags: &RunFlags) -> Result<u8, Failure> {
    let state = settings::located_state_dir()?;
    let events = flags.events.as_deref().map(create).transpose()?;
    let report = on_runtime(async |signals| {
        let entry = RemoteEntry::start(&state, run, entry).await.map_err(Failure::control)?;
        follow(entry, Live::on_stderr(flags.detail()), events, signals).await
    });
    let mut report = report?;
    finished(&mut report, None, None);
    let outcome = Outcome::Ran(Box::new(report));
    let shown = tell_text(&outcome, flags);
    let code = conclude(&[], &[outcome], flags)?;
    if code == 0 { shown.map(|()| code) } else { Ok(code) }
}

/// Shows what happens until it is over; a signal ends it early, or its hold.
async fn follow(
    mut entry: RemoteEntry,
    mut live: Live,
    mut events: Option<File>,
    signals: &mut Signals,
) -> Result<Report, Failure> {
    let (mut ticks, mut to_suspend) = (tokio::time::interval(TICK), false);
    loop {
        tokio::select! {
            news = entry.next() => match news.map_err(Failure::Lost)? {
                EntryNews::Event(event) => {
                    live.event(&event);
                    events = events.and_then(|file| follow::write(file, &event));
                }
                EntryNews::Ended(report) => {
                    live.finish();
                    if to_suspend {
                        settle();
                        suspend();
                    }
                    return Ok(*report);
                }
            },
            request = signals.next() => match request {
                Request::Release => {
                    entry.release().await;
                    say("SIGUSR1: ending the hold, then undoing and reporting");
                }
                Request::Suspend(name) => {
                    to_suspend = true;
                    entry.cancel().await;
                    say(&format!("{name}: undoing what is in force, then stopping; the report follows on continuing"));
                }
                Request::Cancel(name) => {
                    entry.cancel().await;
                    say(&format!("{name}: undoing what is in force, then reporting"));
                }
            },
            _ = ticks.tick() => live.tick(),
        }
    }
}
