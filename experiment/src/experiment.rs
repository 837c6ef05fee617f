//! An experiment: made, started in the background, followed, cancelled, and at its end a report.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use chaos_agent::Model;
use chaos_core::EventStream;
use chaos_runner::{RunControl, RunHandle, Runner, RunnerError, Session, SessionEnd, SessionPlan};
use chaos_schema::ExperimentSpec;

use crate::budget::BudgetKind;
use crate::conversation;
use crate::load::load_fault;
use crate::planner;
use crate::report::ExperimentReport;
use crate::setup::Setup;
use crate::step_runner::StepRunner;
use crate::strategy::{self, StrategyRequest};
use crate::transcript::{
    EndLine, ExperimentEnd, ExperimentTranscript, Line, TranscriptError, TranscriptHeader, Writer,
};

/// Folder of transcripts inside the workspace.
const FOLDER: &str = ".squall/experiments";

/// What the end of the last step may take beyond `wall_seconds`.
const GRACE: Duration = Duration::from_secs(30);

/// Variables that name a model: a load inside an experiment is planned already, so it must not ask one.
const MODEL_VARIABLES: [&str; 2] = ["CHAOS_MODEL", "AGENT_MODEL"];

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExperimentError {
    /// The experiment could not begin, or the engine is gone.
    #[error(transparent)]
    Runner(#[from] RunnerError),
    /// The transcript can't be written or read.
    #[error(transparent)]
    Transcript(#[from] TranscriptError),
    /// A panic of this crate.
    #[error("the experiment panicked: {0}")]
    Panicked(String),
}

/// An experiment that has not begun.
pub struct Experiment {
    spec: ExperimentSpec,
    model: Option<Arc<dyn Model>>,
    transcript: Option<PathBuf>,
    command: String,
}

impl fmt::Debug for Experiment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Experiment").field("spec", &self.spec).finish_non_exhaustive()
    }
}

impl Experiment {
    /// An experiment without a model: a strategy answers, the document's or the one that the goal's words choose.
    pub fn new(spec: ExperimentSpec) -> Self {
        Self { spec, model: None, transcript: None, command: String::new() }
    }

    /// Lets a model plan, inside the guardrails.
    #[must_use]
    pub fn model(mut self, model: Arc<dyn Model>) -> Self {
        self.model = Some(model);
        self
    }

    /// The command that makes the experiment again, for the report.
    #[must_use]
    pub fn command(mut self, command: impl Into<String>) -> Self {
        self.command = command.into();
        self
    }

    /// Where the transcript goes. Default: `.squall/experiments/` in the runner's workspace, named for the run.
    #[must_use]
    pub fn transcript(mut self, path: impl Into<PathBuf>) -> Self {
        self.transcript = Some(path.into());
        self
    }

    /// Starts it in the background, on a thread of the engine's own.
    ///
    /// # Errors
    /// [`ExperimentError`] when nothing could begin; nothing was injected then.
    pub fn start(self, runner: &Runner) -> Result<ExperimentRun, ExperimentError> {
        let (seed, mut policy) = (self.spec.seed, self.spec.policy.clone());
        let setup = Setup::of(self.spec);
        // What the experiment may use is what the engine lets it use.
        let used = setup.allow.iter().map(String::as_str).chain(load_fault().map(|fault| fault.name));
        let named = policy.allow_faults.take();
        let allowed = used.filter(|name| named.as_ref().is_none_or(|named| named.iter().any(|one| one == name)));
        policy.allow_faults = Some(allowed.map(str::to_owned).collect());
        let plan = SessionPlan {
            name: "experiment".to_owned(),
            policy,
            confined_to: setup.confined_to(),
            seed,
            hidden_env: MODEL_VARIABLES.to_vec(),
        };
        let (model, path, command) = (self.model, self.transcript, self.command);
        let run = runner.session(plan, move |session| Box::pin(work(session, setup, model, path, command)))?;
        Ok(ExperimentRun { run })
    }
}

/// What the engine's thread hands back.
type Done = Result<(ExperimentTranscript, PathBuf), TranscriptError>;

/// A running experiment. Dropping it cancels it; what is in force is undone all the same.
#[must_use = "dropping it cancels the experiment"]
#[derive(Debug)]
pub struct ExperimentRun {
    run: RunHandle<SessionEnd<Done>>,
}

impl ExperimentRun {
    /// The events from the first one on; only the first call gets them.
    pub fn take_events(&mut self) -> Option<EventStream> {
        self.run.take_events()
    }

    /// Ends it early: everything is undone and reported.
    pub fn cancel(&self) {
        self.run.cancel();
    }

    /// What ends it, or the fault that is in force, early, for a signal handler.
    pub fn control(&self) -> RunControl {
        self.run.control()
    }

    /// Waits for the report.
    ///
    /// # Errors
    /// [`ExperimentError`] when there is none.
    pub async fn wait(self) -> Result<ExperimentReport, ExperimentError> {
        report(self.run.wait().await?)
    }

    /// The same, blocking; not from async code.
    pub fn wait_blocking(self) -> Result<ExperimentReport, ExperimentError> {
        report(self.run.wait_blocking()?)
    }
}

fn report(end: SessionEnd<Done>) -> Result<ExperimentReport, ExperimentError> {
    let (transcript, path) = end.output.map_err(|panicked| ExperimentError::Panicked(panicked.to_string()))??;
    Ok(ExperimentReport::of(&transcript).at(path))
}

/// The whole experiment, on the engine's thread.
async fn work(
    session: Session,
    setup: Setup,
    model: Option<Arc<dyn Model>>,
    path: Option<PathBuf>,
    command: String,
) -> Done {
    let cx = session.cx();
    let path = path.unwrap_or_else(|| cx.workspace().join(FOLDER).join(format!("{}.jsonl", cx.run_id())));
    let mut redactor = cx.redactor().clone();
    for secret in model.iter().flat_map(|model| model.secrets()) {
        redactor.add(&secret);
    }
    let mut writer = Writer::create(&path, redactor)?;
    let choice = planner::choose(&setup.goal);
    let planner = match (&model, setup.strategy, choice.word) {
        (Some(model), ..) => model.name().to_owned(),
        (None, Some(strategy), _) => format!("no model: the document names the strategy `{}`", strategy.word()),
        (None, None, Some(word)) => {
            format!("no model: the word `{word}` in the goal chose the strategy `{}`", choice.strategy.word())
        }
        (None, None, None) => "no model: no word of the goal chose, so the strategy is `capacity`".to_owned(),
    };
    writer.write(&Line::Header(Box::new(header(&session, &setup, planner, command))))?;
    let runner = StepRunner::new(setup, session.clone(), writer);
    let reason = match model {
        Some(model) => conversation::run(&runner, model.as_ref(), &conversation_path(&path)).await,
        None => alone(&runner, &choice).await,
    };
    // The undo of an entry that is no longer waited for may still be running.
    let reason = match session.settled().await {
        Some(why) => ExperimentEnd::InForce { why },
        None => reason,
    };
    let end = Line::End(EndLine { at_ms: runner.at_ms(), reason, spent: runner.spent() });
    // Without its last line the transcript reads as cut off, which it then is.
    let _ = runner.write(&end);
    Ok((runner.transcript()?, runner.path()))
}

fn header(session: &Session, setup: &Setup, planner: String, command: String) -> TranscriptHeader {
    let cx = session.cx();
    let unix = cx.clock().wall().duration_since(UNIX_EPOCH).unwrap_or_default();
    TranscriptHeader {
        version: TranscriptHeader::VERSION,
        writer: env!("CARGO_PKG_VERSION").to_owned(),
        run_id: cx.run_id().to_owned(),
        goal: setup.goal.clone(),
        target: setup.target.to_string(),
        allow: setup.allow.clone(),
        slo: setup.slo.clone(),
        slo_given: setup.slo_given,
        budget: setup.budget,
        planner,
        seed: cx.seed(),
        started_at_unix_ms: u64::try_from(unix.as_millis()).unwrap_or(u64::MAX),
        machine: machine(),
        command,
    }
}

/// Host name, kernel and processors of this machine, as far as it tells.
fn machine() -> String {
    let read = |name: &str| {
        let text = std::fs::read_to_string(format!("/proc/sys/kernel/{name}")).unwrap_or_default();
        text.trim().to_owned()
    };
    let processors = std::thread::available_parallelism().map_or(0, std::num::NonZeroUsize::get);
    let parts =
        [read("hostname"), format!("{} {}", read("ostype"), read("osrelease")), format!("{processors} processors")];
    parts.into_iter().filter(|part| !part.trim().is_empty()).collect::<Vec<_>>().join(", ")
}

/// The conversation with a model is a record of its own, beside the transcript.
fn conversation_path(path: &Path) -> PathBuf {
    path.with_extension("conversation.jsonl")
}

/// Without a model: one strategy, to its end.
async fn alone(runner: &StepRunner, choice: &planner::Choice) -> ExperimentEnd {
    let strategy = runner.setup.strategy.unwrap_or(choice.strategy);
    let request = StrategyRequest { qps: choice.qps.and_then(std::num::NonZeroU32::new), ..StrategyRequest::default() };
    // A rate in the document counts for more than one in the goal.
    let request = if runner.setup.load.qps.is_some() { StrategyRequest::default() } else { request };
    // Each step and each rest keeps to `wall_seconds` by itself, and what was found is kept; this is for what hangs.
    let wall = runner.time_left() + GRACE;
    let run = runner.cx().clock().timeout(wall, strategy::run(runner, strategy, request)).await;
    match run {
        Some(Ok(_)) => ExperimentEnd::Answered,
        Some(Err(stop)) => stop.into(),
        None => ExperimentEnd::BudgetRanOut { budget: BudgetKind::WallSeconds },
    }
}
