//! `squall diff`: two reports side by side.

use std::path::PathBuf;

use chaos_runner::RunDiff;

use super::console::{print, print_json};
use super::failure::Failure;
use super::format::DataFormat;
use super::report_file;

/// Compares two reports (`run --format json`): verdicts, response times, failed requests, times to detect and to recover.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The report of the first run; `-` reads standard input.
    before: PathBuf,
    /// The report of the second run.
    after: PathBuf,
    /// How to print it.
    #[arg(long, value_enum, default_value_t)]
    pub(super) format: DataFormat,
}

pub(super) fn run(args: &Args) -> Result<u8, Failure> {
    let diff = RunDiff::of(&report_file::read(&args.before)?, &report_file::read(&args.after)?);
    match args.format {
        DataFormat::Json => print_json(&diff)?,
        DataFormat::Text => print(&diff.text())?,
    }
    Ok(0)
}
