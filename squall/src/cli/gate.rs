//! `--baseline FILE`: no figure may be worse than in an earlier run.

use std::path::PathBuf;

use chaos_core::DurationText;
use chaos_runner::{BaselineBounds, Report};

use super::failure::Failure;
use super::report_file;

/// An earlier run, and how much worse than it this one may be.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct GateFlags {
    /// Compares the run with an earlier one, a report of `--format json`: the run is `deviated` (exit code 1) where response
    /// times, failed requests, or the time to detect or to recover exceed their bounds.
    #[arg(long, value_name = "FILE")]
    baseline: Option<PathBuf>,
    /// How much worse than the baseline a figure may be, in percent; default 20%.
    #[arg(long, value_name = "PERCENT", requires = "baseline", value_parser = percent)]
    baseline_tolerance: Option<f64>,
    /// A response time that is worse by less than this is within its bound; default 5ms. For the time to detect and to recover
    /// it is 500ms, for failed requests 1 percentage point.
    #[arg(long, value_name = "TIME", requires = "baseline")]
    baseline_floor: Option<DurationText>,
}

/// The baseline of a run.
#[derive(Debug)]
pub(crate) struct Gate {
    file: String,
    baseline: Report,
    bounds: BaselineBounds,
}

impl GateFlags {
    /// Whether there is one.
    pub(crate) fn is_given(&self) -> bool {
        self.baseline.is_some()
    }

    /// Reads the baseline, if there is one; before anything runs, so that a wrong file costs no run.
    pub(crate) fn gate(&self) -> Result<Option<Gate>, Failure> {
        let Some(path) = &self.baseline else { return Ok(None) };
        let default = BaselineBounds::default();
        let bounds = BaselineBounds {
            tolerance_percent: self.baseline_tolerance.unwrap_or(default.tolerance_percent),
            floor_ms: self.baseline_floor.map_or(default.floor_ms, |floor| floor.get().as_secs_f64() * 1000.0),
        };
        let baseline = report_file::read(path)?;
        Ok(Some(Gate { file: path.display().to_string(), baseline, bounds }))
    }
}

impl Gate {
    /// Judges a run.
    pub(crate) fn judge(&self, report: &mut Report) {
        report.hold_against(&self.baseline, self.file.clone(), self.bounds);
    }
}

#[derive(Debug, thiserror::Error)]
#[error("invalid tolerance `{0}`: expected a percentage of 0 or more, such as `20%`")]
struct NotAPercentage(String);

fn percent(text: &str) -> Result<f64, NotAPercentage> {
    let number = text.strip_suffix('%').unwrap_or(text).trim_end();
    let percent = number.parse::<f64>().ok().filter(|percent| percent.is_finite() && *percent >= 0.0);
    percent.ok_or_else(|| NotAPercentage(text.to_owned()))
}
