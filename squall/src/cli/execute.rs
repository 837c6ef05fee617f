//! One task through the engine: in the background, with signals, live display and event file, to its report.

use std::fs::File;
use std::os::fd::AsFd;
use std::path::Path;
use std::pin::pin;
use std::thread;
use std::time::Duration;

use chaos_core::{BoxFuture, StateDir, Task};
use chaos_runner::{Driven, Report, RunControl, RunHandle, Runner, RunnerError, Session};
use tokio::sync::oneshot;

use super::conclude::conclude;
use super::console::{Out, say, settle};
use super::failure::Failure;
use super::follow::{Follower, Watch};
use super::format::ReportFormat;
use super::gate::Gate;
use super::outcome::{Outcome, tell_people};
use super::output_file::{self, Readers};
use super::plan;
use super::run_flags::RunFlags;
use super::signals::{Request, Signals, suspend};
use super::stdin_hold;

/// The command line of this process, as a shell would read it again.
fn command_line() -> String {
    let quoted = |word: String| {
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,@%+".contains(c);
        if !word.is_empty() && word.chars().all(plain) { word } else { format!("'{}'", word.replace('\'', "'\\''")) }
    };
    let mut words: Vec<String> = std::env::args_os().map(|word| word.to_string_lossy().into_owned()).collect();
    if let Some(program) = words.first_mut() {
        let name = Path::new(program.as_str()).file_name().map(|name| name.to_string_lossy().into_owned());
        *program = name.unwrap_or_else(|| "squall".to_owned());
    }
    words.into_iter().map(quoted).collect::<Vec<_>>().join(" ")
}

/// Runs `task` (or prints its plan) and returns the exit code that its verdict has.
pub(crate) fn execute(
    task: Task,
    file: Option<&Path>,
    flags: &RunFlags,
    state: Option<StateDir>,
) -> Result<u8, Failure> {
    let runner = flags.runner(state)?;
    check_hold(flags)?;
    if flags.dry_run {
        return plan::print_plan(&runner.dry_run(task)?, flags.format);
    }
    let events = flags.events.as_deref().map(create).transpose()?;
    let report = on_runtime(async |signals| run_to_the_end(&runner, task, events, flags, signals).await);
    let mut report = report?;
    finished(&mut report, file, None);
    let outcome = Outcome::Ran(Box::new(report));
    let shown = tell_text(&outcome, flags);
    let code = conclude(&[], &[outcome], flags)?;
    if code == 0 { shown.map(|()| code) } else { Ok(code) }
}

/// Prints an outcome as it ends, where text is what is printed.
pub(crate) fn tell_text(outcome: &Outcome, flags: &RunFlags) -> Result<(), Failure> {
    if flags.format == ReportFormat::Text {
        return outcome.print_text(Out::beside(flags.events.as_deref()), flags.quiet);
    }
    if let Outcome::Failed { failure, .. } = outcome {
        tell_people(failure);
    }
    Ok(())
}

/// Refuses to hold until standard input closes when it is closed.
pub(crate) fn check_hold(flags: &RunFlags) -> Result<(), Failure> {
    if flags.until_stdin_closes && !flags.dry_run { stdin_hold::check_open() } else { Ok(()) }
}

/// Adds what the command line knows of a run that has ended.
pub(crate) fn finished(report: &mut Report, file: Option<&Path>, gate: Option<&Gate>) {
    report.file = file.map(|file| file.display().to_string());
    report.command = Some(command_line());
    if let Some(gate) = gate {
        gate.judge(report);
    }
}

/// Makes a file for events; `-` is standard output.
pub(crate) fn create(path: &Path) -> Result<File, Failure> {
    let made = if path.as_os_str() == "-" {
        std::io::stdout().as_fd().try_clone_to_owned().map(File::from)
    } else {
        output_file::create(path, Readers::of_its_text())
    };
    made.map_err(|source| Failure::File { path: path.to_owned(), doing: "written", source })
}

/// Does `work` on a runtime that listens to signals from the start: a signal must never find the process without a way to
/// undo.
pub(crate) fn on_runtime<T>(work: impl AsyncFnOnce(&mut Signals) -> Result<T, Failure>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::Internal(format!("no runtime for signals: {error}")))?;
    runtime.block_on(async {
        let mut signals = Signals::install().map_err(|error| Failure::Internal(format!("no signals: {error}")))?;
        work(&mut signals).await
    })
}

/// Runs a task.
pub(crate) async fn run_to_the_end(
    runner: &Runner,
    task: Task,
    events: Option<File>,
    flags: &RunFlags,
    signals: &mut Signals,
) -> Result<Report, Failure> {
    let starting = runner.clone();
    run_with(runner, move || starting.start(task), events, flags.watch()?, signals).await
}

/// Runs what `start` starts.
pub(crate) async fn run_with(
    runner: &Runner,
    start: impl FnOnce() -> Result<RunHandle, RunnerError> + Send + 'static,
    events: Option<File>,
    watch: Watch,
    signals: &mut Signals,
) -> Result<Report, Failure> {
    let mut handle = begin(runner, start, signals).await?;
    let follower = handle.take_events().map(|stream| Follower::start(stream, events, watch.detail, &watch.exports));
    let follower = follower.transpose()?;
    let control = handle.control();
    if watch.until_stdin_closes {
        stdin_hold::release_at_end(handle.control())?;
    }
    let report = wait(handle.wait(), &control, signals).await;
    if let Some(follower) = follower {
        watch.exports.send(follower.finish()?, signals).await;
    }
    report
}

/// Runs `work` in place of the entries of a task; gives what it made beside the report, if it lived so long.
pub(crate) async fn drive<T, F>(
    runner: &Runner,
    task: Task,
    work: impl FnOnce(Session) -> F + Send + 'static,
    events: Option<File>,
    watch: Watch,
    signals: &mut Signals,
) -> Result<(Report, Option<T>), Failure>
where
    T: Send + 'static,
    F: Future<Output = (T, Driven)> + Send + 'static,
{
    let (made, mut makes) = oneshot::channel();
    let work = move |session| -> BoxFuture<'static, Driven> {
        Box::pin(async move {
            let (own, driven) = work(session).await;
            // Whoever asked for it has given up.
            let _ = made.send(own);
            driven
        })
    };
    let starting = runner.clone();
    let run = run_with(runner, move || starting.drive(task, work), events, watch, signals).await?;
    Ok((run, makes.try_recv().ok()))
}

/// How long a start that was interrupted may take to end; what it is about to inject it never will.
const GIVE_UP: Duration = Duration::from_secs(3);

/// Starts a run, which first recovers what dead runs left behind; a signal ends that, and then nothing is injected.
pub(crate) async fn begin<T: Send + 'static, E: Into<Failure> + Send + 'static>(
    runner: &Runner,
    start: impl FnOnce() -> Result<T, E> + Send + 'static,
    signals: &mut Signals,
) -> Result<T, Failure> {
    if signals.cancelled() {
        return Err(RunnerError::Interrupted.into());
    }
    let (told, mut started) = oneshot::channel();
    let starting = move || {
        // Nobody waits for it any more where that was too long; then what has started ends by itself.
        let _ = told.send(start());
    };
    let thread = thread::Builder::new().name("squall-start".to_owned()).spawn(starting);
    thread.map_err(|error| Failure::Internal(format!("no thread to start on: {error}")))?;
    loop {
        let request = tokio::select! {
            biased;
            started = &mut started => return started.map_err(|_| RunnerError::Died)?.map_err(Into::into),
            request = signals.next() => request,
        };
        let name = match request {
            // Nothing is held yet.
            Request::Release => continue,
            Request::Suspend(name) | Request::Cancel(name) => name,
        };
        runner.stop();
        say(&format!("{name}: ending before anything is injected"));
        let started = tokio::time::timeout(GIVE_UP, started).await;
        if let Request::Suspend(_) = request {
            settle();
            suspend();
        }
        return match started {
            Ok(started) => started.map_err(|_| RunnerError::Died)?.map_err(Into::into),
            Err(_) => Err(RunnerError::Interrupted.into()),
        };
    }
}

/// Waits for what a run hands back; a signal ends the run early, or releases what it holds. It is obeyed first and told
/// later.
pub(crate) async fn wait<T, E: Into<Failure>>(
    done: impl Future<Output = Result<T, E>>,
    control: &RunControl,
    signals: &mut Signals,
) -> Result<T, Failure> {
    let mut report = pin!(done);
    let (mut to_suspend, mut brought_down) = (false, false);
    loop {
        tokio::select! {
            report = &mut report => {
                if to_suspend {
                    settle();
                    suspend();
                }
                return report.map_err(Into::into);
            }
            signal = signals.next() => match signal {
                Request::Release => {
                    control.release();
                    say("SIGUSR1: ending the hold, then undoing and reporting");
                }
                Request::Suspend(name) => {
                    to_suspend = true;
                    control.cancel();
                    say(&format!("{name}: undoing what is in force, then stopping; the report follows on continuing"));
                }
                // Nodes that are held are held until now, by whoever asks.
                Request::Cancel(name) if !brought_down && control.down() => {
                    brought_down = true;
                    say(&format!("{name}: undoing what is in force, then stopping the nodes and reporting"));
                }
                Request::Cancel(name) => {
                    let undoing = control.is_cancelled();
                    control.cancel();
                    let more = if undoing { "still undoing" } else { "undoing what is in force, then reporting" };
                    say(&format!("{name}: {more}"));
                }
            },
        }
    }
}
