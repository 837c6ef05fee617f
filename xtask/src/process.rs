//! Running other programs and reading what they say.

use std::ffi::OsStr;
use std::process::{Command, ExitStatus, Stdio};

use crate::error::TaskError;

/// The cargo that started us, so that a pinned toolchain stays the same one.
pub(crate) fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

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

#[cfg(test)]
mod tests {
    use super::*;

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
}
