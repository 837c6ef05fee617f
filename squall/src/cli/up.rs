//! `squall up`: starts the nodes of a task file and holds them for ad-hoc work.

use std::path::{Path, PathBuf};

use chaos_core::{DurationText, Task};
use chaos_schema::load_bytes;

use super::conclude::conclude;
use super::document::{Checks, DocumentFlags, bytes, task};
use super::execute::{check_hold, create, finished, on_runtime, run_with, tell_text};
use super::failure::Failure;
use super::outcome::Outcome;
use super::places::with_places;
use super::plan::print_plan;
use super::run_flags::RunFlags;

/// Starts the nodes of a task file and holds them for ad-hoc work, until Ctrl-C, `squall down` or the time of `--for`.
///
/// Faults come from another terminal: `squall inject --in RUN pause_process target.node=n1`, under the policy of this command.
/// Entries and steady state of the file are left out. At the end what is in force is undone, then the nodes are stopped.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The task file (YAML or JSON) that declares `nodes`; `-` reads standard input.
    #[arg(value_name = "FILE")]
    pub(super) file: PathBuf,
    /// How long to hold them; default: until somebody ends it.
    #[arg(long = "for", value_name = "TIME")]
    hold: Option<DurationText>,
    #[command(flatten)]
    document: DocumentFlags,
    #[command(flatten)]
    pub(super) flags: RunFlags,
}

pub(super) fn run(args: &Args) -> Result<u8, Failure> {
    if args.file.as_os_str() == "-" && args.flags.until_stdin_closes {
        let why = "`--until-stdin-closes` and a task file from standard input (`-`) exclude each other; name the file";
        return Err(Failure::Usage(why.to_owned()));
    }
    // Whether there are secrets decides who may read the files.
    let task = args.nodes()?;
    args.flags.reports.check(&args.taken())?;
    check_hold(&args.flags)?;
    let runner = args.flags.runner(None)?;
    if args.flags.dry_run {
        return print_plan(&runner.dry_run(task)?, args.flags.format);
    }
    let events = args.flags.events.as_deref().map(create).transpose()?;
    let (starting, limit) = (runner.clone(), args.hold.map(DurationText::get));
    let start = move || starting.up(task, limit);
    let report = on_runtime(async |signals| run_with(&runner, start, events, args.flags.watch()?, signals).await);
    let mut report = report?;
    finished(&mut report, Some(&args.file), None);
    let outcome = Outcome::Ran(Box::new(report));
    let shown = tell_text(&outcome, &args.flags);
    let code = conclude(&[], &[outcome], &args.flags)?;
    if code == 0 { shown.map(|()| code) } else { Ok(code) }
}

impl Args {
    /// Files that no report may take.
    pub(super) fn taken(&self) -> Vec<&Path> {
        let given = std::iter::once(&self.file).chain(&self.flags.events).map(PathBuf::as_path);
        given.chain(self.flags.exports.file()).collect()
    }

    /// The file, of which only the nodes are kept.
    fn nodes(&self) -> Result<Task, Failure> {
        let bytes = bytes(&self.file)?;
        let options = with_places(&bytes, &self.document.options()?);
        let task = task(load_bytes(&bytes, &self.file.display().to_string(), &options), Checks::Nobody)?;
        if task.nodes.is_empty() {
            let file = self.file.display();
            return Err(Failure::Usage(format!("`{file}` declares no `nodes`, so there is nothing to start")));
        }
        Ok(Task { entries: Vec::new(), positions: Vec::new(), steady_state: Vec::new(), ..task })
    }
}
