//! `squall run`: task files through the engine, one after the other.

use std::fs::File;
use std::path::{Path, PathBuf};

use chaos_core::Task;
use chaos_schema::{LoadOptions, Loaded, load_bytes};
use chaos_workflow::KeptPlaces;

use super::conclude::conclude;
use super::confirm;
use super::document::{Checks, DocumentFlags, bytes, task};
use super::execute::{check_hold, create, finished, on_runtime, run_to_the_end, tell_text};
use super::failure::Failure;
use super::gate::{Gate, GateFlags};
use super::only;
use super::outcome::{Outcome, tell_people};
use super::places::with_places;
use super::plan::print_plans;
use super::repeat::{Rounds, repeat};
use super::run_flags::RunFlags;
use super::signals::Signals;
use super::workflow::{check_flags, kept_places, new_run, run_workflow};

/// Runs task files: every entry on its own trigger, undone whatever happens, judged by its probes.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The task file (YAML or JSON); `-` reads standard input. Several run one after the other, once all of them are valid;
    /// the worst exit code wins.
    #[arg(value_name = "FILE", required_unless_present = "resume")]
    pub(super) files: Vec<PathBuf>,
    /// Goes on with the workflow of a run that has died, after its last step that ended: what it left in force is undone first,
    /// and no step runs twice unless it is `idempotent`. The document is the one that the run kept; a file that is given
    /// must be the same.
    #[arg(long, value_name = "RUN", conflicts_with_all = ["repeat", "confirm", "dry_run", "seed"])]
    pub(super) resume: Option<String>,
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

/// A file that was read, and its task for the first run.
struct Document<'a> {
    file: &'a Path,
    /// Kept where the task is needed more than once: what was confirmed is what runs, in every round.
    bytes: Vec<u8>,
    /// Where its nodes have their folders and ports.
    places: Option<KeptPlaces>,
    first: Option<Task>,
}

pub(super) fn run(args: &Args) -> Result<u8, Failure> {
    args.check_stdin()?;
    // Whether there are secrets decides who may read the files.
    let options = args.document.options()?;
    args.flags.reports.check(&args.taken())?;
    let gate = args.gate.gate()?;
    let read: Vec<Result<Document<'_>, Failure>> = args.files.iter().map(|file| args.read(file, &options)).collect();
    let files: Vec<&Path> = args.files.iter().map(PathBuf::as_path).collect();
    let mut documents = match args.all(read) {
        Ok(documents) => documents,
        Err(NotAll::Only(failure)) => return Err(failure),
        Err(NotAll::Several(outcomes)) => return conclude(&files, &outcomes, &args.flags),
    };
    if args.flags.dry_run {
        let runner = args.flags.runner(None)?;
        let plans =
            documents.iter_mut().map(|document| Ok((document.file, runner.dry_run(args.task(document, &options)?)?)));
        return print_plans(&plans.collect::<Result<Vec<_>, Failure>>()?, args.flags.format);
    }
    if args.confirm {
        for document in &documents {
            confirm::ask(&args.flags.runner(None)?.dry_run(args.again(document, &options)?)?)?;
        }
    }
    check_hold(&args.flags)?;
    let events = args.flags.events.as_deref().map(create).transpose()?;
    let work = Work { args, options: &options, gate: gate.as_ref(), events };
    let outcomes = on_runtime(async |signals| work.all(&mut documents, signals).await)?;
    conclude(&files, &outcomes, &args.flags)
}

/// Why nothing runs.
enum NotAll {
    /// The only file is not what it should be.
    Only(Failure),
    /// Some of several are not.
    Several(Vec<Outcome>),
}

impl Args {
    /// Files that no report may take.
    pub(super) fn taken(&self) -> Vec<&Path> {
        let given = self.files.iter().chain(&self.flags.events).map(PathBuf::as_path);
        given.chain(self.flags.exports.file()).collect()
    }

    /// How documents are read.
    pub(super) fn options(&self) -> Result<LoadOptions, Failure> {
        self.document.options()
    }

    /// What the run is called, should it not begin.
    pub(super) fn subject(&self) -> String {
        if let Some(run_id) = &self.resume {
            return run_id.clone();
        }
        self.files.iter().map(|file| file.display().to_string()).collect::<Vec<_>>().join(" ")
    }

    /// Standard input is for one thing only.
    fn check_stdin(&self) -> Result<(), Failure> {
        let uses = self.files.iter().filter(|file| file.as_os_str() == "-").count();
        let flags = [("--until-stdin-closes", self.flags.until_stdin_closes), ("--confirm", self.confirm)];
        for (flag, set) in flags {
            if uses > 0 && set {
                let why =
                    format!("`{flag}` and a task file from standard input (`-`) exclude each other; name the file");
                return Err(Failure::Usage(why));
            }
        }
        if uses > 1 {
            return Err(Failure::Usage("standard input (`-`) can be read once; name the other file".to_owned()));
        }
        if self.files.len() > 1 && self.flags.until_stdin_closes {
            let why = "`--until-stdin-closes` holds one run; give one file".to_owned();
            return Err(Failure::Usage(why));
        }
        if self.confirm { confirm::check_terminal() } else { Ok(()) }
    }

    /// Refuses flags that don't apply to a workflow.
    pub(super) fn check_workflow(&self) -> Result<(), Failure> {
        let others = [
            ("--only", !self.only.is_empty()),
            ("--repeat", self.repeat.is_some()),
            ("--baseline", self.gate.is_given()),
        ];
        check_flags(&self.flags, &others)
    }

    fn read<'a>(&self, file: &'a Path, options: &LoadOptions) -> Result<Document<'a>, Failure> {
        let several_times = self.confirm || self.repeat.is_some();
        apart(|| {
            let mut bytes = bytes(file)?;
            let options = with_places(&bytes, options);
            let first = self.checked(load_bytes(&bytes, &file.display().to_string(), &options))?;
            if first.workflow.is_none() && !several_times {
                bytes = Vec::new();
            }
            Ok(Document { file, bytes, places: kept_places(&options), first: Some(first) })
        })
    }

    /// All documents, or what became of each: where one is invalid, none runs.
    fn all<'a>(&self, read: Vec<Result<Document<'a>, Failure>>) -> Result<Vec<Document<'a>>, NotAll> {
        if read.len() == 1 || read.iter().all(Result::is_ok) {
            return read.into_iter().collect::<Result<_, _>>().map_err(NotAll::Only);
        }
        let outcomes = read.into_iter().zip(&self.files).map(|(read, file)| {
            let failure = read.err().inspect(tell_people);
            let failure = failure.unwrap_or(Failure::Declined("another file of this command is invalid"));
            Outcome::failed(file.display().to_string(), failure)
        });
        Err(NotAll::Several(outcomes.collect()))
    }

    /// The part of the task that is to run.
    pub(super) fn checked(&self, loaded: Loaded) -> Result<Task, Failure> {
        let checks = if self.flags.verifier.is_some() { Checks::Verifier } else { Checks::File };
        let mut task = task(loaded, checks)?;
        if task.workflow.is_some() {
            self.check_workflow()?;
        }
        only::keep(&mut task, &self.only)?;
        Ok(task)
    }

    /// The task as it was read, or read again.
    fn task(&self, document: &mut Document<'_>, options: &LoadOptions) -> Result<Task, Failure> {
        document.first.take().map_or_else(|| self.again(document, options), Ok)
    }

    /// The task once more; its warnings were printed before.
    fn again(&self, document: &Document<'_>, options: &LoadOptions) -> Result<Task, Failure> {
        apart(|| {
            let options = with_places(&document.bytes, options);
            let mut loaded = load_bytes(&document.bytes, &document.file.display().to_string(), &options);
            if loaded.document.is_some() {
                loaded.diagnostics.clear();
            }
            self.checked(loaded)
        })
    }
}

/// What the runs have in common.
struct Work<'a> {
    args: &'a Args,
    options: &'a LoadOptions,
    gate: Option<&'a Gate>,
    events: Option<File>,
}

impl Work<'_> {
    /// Runs all of them; after an interruption the rest does not begin.
    async fn all(&self, documents: &mut [Document<'_>], signals: &mut Signals) -> Result<Vec<Outcome>, Failure> {
        let several = documents.len() > 1;
        let mut outcomes = Vec::new();
        for document in documents {
            let ended = if signals.cancelled() {
                Err(Failure::Declined("interrupted before it began"))
            } else {
                self.one(document, signals).await
            };
            let outcome = match ended {
                Err(failure) if several => Outcome::failed(document.file.display().to_string(), failure),
                ended => ended?,
            };
            // The other files run for their verdict when nobody reads any more.
            if let Err(failure) = tell_text(&outcome, &self.args.flags) {
                tell_people(&failure);
            }
            outcomes.push(outcome);
        }
        Ok(outcomes)
    }

    async fn one(&self, document: &mut Document<'_>, signals: &mut Signals) -> Result<Outcome, Failure> {
        let flags = &self.args.flags;
        let events = self.events.as_ref().map(File::try_clone).transpose();
        let events = events.map_err(|error| Failure::Internal(format!("no handle for events: {error}")))?;
        if let Some(wanted) = self.args.repeat {
            document.first = None;
            let task = || self.args.again(document, self.options);
            let rounds = Rounds { wanted, task: &task, file: document.file, gate: self.gate };
            return Ok(Outcome::Repeated(Box::new(repeat(&rounds, flags, events, signals).await?)));
        }
        let task = self.args.task(document, self.options)?;
        if task.workflow.is_some() {
            let source = new_run(flags, document.file, std::mem::take(&mut document.bytes), document.places.take());
            let runner = flags.runner(None)?;
            let report = run_workflow(&runner, task, source, document.file, events, flags, signals).await?;
            return Ok(Outcome::Workflow(Box::new(report)));
        }
        let mut report = run_to_the_end(&flags.runner(None)?, task, events, flags, signals).await?;
        finished(&mut report, Some(document.file), self.gate);
        Ok(Outcome::Ran(Box::new(report)))
    }
}

/// On a thread of its own: glibc hands the heap of a thread that has ended, with what reading has freed in it, to the next
/// one, which is the engine's. The main thread's heap would keep it for nobody.
fn apart<T: Send>(read: impl FnOnce() -> Result<T, Failure> + Send) -> Result<T, Failure> {
    let read = std::thread::scope(|scope| scope.spawn(read).join());
    read.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}
