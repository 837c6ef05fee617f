//! Reads the reports that `run --format json` wrote.

use std::path::Path;

use chaos_core::REPORT_FORMAT;
use chaos_runner::{RepeatReport, Report};
use serde::Deserialize;

use super::document;
use super::failure::Failure;

/// What every version of a report has.
#[derive(Deserialize)]
struct Versioned {
    format: u32,
}

/// The report of a single run.
pub(crate) fn read(path: &Path) -> Result<Report, Failure> {
    of_bytes(&document::bytes(path)?, path)
}

/// The report in these bytes of a file.
pub(super) fn of_bytes(bytes: &[u8], path: &Path) -> Result<Report, Failure> {
    let file = path.display();
    let not_one = |error: &dyn std::fmt::Display| {
        Failure::Usage(format!("invalid report `{file}`: {error}; expected what `squall run --format json` prints"))
    };
    let Versioned { format } = serde_json::from_slice(bytes).map_err(|error| not_one(&error))?;
    if format != REPORT_FORMAT {
        return Err(not_one(&format_args!("unknown format {format}, this version reads format {REPORT_FORMAT}")));
    }
    serde_json::from_slice(bytes).map_err(|error| match serde_json::from_slice::<RepeatReport>(bytes) {
        Ok(repeat) => not_one(&format_args!("holds {} rounds, not one run", repeat.rounds.len())),
        Err(_) => not_one(&error),
    })
}
