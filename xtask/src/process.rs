//! Running other programs and reading what they say.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Stdio};

use crate::error::TaskError;

/// The cargo that started us, so that a pinned toolchain stays the same one.
///
/// What cargo tells us of ourselves is not passed on: build scripts that look at it would be run again, and all that stands on them
/// compiled again, each time that somebody calls cargo himself.
pub(crate) fn cargo() -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    for (name, _) in std::env::vars_os() {
        if OF_A_PACKAGE.iter().any(|begins| name.to_string_lossy().starts_with(begins)) {
            cargo.env_remove(name);
        }
    }
    cargo
}

/// How the variables begin that cargo sets for a package's own programs.
const OF_A_PACKAGE: [&str; 5] =
    ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_NAME", "CARGO_PRIMARY_PACKAGE"];

/// A command whose processes ignore no signal, whatever we inherited as ignored; as it is where `env` can't do that.
///
/// A shell without job control, `nohup` and some build servers leave signals ignored, and tests that send these would
/// have nothing to show.
pub(crate) fn heeding_signals(command: Command) -> Command {
    let can = Command::new("env").args(["--default-signal", "true"]).stderr(Stdio::null()).status();
    if !can.is_ok_and(|status| status.success()) {
        return command;
    }
    let mut heeding = Command::new("env");
    heeding.arg("--default-signal").arg(command.get_program()).args(command.get_args());
    if let Some(folder) = command.get_current_dir() {
        heeding.current_dir(folder);
    }
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => heeding.env(name, value),
            None => heeding.env_remove(name),
        };
    }
    heeding
}

/// The command as it would be typed.
pub(crate) fn typed(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let words: Vec<_> = words.map(OsStr::to_string_lossy).collect();
    let program = words[0].rsplit('/').next().unwrap_or_default().to_owned();
    std::iter::once(program).chain(words[1..].iter().map(ToString::to_string)).collect::<Vec<_>>().join(" ")
}

/// Runs it with our own input and output.
pub(crate) fn status(command: &mut Command) -> Result<ExitStatus, TaskError> {
    let program = command.get_program().to_string_lossy().into_owned();
    command.status().map_err(|source| TaskError::Start { program, source })
}

/// Runs it and fails unless it succeeds.
pub(crate) fn success(command: &mut Command) -> Result<(), TaskError> {
    let status = status(command)?;
    if status.success() {
        return Ok(());
    }
    Err(TaskError::Failed { command: typed(command), how: format!("ended with {status}") })
}

/// Runs it and returns what it printed on standard output; on failure the error ends with what it said last.
pub(crate) fn output(command: &mut Command) -> Result<String, TaskError> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.stdin(Stdio::null()).output().map_err(|source| TaskError::Start { program, source })?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
    let last = said.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("it said nothing").trim();
    Err(TaskError::Failed { command: typed(command), how: format!("ended with {}: {last}", output.status) })
}

/// Whether there is such a program, in the `PATH` or among the system's services.
pub(crate) fn found(program: &str) -> bool {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&folders).chain([PathBuf::from("/usr/sbin")]).any(|dir| dir.join(program).is_file())
}

/// A command that is ended after so many seconds.
pub(crate) fn bounded(program: &str, seconds: u32) -> Command {
    let mut command = Command::new("timeout");
    command.args(["--kill-after=5", &seconds.to_string(), program]).stdin(Stdio::null());
    command
}

/// Fails where there is no such program.
pub(crate) fn missing(program: &str) -> Result<(), TaskError> {
    if found(program) { Ok(()) } else { Err(TaskError::Refused(format!("`{program}` is not there"))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cargo_is_not_told_whose_program_calls_it() {
        assert!(std::env::var_os("CARGO_PKG_NAME").is_some(), "cargo has told us");
        let removed: Vec<_> =
            cargo().get_envs().filter(|(_, value)| value.is_none()).map(|(name, _)| name.to_owned()).collect();
        for name in ["CARGO_PKG_NAME", "CARGO_PKG_VERSION", "CARGO_MANIFEST_DIR", "CARGO_MANIFEST_PATH"] {
            assert!(removed.iter().any(|one| one == name), "{name}: {removed:?}");
        }
    }

    #[test]
    fn a_failure_names_the_command_and_what_it_said_last() {
        let error = output(Command::new("sh").args(["-c", "echo one; echo two >&2; exit 3"])).unwrap_err();
        assert_eq!(
            error.to_string(),
            "`sh -c echo one; echo two >&2; exit 3` ended with exit status: 3: one",
            "standard error comes first, so the last line is of standard output"
        );
    }

    #[test]
    fn what_was_ignored_is_heeded() {
        let mut command = Command::new("sh");
        command.args(["-c", "kill -QUIT $$; echo \"$WORD\""]).env("WORD", "ignored");
        let heeding = heeding_signals(command);
        let words: Vec<_> = std::iter::once(heeding.get_program()).chain(heeding.get_args()).collect();
        let mut ignoring = Command::new("sh");
        ignoring.args(["-c", "trap '' QUIT; exec \"$@\"", "sh"]).args(&words);
        if words[0] == "env" {
            assert!(output(&mut ignoring).is_err());
        } else {
            println!("skipped: needs an `env` that knows --default-signal");
        }
    }

    #[test]
    fn a_missing_program_is_named() {
        let error = output(&mut Command::new("no-such-program-here")).unwrap_err();
        assert!(error.to_string().starts_with("`no-such-program-here` could not be started"), "{error}");
    }

    #[test]
    fn a_program_that_is_not_there_is_said_to_be_missing() {
        assert_eq!(missing("no-such-program-here").unwrap_err().to_string(), "`no-such-program-here` is not there");
        missing("sh").unwrap();
    }
}
