//! `cargo xtask fuzz`: made and spoilt inputs for every parser.

use std::process::{Command, ExitCode};

use crate::error::TaskError;
use crate::process;
use crate::workspace;

/// Builds the fuzzer and runs it; with `--dev` as the tests are built, so that nothing is compiled a second time after them.
pub(crate) fn run(arguments: &[&str]) -> Result<ExitCode, TaskError> {
    // A test of the same crate beside it, since cargo chooses other features of libraries where it builds no test.
    let (build, folder): (&[&str], _) = if arguments.contains(&"--dev") {
        (&["--workspace", "--all-features", "--bin", "fuzz", "--test", "corpus"], "debug")
    } else {
        (&["--profile", "fuzz", "-p", "chaos-fuzz", "--bin", "fuzz"], "fuzz")
    };
    process::success(process::cargo().args(["build", "--quiet"]).args(build).current_dir(workspace::root()))?;
    let mut fuzz = Command::new(workspace::target().join(folder).join("fuzz"));
    fuzz.args(arguments.iter().filter(|word| **word != "--dev"));
    let status = process::status(fuzz.current_dir(workspace::root()))?;
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from))
}
