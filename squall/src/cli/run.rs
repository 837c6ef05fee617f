//! `squall run`: a task file through the engine.

use std::path::PathBuf;

use super::document::{DocumentFlags, load_file, task};
use super::execute::execute;
use super::failure::Failure;
use super::run_flags::RunFlags;

/// Runs a task file: every entry on its own trigger, undone whatever happens, judged by its probes.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The task file (YAML or JSON); `-` reads standard input.
    pub(super) file: PathBuf,
    #[command(flatten)]
    document: DocumentFlags,
    #[command(flatten)]
    pub(super) flags: RunFlags,
}

pub(super) fn run(args: &Args) -> Result<u8, Failure> {
    if args.flags.until_stdin_closes && args.file.as_os_str() == "-" {
        let why = "`--until-stdin-closes` and a task file from standard input (`-`) exclude each other; name the file";
        return Err(Failure::Usage(why.to_owned()));
    }
    // On a thread of its own: glibc hands the heap of a thread that has ended, with what reading has freed in it, to the
    // next one, which is the engine's. The main thread's heap would keep it for nobody.
    let read = || task(load_file(&args.file, &args.document.options())?);
    let read = std::thread::scope(|scope| scope.spawn(read).join());
    let task = read.unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
    execute(task, Some(&args.file), &args.flags, None)
}
