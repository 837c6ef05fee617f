//! Readers that are private otherwise, for the fuzzer alone.

use std::error::Error;
use std::path::{Path, PathBuf};

use chaos_runner::Report;
use clap::Parser;

use super::{Cli, Command, inject, report_file, settings};

/// The paths of the settings in a file of that name.
///
/// # Errors
/// Why the settings can't be read, with the place.
pub fn settings(text: &str, file: &Path) -> Result<Vec<PathBuf>, Box<dyn Error + Send + Sync>> {
    Ok(settings::paths(text, file)?)
}

/// The report in a file of that name.
///
/// # Errors
/// Why the report is not one of a single run.
pub fn report(bytes: &[u8], file: &Path) -> Result<Report, Box<dyn Error + Send + Sync>> {
    Ok(report_file::of_bytes(bytes, file)?)
}

/// Reads a command line, the program's name first; of `inject` also whether its entry is a valid document.
///
/// # Errors
/// Why it is none.
pub fn command_line(words: &[String]) -> Result<bool, Box<dyn Error + Send + Sync>> {
    match Cli::try_parse_from(words)?.command {
        Command::Inject(args) => Ok(inject::is_valid(&args)?),
        _ => Ok(true),
    }
}
