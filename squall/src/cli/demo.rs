//! `squall demo`: the whole way from a task file to a verdict, against a target of its own.

use chaos_core::StateDir;
use chaos_load::target::{Behaviour, serve};
use chaos_schema::{LoadOptions, load};

use super::console::say;
use super::document::task;
use super::execute::execute;
use super::failure::Failure;
use super::format::ReportFormat;
use super::run_flags::RunFlags;

/// The task file that is run.
const TASK: &str = include_str!("demo.yaml");

/// Shows the whole way: validates a task file, waits for its trigger, makes a load spike on a server of its own,
/// verifies it, undoes, reports. Takes about ten seconds; touches nothing but loopback.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Skips every effect and keeps every look: it must not pass.
    #[arg(long)]
    sham: bool,
    /// How to print the report.
    #[arg(long, value_enum, default_value_t)]
    pub(super) format: ReportFormat,
}

pub(super) fn run(args: &Args) -> Result<u8, Failure> {
    let target = serve(([127, 0, 0, 1], 0).into(), Behaviour::new())
        .map_err(|error| Failure::Internal(format!("no port on loopback for the demo's target: {error}")))?;
    // Not the user's state directory: a demo must run with nothing set up, and leave nothing behind.
    let private = tempfile::Builder::new().prefix("squall-demo-").tempdir();
    let private = private.map_err(|error| Failure::Internal(format!("no temporary folder for the demo: {error}")))?;

    say(&format!("the target listens on http://{}/; this is the task file:\n", target.address()));
    say(TASK);
    let options = LoadOptions::default().var("TARGET", target.address().to_string());
    let task = task(load(TASK, "demo.yaml", &options))?;
    say("demo.yaml is valid; running it");

    let workspace = Some(private.path().to_owned());
    let flags = RunFlags { sham: args.sham, format: args.format, offline: true, workspace, ..RunFlags::default() };
    let code = execute(task, &flags, Some(StateDir::at(private.path().join("state"))))?;
    say(&format!("the target answered {} requests", target.requests()));
    Ok(code)
}
