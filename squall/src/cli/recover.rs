//! `squall recover`: undoes what dead runs left behind.

use std::time::Duration;

use chaos_core::{StateDir, visible_line};
use chaos_runner::{ControlRequest, ForgetError, Forgotten, RecoverReport, RunnerError, control, live_runs};
use serde::Serialize;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::console::{print, print_json, say};
use super::execute::on_runtime;
use super::failure::Failure;
use super::format::DataFormat;
use super::settings;
use super::signals::{Request, suspend};

/// Undoes what crashed runs left behind, newest first; a run that is alive is left alone.
///
/// With `--forget` nothing is undone: the journal of that run is moved to `forgotten/` in the state directory.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Ends live runs first: each undoes what it made, and what is left then is recovered.
    #[arg(long, conflicts_with = "forget")]
    pub(super) all: bool,
    /// Gives up the journal of a dead run that can't be undone here; its effects may stay in force.
    #[arg(long, value_name = "RUN")]
    pub(super) forget: Option<String>,
    /// How to print it.
    #[arg(long, value_enum, default_value_t)]
    pub(super) format: DataFormat,
}

/// What is printed: the report, and where it was looked.
#[derive(Serialize)]
struct Printed<'a> {
    state_dir: &'a std::path::Path,
    #[serde(flatten)]
    report: &'a RecoverReport,
}

pub(super) fn run(args: &Args) -> Result<u8, Failure> {
    let state = settings::located_state_dir()?;
    if let Some(run) = &args.forget {
        return forget(&state, run, args.format);
    }
    if args.all {
        end_live_runs(&state)?;
    }
    let report = recovered(&state)?;
    match args.format {
        DataFormat::Json => print_json(&Printed { state_dir: state.root(), report: &report })?,
        DataFormat::Text => print(&text(&report, &state))?,
    }
    // A run that did not end holds what it has.
    Ok(if args.all && report.live > 0 { 3 } else { report.exit_code() })
}

/// How long live runs may take to undo what they made.
const ENDING: Duration = Duration::from_mins(1);

/// Cancels every live run that answers, and waits until they have ended.
fn end_live_runs(state: &StateDir) -> Result<(), Failure> {
    let cancel = ControlRequest::Cancel { entry: None };
    let asked: Vec<String> = live_runs(state).into_iter().filter(|run| control(state, run, &cancel).is_ok()).collect();
    for run in &asked {
        say(&format!("run {run}: ending early, and undoing what it made"));
    }
    on_runtime(async |signals| {
        let ended = async {
            while live_runs(state).iter().any(|run| asked.contains(run)) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::select! {
            () = ended => {}
            () = tokio::time::sleep(ENDING) => {}
            _ = signals.next() => {}
        }
        Ok(())
    })
}

/// How long a step may go on once a signal has asked for the end.
const GIVE_UP: Duration = Duration::from_secs(3);

/// Recovers on a thread of its own. A signal ends it within the step that it is at, also one that hangs: what is not undone
/// is still in the journals.
fn recovered(state: &StateDir) -> Result<RecoverReport, Failure> {
    // On a machine that has no thread left what is in force must be undone all the same; a signal ends the process there.
    if std::thread::Builder::new().spawn(|| ()).is_err() {
        return Ok(chaos_runner::recover(state)?);
    }
    on_runtime(async |signals| {
        let (told, mut done) = oneshot::channel();
        let (state, stop) = (state.clone(), CancellationToken::new());
        let stopped = stop.clone();
        let recover = move || {
            // Nobody waits for it any more where that was too long.
            let _ = told.send(chaos_runner::recover_until(&state, &stopped));
        };
        let thread = std::thread::Builder::new().name("squall-recover".to_owned()).spawn(recover);
        thread.map_err(|error| Failure::Internal(format!("no thread for recovery: {error}")))?;
        loop {
            tokio::select! {
                biased;
                report = &mut done => return Ok(report.map_err(|_| RunnerError::Died)??),
                request = signals.next() => match request {
                    Request::Cancel(name) => {
                        stop.cancel();
                        say(&format!("{name}: ending recovery; what is not undone is kept"));
                        let report = tokio::time::timeout(GIVE_UP, done).await.map_err(|_| Failure::Unfinished(name))?;
                        return Ok(report.map_err(|_| RunnerError::Died)??);
                    }
                    Request::Suspend(_) => suspend(),
                    Request::Release => {}
                },
            }
        }
    })
}

fn forget(state: &StateDir, run: &str, format: DataFormat) -> Result<u8, Failure> {
    let forgotten = chaos_runner::forget(state, run).map_err(|error| match error {
        ForgetError::Journal(error) => Failure::Journal(error),
        usage => Failure::Usage(usage.to_string()),
    })?;
    match format {
        DataFormat::Json => print_json(&forgotten)?,
        DataFormat::Text => print(&forgotten_text(&forgotten))?,
    }
    Ok(0)
}

fn forgotten_text(forgotten: &Forgotten) -> String {
    let steps =
        forgotten.steps.iter().map(|step| format!("not undone, may still be in force: {}\n", visible_line(step)));
    let unreadable = match forgotten.unreadable {
        0 => String::new(),
        lines => format!("not undone, since unreadable: lines or file ({lines})\n"),
    };
    let kept = format!("run {} is given up; its journal is now {}\n", forgotten.run_id, forgotten.kept_as.display());
    steps.collect::<String>() + &unreadable + &kept
}

fn text(report: &RecoverReport, state: &StateDir) -> String {
    let mut lines = report.lines();
    if report.is_empty() {
        lines.push(format!("nothing to undo in {}", state.root().display()));
    } else {
        lines.push(format!("state directory: {}", state.root().display()));
    }
    if report.live > 0 {
        lines.push(format!("left alone: {} live", report.live));
    }
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_report_says_so_and_counts_live_runs() {
        let report = RecoverReport { live: 2, ..RecoverReport::default() };
        let state = StateDir::at("/somewhere/squall");
        assert_eq!(text(&report, &state), "nothing to undo in /somewhere/squall\nleft alone: 2 live\n");
    }
}
