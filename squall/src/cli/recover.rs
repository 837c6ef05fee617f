//! `squall recover`: undoes what dead runs left behind.

use chaos_core::StateDir;
use chaos_runner::{RecoverReport, RunnerError};

use super::console::{print, print_json};
use super::failure::Failure;
use super::format::DataFormat;

/// Undoes what crashed runs left behind, newest first; a run that is alive is left alone.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// How to print it.
    #[arg(long, value_enum, default_value_t)]
    pub(super) format: DataFormat,
}

pub(super) fn run(args: &Args) -> Result<u8, Failure> {
    let state = StateDir::locate(|name| std::env::var(name).ok()).map_err(RunnerError::StateDir)?;
    let report = chaos_runner::recover(&state)?;
    match args.format {
        DataFormat::Json => print_json(&report)?,
        DataFormat::Text => print(&text(&report))?,
    }
    Ok(report.exit_code())
}

fn text(report: &RecoverReport) -> String {
    let mut lines = report.lines();
    if report.is_empty() {
        lines.push("nothing to undo".to_owned());
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
        assert_eq!(text(&report), "nothing to undo\nleft alone: 2 live\n");
    }
}
