//! Tests that hold a fault while they exercise the code under test. The run's handle is the guard: dropping it cancels,
//! `release()` ends the hold and judges the run as usual.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use serde_json::json;
use squall::prelude::*;

/// A service that echoes lines, and the client under test, which gives up on it after a while.
struct Echo {
    service: Child,
    to: ChildStdin,
    from: Receiver<String>,
}

impl Echo {
    fn start() -> Self {
        let mut service =
            Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("`cat` is everywhere");
        let to = service.stdin.take().expect("piped above");
        let lines = BufReader::new(service.stdout.take().expect("piped above")).lines();
        let (tx, from) = channel();
        std::thread::spawn(move || lines.map_while(Result::ok).try_for_each(|line| tx.send(line)));
        Self { service, to, from }
    }

    fn ask(&mut self, line: &str, timeout: Duration) -> Result<String, RecvTimeoutError> {
        writeln!(self.to, "{line}").expect("a stopped service still has a pipe");
        self.from.recv_timeout(timeout)
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        let _ = self.service.kill();
        let _ = self.service.wait();
    }
}

/// Pauses a process until the run is released or dropped; the hold is far longer than any test.
fn pause(pid: u32, state: &Path) -> RunHandle {
    let stopped = ["grep", "-q", "State:.T", &format!("/proc/{pid}/status")];
    let task = json!({
        "chaos_spec": {
            "trigger": {"type": "immediate"},
            "action": {"type": "pause_process", "pid": pid},
            "duration_seconds": 60,
            "verify": "runs again",
        },
        "probes": {"runs again": {"type": "none", "checks": [{"type": "command", "argv": stopped}]}},
    });
    let task = Task::from_value(&task).expect("a valid task");
    let policy = Policy { allow_commands: vec!["grep".into()], ..Policy::default() };
    let runner = Runner::builder().policy(policy).state_dir(StateDir::at(state)).build();
    runner.expect("the plug-in names are unique").start(task).expect("a state directory of our own")
}

/// Waits until the fault is in force.
fn landed(run: &RunHandle) {
    let mut entry = run.entry(0).expect("the task has one entry");
    let waiting = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    waiting.block_on(entry.active()).expect("the fault takes effect");
}

#[test]
fn a_client_times_out_on_a_paused_service_and_is_served_again_afterwards() {
    let state = tempfile::tempdir().unwrap();
    let mut echo = Echo::start();
    assert_eq!(echo.ask("before", Duration::from_mins(2)).unwrap(), "before");

    let fault = pause(echo.service.id(), state.path());
    landed(&fault);
    assert_eq!(echo.ask("during", Duration::from_millis(200)), Err(RecvTimeoutError::Timeout));

    // Undone when this returns, even if a line above had panicked.
    drop(fault);
    assert_eq!(echo.from.recv_timeout(Duration::from_mins(2)).unwrap(), "during");
}

#[test]
fn a_fault_lasts_as_long_as_the_work_and_is_judged_as_usual() {
    let state = tempfile::tempdir().unwrap();
    let mut echo = Echo::start();
    let fault = pause(echo.service.id(), state.path());
    landed(&fault);

    // The work: a client that tries three times and then gives up.
    let tries: Vec<_> = (0..3).map(|n| echo.ask(&format!("try {n}"), Duration::from_millis(50))).collect();
    assert!(tries.iter().all(Result::is_err), "{tries:?}");

    fault.release();
    let report = fault.wait_blocking().unwrap();
    assert_eq!(report.verdict, Verdict::Held, "{report:#?}");
    assert!(report.entries[0].elapsed_time < 60.0, "{report:#?}");
    assert_eq!(echo.from.recv_timeout(Duration::from_mins(2)).unwrap(), "try 0", "the service runs again");
}
