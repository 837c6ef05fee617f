//! SIGINT at a `fortio load` process of its own.

#![expect(clippy::unwrap_used, reason = "a test may fail by it, in its helpers too")]

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::Duration;

use chaos_load::target::{Behaviour, Target, serve};
use rustix::process::{Pid, Signal, kill_process};

/// The example that is `fortio load`; cargo builds it together with the tests.
fn binary() -> PathBuf {
    let folder = std::env::current_exe().unwrap().parent().unwrap().parent().unwrap().to_path_buf();
    folder.join("examples/fortio")
}

fn server(behaviour: Behaviour) -> Target {
    serve(SocketAddr::from(([127, 0, 0, 1], 0)), behaviour).unwrap()
}

fn spawn(flags: &str, server: &Target) -> Child {
    let line = format!("load -json - {flags} {}", server.url());
    let mut command = Command::new(binary());
    command.args(line.split_whitespace()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

fn interrupt(child: &Child) {
    let pid = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    kill_process(pid, Signal::INT).unwrap();
}

fn until(requests: u64, server: &Target) {
    while server.requests() < requests {
        thread::park_timeout(Duration::from_millis(5));
    }
}

#[test]
fn one_interrupt_ends_an_endless_run_with_its_result() {
    let server = server(Behaviour::new());
    let child = spawn("-t 0 -qps 100 -c 2", &server);
    until(12, &server);
    interrupt(&child);
    let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
    let result: serde_json::Value = serde_json::from_slice(&stdout).unwrap();
    let text = String::from_utf8_lossy(&stderr);
    assert_eq!((status.code(), result["RequestedDuration"].as_str()), (Some(0), Some("until stop")), "{text}");
    assert_eq!(result["RetCodes"]["200"].as_u64(), Some(server.requests() - 2), "all but the two of the warm-up");
    assert!(text.contains("All done "), "{text}");
}

#[test]
fn a_second_interrupt_does_not_wait_for_calls_under_way() {
    let server = server(Behaviour::new().delay(Duration::from_mins(2)));
    let mut child = spawn("-n 4 -qps 0 -c 1 -timeout 1m", &server);
    until(1, &server);
    // Two signals at once count as one, so they come until one came when another was taken.
    while child.try_wait().unwrap().is_none() {
        interrupt(&child);
        thread::park_timeout(Duration::from_millis(50));
    }
    let Output { status, stdout, .. } = child.wait_with_output().unwrap();
    assert_eq!((status.code(), stdout.len()), (Some(130), 0));
}
