//! `around-a-command.sh` holds a fault for as long as a command runs. This crate's binary stands in for `squall`.

use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// A process to be paused.
struct Worker(Child);

impl Worker {
    fn start() -> Self {
        Self(Command::new("sleep").arg("600").spawn().expect("`sleep` is everywhere"))
    }

    fn is_stopped(&self) -> bool {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.0.id())).expect("it runs");
        status.lines().any(|line| line.starts_with("State:\tT"))
    }

    fn wait_until_stopped_is(&self, stopped: bool) {
        let end = Instant::now() + Duration::from_mins(2);
        while self.is_stopped() != stopped {
            assert!(Instant::now() < end, "the worker is still in the other state");
            std::thread::park_timeout(Duration::from_millis(10));
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn script(pid: u32, state: &Path, command: &[&str]) -> Command {
    let mut script = Command::new("sh");
    script.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/../around-a-command.sh")).arg(pid.to_string()).args(command);
    script.env("SQUALL", env!("CARGO_BIN_EXE_chaos-plugin-example")).env("XDG_STATE_HOME", state).current_dir(state);
    script.stdin(Stdio::null());
    script
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn the_command_runs_while_the_fault_is_in_force_and_its_exit_code_counts() {
    let (state, worker) = (tempfile::tempdir().unwrap(), Worker::start());
    let pid = worker.0.id();
    let command = format!("grep State /proc/{pid}/status; exit 7");
    let output = script(pid, state.path(), &["sh", "-c", &command]).output().unwrap();
    assert_eq!(output.status.code(), Some(7), "{}", text(&output));
    assert!(String::from_utf8_lossy(&output.stdout).contains("T (stopped)"), "{}", text(&output));
    assert!(text(&output).contains("unchecked"), "{}", text(&output));
    assert!(!worker.is_stopped(), "{}", text(&output));
}

#[test]
fn a_fault_that_is_refused_runs_no_command() {
    let state = tempfile::tempdir().unwrap();
    let output = script(1, state.path(), &["echo", "ran"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", text(&output));
    assert!(output.stdout.is_empty(), "{}", text(&output));
}

#[test]
fn a_script_that_is_killed_leaves_no_fault_in_force() {
    let (state, worker) = (tempfile::tempdir().unwrap(), Worker::start());
    let mut running = script(worker.0.id(), state.path(), &["sleep", "10"]);
    let mut running = running.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    worker.wait_until_stopped_is(true);
    running.kill().unwrap();
    running.wait().unwrap();
    worker.wait_until_stopped_is(false);
}
