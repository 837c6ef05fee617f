//! `squall torture`: any test command while a soak goes on, both judged.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use chaos_core::{DurationText, SoakSpec, Task};
use chaos_probes::Argv;
use chaos_runner::{Driven, seed_at};
use chaos_schema::load_bytes;
use chaos_soak::{SoakPlan, SoakTarget, dry_entries, soak_targets};
use chaos_torture::{CommandDestination, CommandPlaces, PartsFormat, TorturePlan, TortureReport, attempt_seed};
use clap::ValueEnum;

use super::console::{Out, say};
use super::document::{Checks, DocumentFlags, bytes, task};
use super::execute::{drive, on_runtime};
use super::failure::Failure;
use super::format::DataFormat;
use super::live::Detail;
use super::output_file::{self, Readers};
use super::places::with_places;
use super::plan;
use super::secrets::write_json;
use super::signals::Signals;
use super::soak::SoakFlags;

/// How long the command may take, where nobody says so.
const DEADLINE: Duration = Duration::from_hours(1);
/// How long the effects of a fault may last once it is undone, where nobody says so.
const GRACE: Duration = Duration::from_secs(2);

/// Runs a test command once without faults, and then while a soak injects faults into the nodes that it talks to.
///
/// The command's output passes through; what torture says goes to standard error. Exit codes: that of the command where it
/// failed under faults, else 0 where command and soak passed, 1 where only the soak failed, 2 where nothing was shown (the
/// command fails without faults, or no fault landed), 3 where something may be in force.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The task file (YAML or JSON) with `nodes` and a `soak`.
    #[arg(long, value_name = "FILE")]
    soak: PathBuf,
    /// How often the command is run under faults; ends with the first failure.
    #[arg(long, value_name = "N", default_value = "1")]
    attempts: NonZeroU32,
    /// Seed of the first attempt; default: the file's, else one that the report names. Others are derived from it.
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// How long each run of the command may take; default 1h.
    #[arg(long, value_name = "TIME")]
    deadline: Option<DurationText>,
    /// How long the effects of a fault may last once it is undone; default 2s.
    #[arg(long, value_name = "TIME")]
    grace: Option<DurationText>,
    /// How the output of the command names its tests. `none` gives the command our own streams, so that a terminal stays one.
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    parts: Parts,
    /// A node of the file that runs inside the command, such as a server that the tests start: faults may act on it. Without
    /// it no fault acts on a process of the command. May be given several times.
    #[arg(long, value_name = "NODE")]
    target_inside: Vec<String>,
    /// Prints what would be injected, and whether the policy allows it; touches nothing.
    #[arg(long)]
    dry_run: bool,
    /// Writes the report as JSON to this file, beside what is printed.
    #[arg(long, value_name = "PATH", conflicts_with = "dry_run")]
    json: Option<PathBuf>,
    #[command(flatten)]
    document: DocumentFlags,
    #[command(flatten)]
    pub(super) flags: SoakFlags,
    /// The command. Its arguments may have placeholders of nodes, such as `{{node.n1.port.http}}`.
    #[arg(last = true, required = true, value_name = "CMD")]
    command: Vec<String>,
}

/// How the output of a command names its tests.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum Parts {
    /// Whatever of the others fits.
    #[default]
    Auto,
    /// cargo nextest.
    Nextest,
    /// `cargo test`.
    Libtest,
    /// pytest with `-v`.
    Pytest,
    /// `go test` with `-v` or `-json`.
    Go,
    /// The Test Anything Protocol.
    Tap,
    /// Not at all: the command is one part.
    None,
}

impl Parts {
    fn format(self) -> PartsFormat {
        match self {
            Self::Auto => PartsFormat::Auto,
            Self::Nextest => PartsFormat::Nextest,
            Self::Libtest => PartsFormat::Libtest,
            Self::Pytest => PartsFormat::Pytest,
            Self::Go => PartsFormat::Go,
            Self::Tap => PartsFormat::Tap,
            Self::None => PartsFormat::None,
        }
    }
}

/// What a file and the flags give.
struct Prepared {
    task: Task,
    spec: Arc<SoakSpec>,
    targets: Vec<SoakTarget>,
    plan: TorturePlan,
    seed: u64,
}

impl Args {
    /// Reads the document, whose nodes get fresh places each time.
    fn prepare(&self, document: &[u8], seed: Option<u64>) -> Result<Prepared, Failure> {
        let name = self.soak.display().to_string();
        let options = with_places(document, &self.document.options()?);
        let mut task = task(load_bytes(document, &name, &options), Checks::Soak)?;
        let usage = |why: String| Failure::Usage(why);
        let spec = task.soak.take().ok_or_else(|| usage(format!("`{name}` has no `soak`")))?;
        let places = CommandPlaces::of(&task.nodes).map_err(|error| usage(error.to_string()))?;
        let words = self.command.iter().map(|word| places.fill(word)).collect::<Result<Vec<_>, _>>();
        let argv = Argv::try_from(words.map_err(|error| usage(error.to_string()))?);
        if let Some(unknown) = self.target_inside.iter().find(|node| !task.nodes.contains_key(*node)) {
            return Err(usage(format!("`--target-inside {unknown}`: `{name}` has no such node")));
        }
        let targets = soak_targets(&task.nodes);
        let seed = seed.or(task.seed).unwrap_or_else(|| seed_at(SystemTime::now()));
        let draw = |number| SoakPlan::draw(&spec, &targets, attempt_seed(seed, number));
        let attempts = (1..=self.attempts.get()).map(draw).collect::<Result<Vec<_>, _>>();
        // The report may want standard output for itself.
        let is_ours = self.flags.format == DataFormat::Text && self.flags.out() == Out::Stdout;
        let plan = TorturePlan {
            argv: argv.map_err(|error| usage(error.to_string()))?,
            env: places.env().clone(),
            deadline: self.deadline.map_or(DEADLINE, DurationText::get),
            grace: self.grace.map_or(GRACE, DurationText::get),
            format: self.parts.format(),
            destination: if is_ours { CommandDestination::Stdout } else { CommandDestination::Stderr },
            inside: self.target_inside.clone(),
            attempts: attempts.map_err(|error| usage(error.to_string()))?,
        };
        Ok(Prepared { task, spec: Arc::new(spec), targets, plan, seed })
    }

    fn tell(&self, report: &TortureReport) -> Result<(), Failure> {
        match self.flags.format {
            DataFormat::Text => Out::Stderr.print(&report.text())?,
            DataFormat::Json => self.flags.out().print_json(report)?,
        }
        let Some(path) = &self.json else { return Ok(()) };
        output_file::write(path, Readers::of_its_text(), |file| write_json(file, report))
            .map_err(|source| Failure::File { path: path.clone(), doing: "written", source })
    }
}

pub(super) fn run(args: &Args) -> Result<u8, Failure> {
    let document = bytes(&args.soak)?;
    let Prepared { mut task, spec, plan, seed, .. } = args.prepare(&document, args.seed)?;
    let runner = args.flags.runner(seed)?;
    let events = plan.attempts.iter().flat_map(|plan| plan.events.clone()).collect();
    task.entries = dry_entries(&spec, &SoakPlan { seed, events });
    let preflight = runner.dry_run(task)?;
    let text = plan::outline(&preflight);
    if args.dry_run {
        match args.flags.format {
            DataFormat::Json => args.flags.out().print_json(&plan.attempts)?,
            DataFormat::Text => {
                let attempts = plan.attempts.iter().zip(1_u32..);
                let attempts = attempts.map(|(plan, at)| format!("attempt {at}, seed {}:\n{}", plan.seed, plan.text()));
                let attempts: String = attempts.collect();
                args.flags.out().print(&format!("{attempts}{text}\ndry run: nothing was touched\n"))?;
            }
        }
        return Ok(if preflight.allowed() { 0 } else { chaos_core::Verdict::Inconclusive.exit_code() });
    }
    if !preflight.allowed() {
        say(&text);
        return Err(Failure::Declined("not all of the pool may run"));
    }
    if let Some(path) = &args.json {
        // Not first when all is over.
        output_file::open(path, Readers::of_its_text()).map_err(|source| Failure::File {
            path: path.clone(),
            doing: "written",
            source,
        })?;
    }
    let prepared = args.prepare(&document, Some(seed))?;
    let report = on_runtime(async |signals| torture(args, prepared, signals).await)?;
    args.tell(&report)?;
    Ok(u8::try_from(report.exit_code).unwrap_or(1))
}

async fn torture(args: &Args, prepared: Prepared, signals: &mut Signals) -> Result<TortureReport, Failure> {
    let Prepared { task, spec, targets, plan, seed } = prepared;
    let (command, planned) = (Vec::from(plan.argv.clone()), plan.attempts.len());
    let watch = args.flags.watch(Detail::Notes)?;
    let runner = args.flags.runner(seed)?;
    let events = args.flags.event_file()?;
    let words = command.clone();
    let work = move |session| async move {
        let mut end = chaos_torture::drive(session, spec, targets, plan).await;
        let results = std::mem::take(&mut end.results);
        let verdict = Some(TortureReport::of(words, seed, planned, &end).verdict);
        (end, Driven { results, verdict })
    };
    let (run, end) = drive(&runner, task, work, events, watch, signals).await?;
    let end = end.unwrap_or_default();
    Ok(TortureReport::of(command, seed, planned, &end).with_run(&run))
}
