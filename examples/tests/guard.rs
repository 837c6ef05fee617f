//! A test that holds a fault while it exercises the code under test: the run's handle is the guard.

use std::io::{BufRead, BufReader, Write};
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

/// Pauses a process for as long as the handle lives.
fn pause(pid: u32, state: &std::path::Path) -> RunHandle {
    let task = json!({"chaos_spec": {
        "trigger": {"type": "immediate"},
        "action": {"type": "pause_process", "pid": pid},
        "duration_seconds": 60,
    }});
    let task = Task::from_value(&task).expect("a valid task");
    let runner = Runner::builder().state_dir(StateDir::at(state)).build().expect("the plug-in names are unique");
    runner.start(task).expect("a state directory of our own")
}

#[test]
fn a_client_times_out_on_a_paused_service_and_is_served_again_afterwards() {
    let state = tempfile::tempdir().unwrap();
    let mut echo = Echo::start();
    assert_eq!(echo.ask("before", Duration::from_secs(30)).unwrap(), "before");

    let fault = pause(echo.service.id(), state.path());
    let mut active = fault.entry(0).unwrap();
    let waiting = tokio::runtime::Builder::new_current_thread().build().unwrap();
    waiting.block_on(active.active()).expect("the fault lands");
    assert_eq!(echo.ask("during", Duration::from_millis(200)), Err(RecvTimeoutError::Timeout));

    // Undone when this returns, even if a line above had panicked.
    drop(fault);
    assert_eq!(echo.from.recv_timeout(Duration::from_secs(30)).unwrap(), "during");
}
