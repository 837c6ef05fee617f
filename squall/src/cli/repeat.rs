//! `--repeat N`: the same run several times, and a summary.

use std::fs::File;
use std::path::Path;

use chaos_core::{ControlOrder, Task};
use chaos_runner::{RepeatReport, Report, RunnerError, text};

use super::coloured::coloured;
use super::console::{Out, complain, say};
use super::execute::{finished, run_to_the_end};
use super::failure::Failure;
use super::format::ReportFormat;
use super::gate::Gate;
use super::run_flags::RunFlags;
use super::signals::Signals;

/// What is repeated.
pub(crate) struct Rounds<'a> {
    /// How often.
    pub(crate) wanted: u32,
    /// The task, anew for each round.
    pub(crate) task: &'a dyn Fn() -> Result<Task, Failure>,
    /// Its file.
    pub(crate) file: &'a Path,
    /// The baseline of each round.
    pub(crate) gate: Option<&'a Gate>,
}

/// Runs the rounds one after the other; the worst one makes the exit code. The first round has the seed of the flags or of
/// the file, else one that its report names; each later round has the next number.
pub(crate) async fn repeat(
    rounds: &Rounds<'_>,
    flags: &RunFlags,
    events: Option<File>,
    signals: &mut Signals,
) -> Result<RepeatReport, Failure> {
    let out = Out::beside(flags.events.as_deref());
    let mut reports: Vec<Report> = Vec::new();
    for round in 0..rounds.wanted {
        let seed = reports.first().map_or(flags.seed, |first| Some(first.seed.wrapping_add(u64::from(round))));
        let runner = flags.seeded_runner(None, seed, ControlOrder::of_round(round.saturating_add(1)))?;
        let events = events.as_ref().map(File::try_clone).transpose();
        let events = events.map_err(|error| Failure::Internal(format!("no handle for events: {error}")))?;
        let ended = run_to_the_end(&runner, (rounds.task)()?, events, flags, signals).await;
        if matches!(ended, Err(Failure::Runner(RunnerError::Interrupted))) && !reports.is_empty() {
            say(&format!("interrupted before round {}", round + 1));
            break;
        }
        let mut report = ended?;
        finished(&mut report, Some(rounds.file), rounds.gate);
        if flags.format == ReportFormat::Text {
            let head = format!("round {} of {}\n", round + 1, rounds.wanted);
            // The rounds go on for their verdict when nobody reads them any more.
            if let Err(failure) = out.print(&coloured(&format!("{head}{}\n", text(&report)), out.paint())) {
                complain(&failure.chain());
            }
        }
        reports.push(report);
        if signals.cancelled() {
            say(&format!("interrupted in round {}: the rounds after it do not run", round + 1));
            break;
        }
    }
    RepeatReport::of(reports, rounds.wanted).ok_or_else(|| Failure::Internal("no round ran".to_owned()))
}
