//! `cargo xtask fuzz`: made and spoilt inputs for every parser.

use std::process::ExitCode;

use crate::error::TaskError;
use crate::process;
use crate::workspace;

/// Builds the fuzzer and runs it.
pub(crate) fn run(arguments: &[&str]) -> Result<ExitCode, TaskError> {
    // The features of a build of everything, so that nothing is built for this alone.
    let (profile, features): (_, &[&str]) =
        if arguments.contains(&"--dev") { ("dev", &["--all-features"]) } else { ("fuzz", &[]) };
    let mut fuzz = process::cargo();
    fuzz.args(["run", "--quiet", "--profile", profile, "-p", "chaos-fuzz"])
        .args(features)
        .args(["--bin", "fuzz", "--"]);
    fuzz.args(arguments.iter().filter(|word| **word != "--dev"));
    let status = process::status(fuzz.current_dir(workspace::root()))?;
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from))
}
