//! `squall demo`: from a task file to a verdict, against a target of its own.

use std::num::NonZeroUsize;
use std::time::Duration;

use chaos_core::StateDir;
use chaos_load::target::{Behaviour, serve};
use chaos_schema::{LoadOptions, load};

use super::console::{print, say};
use super::document::{Checks, task};
use super::execute::execute;
use super::failure::Failure;
use super::format::ReportFormat;
use super::run_flags::RunFlags;
use super::signals::Signals;

/// The task file that is run.
const TASK: &str = include_str!("demo.yaml");

/// Runs a complete example: validates a task file, waits for its trigger, puts a load spike on a server of its own,
/// verifies it and reports. Takes about ten seconds; uses only loopback.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Skips every effect and keeps every check; a sham run must never pass.
    #[arg(long)]
    sham: bool,
    /// Only serves a target on this port of loopback (0 takes a free one) until interrupted: 4 workers that need 10 ms
    /// for each request, so 400 requests per second. A target to try `squall experiment` on.
    #[arg(long, value_name = "PORT", conflicts_with = "sham")]
    serve: Option<u16>,
    /// How to print the report.
    #[arg(long, value_enum, default_value_t)]
    pub(super) format: ReportFormat,
}

/// Workers of the target that is only served, and how long each takes for a request.
const WORKERS: NonZeroUsize = NonZeroUsize::MIN.saturating_add(3);
const SERVICE: Duration = Duration::from_millis(10);

/// Serves a target with a known limit until a signal comes.
fn serve_only(port: u16) -> Result<u8, Failure> {
    let target = serve(([127, 0, 0, 1], port).into(), Behaviour::new().delay(SERVICE).workers(WORKERS));
    let target = target.map_err(|error| Failure::Usage(format!("port {port} of loopback cannot be used: {error}")))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::Internal(format!("no runtime for signals: {error}")))?;
    runtime.block_on(async {
        let mut signals = Signals::install().map_err(|error| Failure::Internal(format!("no signals: {error}")))?;
        print(&format!("{}\n", target.url()))?;
        signals.next().await;
        Ok(0)
    })
}

pub(super) fn run(args: &Args) -> Result<u8, Failure> {
    if let Some(port) = args.serve {
        return serve_only(port);
    }
    let target = serve(([127, 0, 0, 1], 0).into(), Behaviour::new())
        .map_err(|error| Failure::Internal(format!("no port on loopback for the demo's target: {error}")))?;
    // Not the user's state directory: a demo must run with nothing set up, and leave nothing behind.
    let private = tempfile::Builder::new().prefix("squall-demo-").tempdir();
    let private = private.map_err(|error| Failure::Internal(format!("no temporary folder for the demo: {error}")))?;

    say(&format!("the target listens on http://{}/; this is the task file:\n", target.address()));
    say(TASK);
    let options = LoadOptions::default().var("TARGET", target.address().to_string());
    let task = task(load(TASK, "demo.yaml", &options), Checks::File)?;
    say("demo.yaml is valid; running it");

    let workspace = Some(private.path().to_owned());
    let flags = RunFlags { sham: args.sham, format: args.format, offline: true, workspace, ..RunFlags::default() };
    let code = execute(task, None, &flags, Some(StateDir::at(private.path().join("state"))))?;
    say(&format!("the target answered {} requests", target.requests()));
    Ok(code)
}
