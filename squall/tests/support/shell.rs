//! `squall` as a shell starts it, in a place of its own.

use std::fs;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// A place for state and files of its own.
pub(crate) fn place() -> TempDir {
    tempfile::tempdir().unwrap()
}

pub(crate) fn command(place: &TempDir, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_squall"));
    command.args(arguments).current_dir(place).env("XDG_STATE_HOME", place.path().join("state"));
    // Whoever runs the tests may have settings.
    command.env("XDG_CONFIG_HOME", place.path().join("config"));
    for name in ["SQUALL_CONFIG", "SQUALL_POLICY", "SQUALL_STATE", "SQUALL_WORKSPACE"] {
        command.env_remove(name);
    }
    command.env_remove("CHAOS_MODEL").env_remove("AGENT_MODEL").stdin(Stdio::null());
    command
}

pub(crate) fn squall(place: &TempDir, arguments: &[&str]) -> Output {
    command(place, arguments).output().unwrap()
}

/// The one object on standard output, and the exit code.
pub(crate) fn report(output: &Output) -> (Value, i32) {
    let report = serde_json::from_slice(&output.stdout);
    let err = String::from_utf8_lossy(&output.stderr);
    (report.unwrap_or_else(|error| panic!("no single object ({error}): {err}")), output.status.code().unwrap())
}

pub(crate) fn write(place: &TempDir, name: &str, task: &Value) -> String {
    let path = place.path().join(name);
    fs::write(&path, task.to_string()).unwrap();
    path.display().to_string()
}

pub(crate) fn journals(place: &TempDir) -> usize {
    fs::read_dir(place.path().join("state/squall/journals")).map_or(0, Iterator::count)
}
