//! `squall run`: a task file through the engine.

use std::path::PathBuf;

use chaos_core::Task;
use chaos_schema::{Loaded, load_bytes};

use super::confirm;
use super::document::{Checks, DocumentFlags, bytes, load_file, task};
use super::execute::execute_gated;
use super::failure::Failure;
use super::gate::GateFlags;
use super::only;
use super::repeat::{Rounds, repeat};
use super::run_flags::RunFlags;

/// Runs a task file: every entry on its own trigger, undone whatever happens, judged by its probes.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The task file (YAML or JSON); `-` reads standard input.
    pub(super) file: PathBuf,
    #[command(flatten)]
    document: DocumentFlags,
    /// Runs only the entries of this name; may be given several times.
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// Runs the task so often, one round after the other, with a summary at the end; the worst round makes the exit code.
    /// Each round's seed is one more than that of the round before.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), conflicts_with = "until_stdin_closes")]
    repeat: Option<u32>,
    /// Shows the plan, as `--dry-run` does, and waits for a yes on the terminal before anything runs.
    #[arg(long, conflicts_with_all = ["dry_run", "until_stdin_closes"])]
    confirm: bool,
    #[command(flatten)]
    gate: GateFlags,
    #[command(flatten)]
    pub(super) flags: RunFlags,
}

pub(super) fn run(args: &Args) -> Result<u8, Failure> {
    check_stdin(args)?;
    let gate = args.gate.gate()?;
    let rounds = args.repeat.filter(|_| !args.flags.dry_run);
    if !args.confirm && rounds.is_none() {
        let task = apart(|| args.task(load_file(&args.file, &args.document.options())?))?;
        return execute_gated(task, Some(&args.file), &args.flags, None, gate.as_ref());
    }
    // Read once: what was confirmed is what runs, in every round.
    let bytes = bytes(&args.file)?;
    let load = || load_bytes(&bytes, &args.file.display().to_string(), &args.document.options());
    let mut first = Some(apart(|| args.task(load()))?);
    let again = || args.task(silenced(load()));
    if args.confirm {
        confirm::ask(&args.flags.runner(None)?.dry_run(apart(again)?)?)?;
    }
    let Some(wanted) = rounds else {
        let task = first.take().map_or_else(again, Ok)?;
        return execute_gated(task, Some(&args.file), &args.flags, None, gate.as_ref());
    };
    drop(first);
    repeat(&Rounds { wanted, task: &|| apart(again), file: &args.file, gate: gate.as_ref() }, &args.flags)
}

impl Args {
    /// The part of the task that is to run.
    fn task(&self, loaded: Loaded) -> Result<Task, Failure> {
        let checks = if self.flags.verifier.is_some() { Checks::OfVerifier } else { Checks::OfTheFile };
        let mut task = task(loaded, checks)?;
        only::keep(&mut task, &self.only)?;
        Ok(task)
    }
}

/// Standard input is for one thing only.
fn check_stdin(args: &Args) -> Result<(), Failure> {
    let holds_the_file = args.file.as_os_str() == "-";
    for (flag, set) in [("--until-stdin-closes", args.flags.until_stdin_closes), ("--confirm", args.confirm)] {
        if holds_the_file && set {
            let why = format!("`{flag}` and a task file from standard input (`-`) exclude each other; name the file");
            return Err(Failure::Usage(why));
        }
    }
    if args.confirm { confirm::check_terminal() } else { Ok(()) }
}

/// A document whose warnings were printed before.
fn silenced(mut loaded: Loaded) -> Loaded {
    if loaded.document.is_some() {
        loaded.diagnostics.clear();
    }
    loaded
}

/// On a thread of its own: glibc hands the heap of a thread that has ended, with what reading has freed in it, to the next
/// one, which is the engine's. The main thread's heap would keep it for nobody.
fn apart(read: impl FnOnce() -> Result<Task, Failure> + Send) -> Result<Task, Failure> {
    let read = std::thread::scope(|scope| scope.spawn(read).join());
    read.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}
