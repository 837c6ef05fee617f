//! `squall soak`, `squall replay` and `squall shrink`: faults drawn by seed, the same plan again, and a smaller one that still
//! fails.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use chaos_core::{SoakSpec, StepBody, StepOutputs, Task, WorkflowStep};
use chaos_runner::{Driven, Runner, seed_at};
use chaos_schema::load_bytes;
use chaos_soak::{SoakEnd, SoakManifest, SoakPlan, SoakReport, SoakTarget, dry_entries, soak_targets};
use serde::Deserialize;

use super::console::{Out, say};
use super::document::{Checks, DocumentFlags, bytes, task};
use super::execute::{create, drive, on_runtime};
use super::exports::ExportFlags;
use super::failure::Failure;
use super::follow::Watch;
use super::format::DataFormat;
use super::live::Detail;
use super::output_file::{self, Readers};
use super::places::with_places;
use super::plan;
use super::policy_flags::PolicyFlags;
use super::run_flags::runner_within;
use super::settings;
use super::signals::Signals;

mod again;

pub(crate) use again::{ReplayArgs, ShrinkArgs, replay, shrink};

/// Manifests go here, below the workspace.
const FOLDER: &str = ".squall/soaks";

/// Runs a soak: faults that a seed draws from the weighted pool of a file, within bounds, against targets that stay legal.
///
/// Exit codes: 0 within the flake budget, 1 a failure or a budget that is used up, 2 nothing was shown, 3 something may be in
/// force. The manifest that it writes holds everything that was drawn: `squall replay` and `squall shrink` read it.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The task file (YAML or JSON) with a `soak`.
    #[arg(value_name = "FILE")]
    pub(super) file: PathBuf,
    /// Prints the plan: every event with what was drawn, and whether the policy allows it; touches nothing.
    #[arg(long)]
    dry_run: bool,
    /// Seed of every draw; default: the file's, else one that the report names.
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Where the manifest goes; default `.squall/soaks/` in the workspace.
    #[arg(long, value_name = "PATH")]
    manifest: Option<PathBuf>,
    #[command(flatten)]
    document: DocumentFlags,
    #[command(flatten)]
    pub(super) flags: SoakFlags,
}

/// How a soak is run and told.
#[derive(Debug, clap::Args)]
pub(crate) struct SoakFlags {
    /// How to print the report.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: DataFormat,
    /// Writes every event of the run as a line of JSON to this file; `-` is standard output, the report then goes to
    /// standard error.
    #[arg(long, value_name = "PATH")]
    events: Option<PathBuf>,
    /// Shows no progress; the report and errors stay.
    #[arg(long, short)]
    quiet: bool,
    /// Shows every event as it happens.
    #[arg(long, short, conflicts_with = "quiet")]
    verbose: bool,
    /// Folder for files that plug-ins and soaks keep; default: the current one.
    #[arg(long, value_name = "FOLDER")]
    workspace: Option<PathBuf>,
    #[command(flatten)]
    exports: ExportFlags,
    /// What may be touched.
    #[command(flatten)]
    policy: PolicyFlags,
}

impl SoakFlags {
    /// The runner that they say.
    pub(super) fn runner(&self, seed: u64) -> Result<Runner, Failure> {
        let mut builder = runner_within(&self.policy, None, self.workspace.as_deref())?.seed(seed);
        if let Some(note) = self.exports.note() {
            builder = builder.announce(note);
        }
        Ok(builder.build()?)
    }

    fn workspace(&self) -> &Path {
        settings::workspace_or_here(self.workspace.as_deref())
    }

    /// The file for events.
    pub(super) fn event_file(&self) -> Result<Option<std::fs::File>, Failure> {
        self.events.as_deref().map(create).transpose()
    }

    /// How a run is followed that shows so much by default.
    pub(super) fn watch(&self, by_default: Detail) -> Result<Watch, Failure> {
        let detail = if self.quiet || self.verbose { Detail::asked(self.quiet, self.verbose) } else { by_default };
        Ok(Watch { detail, until_stdin_closes: false, exports: self.exports.start()? })
    }

    /// Where the report goes.
    pub(super) fn out(&self) -> Out {
        Out::beside(self.events.as_deref())
    }

    fn tell(&self, report: &SoakReport) -> Result<(), Failure> {
        match self.format {
            DataFormat::Text => self.out().print(&report.text()),
            DataFormat::Json => self.out().print_json(report),
        }
    }
}

/// A document that is read anew for each run of it, since its nodes get fresh places each time.
struct Source<'a> {
    name: String,
    bytes: Vec<u8>,
    /// The step of its workflow that holds the soak.
    step: Option<String>,
    document: &'a DocumentFlags,
    flags: &'a SoakFlags,
}

impl Source<'_> {
    fn load(&self) -> Result<(Task, SoakSpec, Vec<SoakTarget>), Failure> {
        let options = with_places(&self.bytes, &self.document.options()?);
        let mut task = task(load_bytes(&self.bytes, &self.name, &options), Checks::Soak)?;
        let workflow = task.workflow.take();
        let spec = match (&self.step, workflow) {
            (Some(step), workflow) => self.of_step(step, workflow.as_deref())?,
            (None, Some(_)) => {
                let name = &self.name;
                return Err(Failure::Usage(format!("`{name}` has a workflow; run it with `squall run {name}`")));
            }
            (None, None) => task.soak.take().ok_or_else(|| {
                let name = &self.name;
                Failure::Usage(format!("`{name}` has no `soak`; run its entries with `squall run {name}`"))
            })?,
        };
        let targets = soak_targets(&task.nodes);
        Ok((task, spec, targets))
    }

    /// The soak of a step, which may need nothing of the steps before it: a replay does not run them.
    fn of_step(&self, name: &str, workflow: Option<&WorkflowStep>) -> Result<SoakSpec, Failure> {
        let steps = workflow.map(WorkflowStep::all).unwrap_or_default();
        let leaf = steps.into_iter().find(|step| step.name == name).and_then(|step| match &step.body {
            StepBody::Leaf(late) => Some(late),
            _ => None,
        });
        let none = || Failure::Usage(format!("`{}` has no step `{name}` of type `soak`", self.name));
        let step = leaf.ok_or_else(none)?.read(&StepOutputs::new());
        let step = step.map_err(|error| {
            Failure::Usage(format!(
                "step `{name}` can't be run alone: {error}; run the workflow again with `squall run`"
            ))
        })?;
        let step = serde_json::to_value(&step).unwrap_or_default();
        let soak = step.get("soak").and_then(|soak| SoakSpec::deserialize(soak).ok());
        soak.ok_or_else(none)
    }

    /// Runs a plan to its end.
    async fn run(&self, plan: SoakPlan, signals: &mut Signals) -> Result<SoakReport, Failure> {
        let (task, spec, targets) = self.load()?;
        let (seed, planned, spec) = (plan.seed, plan.events.len(), Arc::new(spec));
        let watch = self.flags.watch(Detail::Events)?;
        let runner = self.flags.runner(seed)?;
        let events = self.flags.event_file()?;
        let soak = Arc::clone(&spec);
        let work = move |session| async move {
            let mut end = chaos_soak::drive(session, Arc::clone(&soak), targets, plan).await;
            let results = std::mem::take(&mut end.results);
            let report = SoakReport::of(&soak, seed, planned, &end);
            let verdict = Some(report.verdict);
            (report, Driven { results, verdict })
        };
        let (run, report) = drive(&runner, task, work, events, watch, signals).await?;
        let report = report.unwrap_or_else(|| SoakReport::of(&spec, seed, planned, &SoakEnd::default()));
        Ok(report.with_run(&run))
    }
}

pub(super) fn run(args: &Args) -> Result<u8, Failure> {
    let (name, bytes) = (args.file.display().to_string(), bytes(&args.file)?);
    let source = Source { name, bytes, step: None, document: &args.document, flags: &args.flags };
    let (mut task, spec, targets) = source.load()?;
    let seed = args.seed.or(task.seed).unwrap_or_else(|| seed_at(SystemTime::now()));
    let plan = SoakPlan::draw(&spec, &targets, seed).map_err(|error| Failure::Usage(error.to_string()))?;
    task.entries = dry_entries(&spec, &plan);
    let preflight = args.flags.runner(seed)?.dry_run(task)?;
    let text = plan::outline(&preflight);
    if args.dry_run {
        match args.flags.format {
            DataFormat::Json => args.flags.out().print_json(&plan)?,
            DataFormat::Text => {
                args.flags.out().print(&format!("{}{text}\ndry run: nothing was touched\n", plan.text()))?;
            }
        }
        return Ok(if preflight.allowed() { 0 } else { chaos_core::Verdict::Inconclusive.exit_code() });
    }
    if !preflight.allowed() {
        say(&text);
        return Err(Failure::Declined("not all of the pool may run"));
    }
    let manifest = SoakManifest {
        squall_version: env!("CARGO_PKG_VERSION").to_owned(),
        file: source.name.clone(),
        document: String::from_utf8_lossy(&source.bytes).into_owned(),
        step: None,
        targets,
        plan,
        failure: None,
    };
    let path = match &args.manifest {
        Some(path) => path.clone(),
        None => args.flags.workspace().join(FOLDER).join(format!("{seed}-{}.json", millis())),
    };
    // Before the first event: a soak whose engine dies can be replayed too.
    keep(&manifest, &path)?;
    let mut report = on_runtime(async |signals| source.run(manifest.plan.clone(), signals).await)?;
    report.manifest = Some(path.display().to_string());
    if let Some(failure) = report.to_reproduce() {
        keep(&SoakManifest { failure: Some(failure), ..manifest }, &path)?;
    }
    args.flags.tell(&report)?;
    say(&format!("manifest: {}", path.display()));
    Ok(report.verdict.exit_code())
}

/// Writes a manifest. What stands in it is as secret as the document.
fn keep(manifest: &SoakManifest, path: &Path) -> Result<(), Failure> {
    let failed = |source| Failure::File { path: path.to_owned(), doing: "written", source };
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    output_file::write(path, Readers::Owner, |file| file.write_all(manifest.to_text().as_bytes())).map_err(failed)
}

fn millis() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis()
}
