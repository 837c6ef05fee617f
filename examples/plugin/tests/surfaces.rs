//! A crate outside the core gets every surface from a binary of three lines.

use std::io;
use std::net::{TcpListener, TcpStream};
use std::num::NonZeroU16;
use std::process::{Command, Output};
use std::sync::{Mutex, PoisonError};

use chaos_core::FAULTS;
use serde_json::Value;

use chaos_plugin_example::HoldPort;

/// Connections that keep their server's port from everybody but a new server, for as long as the tests run.
static KEPT: Mutex<Vec<[TcpStream; 2]>> = Mutex::new(Vec::new());

/// A port on which nobody listens, and that the kernel gives to nobody else.
fn kept_port() -> io::Result<NonZeroU16> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let address = listener.local_addr()?;
    let (client, (server, _)) = (TcpStream::connect(address)?, listener.accept()?);
    KEPT.lock().unwrap_or_else(PoisonError::into_inner).push([client, server]);
    Ok(NonZeroU16::new(address.port()).expect("a bound port is not 0"))
}

fn run(arguments: &[&str], state: &std::path::Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_chaos-plugin-example"));
    command.args(arguments).env("XDG_STATE_HOME", state).output().expect("the binary starts")
}

fn printed(arguments: &[&str]) -> String {
    let state = tempfile::tempdir().expect("a temporary folder");
    let output = run(arguments, state.path());
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

#[test]
fn its_plug_ins_stand_beside_the_others_in_every_surface() {
    let surfaces: [&[&str]; 5] = [
        &["list"],
        &["schema"],
        &["schema", "--profile", "plain"],
        &["completions", "bash"],
        &["explain", "hold_port"],
    ];
    for arguments in surfaces {
        assert!(printed(arguments).contains("hold_port"), "{arguments:?}");
    }
    let list = printed(&["list"]);
    assert!(list.contains("file_exists") && list.contains("pause_process"), "{list}");
    let tools: Value = serde_json::from_str(&printed(&["schema", "--profile", "tools"])).expect("JSON");
    assert!(tools.to_string().contains("\"hold_port\""), "{tools}");
}

#[test]
fn its_fault_runs_and_is_undone_like_any_other() {
    let state = tempfile::tempdir().expect("a temporary folder");
    let port = format!("port={}", kept_port().expect("a free port"));
    let output = run(&["inject", "hold_port", &port, "--for", "200ms", "--format", "json"], state.path());
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let report: Value = serde_json::from_slice(&output.stdout).expect("one object");
    let entry = &report["entries"][0];
    assert_eq!((&entry["success"], &entry["verdict"]), (&true.into(), &"unchecked".into()), "{report}");
}

chaos_test::contract_subject!(HoldPort, |_subjects| { Ok(HoldPort { port: kept_port()? }) });

#[test]
fn its_fault_keeps_the_contract() {
    let descriptor = FAULTS.get("hold_port").expect("linked above");
    assert_eq!(chaos_test::broken_by(descriptor), vec![]);
}
