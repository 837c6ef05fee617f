//! `cargo xtask campaign`: attacks the real program, as it is built for use.

use std::process::ExitCode;

use crate::error::TaskError;
use crate::process;
use crate::workspace;

/// Builds the program and the harness, and runs a campaign.
pub(crate) fn run(arguments: &[&str]) -> Result<ExitCode, TaskError> {
    // With everything that can be attacked.
    let features = ["--features", "squall/full"];
    let build = [&["build", "--quiet", "--release", "-p", "squall", "-p", "chaos-campaign"], &features[..]].concat();
    process::success(process::cargo().args(build).current_dir(workspace::root()))?;
    let mut campaign = process::cargo();
    campaign.args(["run", "--quiet", "--release", "-p", "chaos-campaign", "--bin", "campaign", "--"]).args(arguments);
    // A signal that we inherited as ignored would be ignored by what is attacked too.
    let status = process::status(process::heeding_signals(campaign).current_dir(workspace::root()))?;
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from))
}
