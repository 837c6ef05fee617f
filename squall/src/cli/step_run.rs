//! `squall step-run -- CMD`: one task of somebody else's workflow, judged as the step `command` is.

mod program;
mod reason;

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use chaos_core::{DurationText, StepOutcome};
use chaos_steps::{EXIT_REASON, classified, written};

use super::console::{complain, say};
use super::execute::on_runtime;
use super::failure::Failure;
use super::signals::Signals;
use program::{End, Limits, Program};
use reason::{Earlier, ReasonFile};

/// How long a program that is to end gets before it is killed, where `--grace` does not say.
const GRACE: Duration = Duration::from_secs(5);
/// How long the abort command gets, where `--abort-deadline` does not say.
const ABORT_DEADLINE: Duration = Duration::from_secs(30);
/// What the abort command is told beside its environment: the step, its outcome, what it wrote as reason, and why.
const STEP: [&str; 4] = ["SQUALL_STEP_NAME", "SQUALL_STEP_OUTCOME", "SQUALL_STEP_REASON", "SQUALL_STEP_DETAIL"];

/// Runs one task of somebody else's workflow: judges how it ends, and on a failure runs an abort command, once.
///
/// Exit code 0 is a pass, 2 an `infra_fail`, every other code and a signal a `task_fail`, of the command and of this one: 0, 1
/// or 2. The command may write `task_fail` or `infra_fail` into the file that `SQUALL_EXIT_REASON` names, which only
/// worsens. What it prints passes through. At its end, at the deadline and at SIGINT or SIGTERM everything that it started
/// is ended.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// What the step is called in messages and for the abort command; default: the name of the program.
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// A program and its arguments, run without a shell when the step fails; it finds `SQUALL_STEP_OUTCOME`, `SQUALL_STEP_REASON`,
    /// `SQUALL_STEP_DETAIL` and `SQUALL_STEP_NAME` in its environment. Its own failure changes no verdict.
    #[arg(long, value_name = "COMMAND")]
    abort: Option<String>,
    /// How long the abort command may take; default 30s.
    #[arg(long, value_name = "TIME", requires = "abort")]
    abort_deadline: Option<DurationText>,
    /// How long the command may take; then it is ended with everything that it started, and has timed out.
    #[arg(long, value_name = "TIME")]
    deadline: Option<DurationText>,
    /// How long the command may go on after SIGTERM before it is killed; default 5s.
    #[arg(long, value_name = "TIME")]
    grace: Option<DurationText>,
    /// A file that keeps the first failure of all steps that share it: the outcome is written there, and a failure that it
    /// holds already stays.
    #[arg(long, value_name = "FILE")]
    reason_file: Option<PathBuf>,
    /// The command must write a reason: without one it has not passed.
    #[arg(long)]
    require_reason: bool,
    /// Does not start the command where the reason file holds a failure of an earlier step, and ends with its exit code.
    #[arg(long, requires = "reason_file")]
    unless_failed: bool,
    /// The program and its arguments.
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

pub(super) fn run(args: &Args) -> Result<u8, Failure> {
    let abort = args.abort.as_deref().map(abort_command).transpose()?;
    let outcome = on_runtime(async |signals| Ok(args.step(abort.as_deref(), signals).await))?;
    Ok(outcome.exit_code())
}

/// A command line, cut as a shell does.
fn abort_command(text: &str) -> Result<Vec<OsString>, Failure> {
    let words = shlex::split(text).filter(|words| words.first().is_some_and(|program| !program.is_empty()));
    let why =
        || format!("invalid abort command `{text}`: expected a program and its arguments, such as `kubectl get pods`");
    Ok(words.ok_or_else(|| Failure::Usage(why()))?.into_iter().map(OsString::from).collect())
}

/// How a step ended.
struct Ended {
    outcome: StepOutcome,
    detail: String,
    /// What the command wrote as its reason.
    reason: String,
}

impl Ended {
    fn infra_fail(detail: String) -> Self {
        Self { outcome: StepOutcome::InfraFail, detail, reason: String::new() }
    }
}

impl Args {
    /// The whole step; its outcome.
    async fn step(&self, abort: Option<&[OsString]>, signals: &mut Signals) -> StepOutcome {
        let mut ended = match self.reason_file.as_deref().map(ReasonFile::open).transpose() {
            Ok(None) => self.judged(None, signals).await,
            Ok(Some(mut file)) => {
                if self.unless_failed
                    && let Some(Earlier { outcome, text }) = file.earlier()
                {
                    say(&format!("step `{}` is not started: an earlier step has failed: `{text}`", self.label()));
                    return outcome;
                }
                let mut ended = self.judged(Some(&file), signals).await;
                if let Err(error) = file.keep(ended.outcome) {
                    ended.worsen(&format!("its outcome can't be written to `{}`: {error}", file.path().display()));
                }
                ended
            }
            Err((path, error)) => {
                Ended::infra_fail(format!("the reason file `{}` can't be used: {error}", path.display()))
            }
        };
        if !ended.outcome.is_failure() {
            return ended.outcome;
        }
        ended.detail = ended.detail.replace('\0', "");
        complain(&format!("step `{}`: {}: {}", self.label(), ended.outcome.word(), ended.detail));
        if let Some(abort) = abort {
            self.run_abort(abort, &ended).await;
        }
        ended.outcome
    }

    /// Runs the command, and judges it.
    async fn judged(&self, file: Option<&ReasonFile>, signals: &mut Signals) -> Ended {
        let program = self.command[0].to_string_lossy();
        let folder = match tempfile::Builder::new().prefix("squall-step-").tempdir() {
            Ok(folder) => folder,
            Err(error) => return Ended::infra_fail(format!("no folder for the reason of `{program}`: {error}")),
        };
        let own = folder.path().join("exit_reason");
        let env = [(EXIT_REASON.into(), own.clone().into_os_string())].into();
        let limits = Limits {
            deadline: self.deadline.map(DurationText::get),
            grace: self.grace.map_or(GRACE, DurationText::get),
        };
        let end = match Program::start(&self.command, &env) {
            Ok(running) => running.end(limits, Some(signals)).await,
            Err(error) => return Ended::infra_fail(format!("`{program}` can't be started: {error}")),
        };
        let reason = match written(&own) {
            Ok(None) => file.map_or(Ok(None), ReasonFile::written_since),
            of_its_own => of_its_own,
        };
        let told = reason.as_ref().ok().cloned().flatten().map(|text| text.trim().to_owned()).unwrap_or_default();
        let (outcome, detail) = match end {
            Ok(End::Exited(status)) => {
                let (outcome, detail) = classified(&program, status, None, reason);
                if outcome == StepOutcome::Pass && self.require_reason && told.is_empty() {
                    (StepOutcome::InfraFail, format!("{detail}; it wrote no exit reason, and must"))
                } else {
                    (outcome, detail)
                }
            }
            Ok(End::Late(after)) => {
                (StepOutcome::TimedOut, format!("`{program}` did not end within {} s", after.as_secs_f64()))
            }
            Ok(End::Asked(signal)) => (StepOutcome::InfraFail, format!("interrupted: {signal}")),
            Err(error) => (StepOutcome::InfraFail, format!("failed to wait for `{program}`: {error}")),
        };
        Ended { outcome, detail, reason: told }
    }

    /// Runs the abort command; a signal does not skip it, its deadline ends it.
    async fn run_abort(&self, argv: &[OsString], ended: &Ended) {
        let told = [self.label(), ended.outcome.word().to_owned(), ended.reason.clone(), ended.detail.clone()];
        let env = std::iter::zip(STEP, told).map(|(name, value)| (name.into(), value.into())).collect();
        let deadline = self.abort_deadline.map_or(ABORT_DEADLINE, DurationText::get);
        let limits = Limits { deadline: Some(deadline), grace: self.grace.map_or(GRACE, DurationText::get) };
        let program = argv[0].to_string_lossy();
        let end = match Program::start(argv, &env) {
            Ok(running) => running.end(limits, None).await,
            Err(error) => return complain(&format!("the abort command `{program}` can't be started: {error}")),
        };
        match end {
            Ok(End::Exited(status)) if status.success() => {}
            Ok(End::Exited(status)) => complain(&format!("the abort command `{program}` failed: {status}")),
            Ok(End::Late(_) | End::Asked(_)) => {
                complain(&format!("the abort command `{program}` did not end within {} s", deadline.as_secs_f64()));
            }
            Err(error) => complain(&format!("failed to wait for the abort command `{program}`: {error}")),
        }
    }

    fn label(&self) -> String {
        let program =
            || std::path::Path::new(&self.command[0]).file_name().map(|name| name.to_string_lossy().into_owned());
        self.name.clone().or_else(program).unwrap_or_default()
    }
}

impl Ended {
    /// A pass that can't be relied on is none.
    fn worsen(&mut self, why: &str) {
        if self.outcome == StepOutcome::Pass {
            self.outcome = StepOutcome::InfraFail;
        }
        self.detail = format!("{}; {why}", self.detail);
    }
}
