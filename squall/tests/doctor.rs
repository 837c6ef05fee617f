//! `squall doctor` on the machine that runs the tests.

#![cfg(feature = "full")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

#[path = "support/groups.rs"]
mod groups;

use groups::groups_of;

/// What it says in an empty folder, with these variables, its exit code and its pid.
fn doctor(place: &TempDir, format: &str, docker: Option<&str>) -> (String, Option<i32>, u32) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_squall"));
    command.args(["doctor", "--format", format]).current_dir(place).envs(docker.map(|host| ("DOCKER_HOST", host)));
    let child = command.stdout(Stdio::piped()).spawn().unwrap();
    let pid = child.id();
    let output = child.wait_with_output().unwrap();
    (String::from_utf8(output.stdout).unwrap(), output.status.code(), pid)
}

fn machine(told: &str, ability: &str) -> Value {
    let told: Value = serde_json::from_str(told).unwrap();
    told["machine"].as_array().unwrap().iter().find(|fact| fact["ability"] == ability).unwrap().clone()
}

/// Prints the mounts of a namespace that nobody else changes, runs what follows, and prints them again.
const BETWEEN_MOUNTS: &str = "cat /proc/self/mounts && echo before && \"$@\" && echo after && cat /proc/self/mounts";

/// The mounts before and after it, where the system lets us make a namespace for them.
fn mounts_around(place: &TempDir) -> Option<(String, String)> {
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "--mount", "sh", "-c", BETWEEN_MOUNTS, "sh"]);
    command.args([env!("CARGO_BIN_EXE_squall"), "doctor"]).current_dir(place);
    let told = String::from_utf8(command.output().ok()?.stdout).unwrap();
    let (before, rest) = told.split_once("\nbefore\n")?;
    let (_, after) = rest.rsplit_once("\nafter\n")?;
    Some((before.to_owned(), after.trim_end().to_owned()))
}

#[test]
fn it_tells_what_the_machine_can_do_and_leaves_nothing() {
    let place = tempfile::tempdir().unwrap();
    let (told, code, pid) = doctor(&place, "json", None);
    assert_eq!(code, Some(0), "{told}");
    assert_eq!(fs::read_dir(&place).unwrap().count(), 0);
    assert_eq!(groups_of(pid), Vec::<PathBuf>::new());
    match mounts_around(&place) {
        Some((before, after)) => assert_eq!(before, after),
        None => eprintln!("skipped: needs unshare --user --map-root-user --mount (mounts before and after)"),
    }
    let of = |name: &str| machine(&told, name);
    for name in ["root", "user_namespaces", "cgroup_memory", "fuse", "nftables", "netem", "preload", "containers"] {
        let fact = of(name);
        assert_eq!(fact["has"] == false, fact["setting"].is_string(), "{fact}");
    }
    let all: Value = serde_json::from_str(&told).unwrap();
    let plug_ins = all["plug_ins"].as_array().unwrap();
    let pause = plug_ins.iter().find(|plug_in| plug_in["type"] == "pause_process").unwrap();
    assert_eq!(pause["usable"], of("linux_pidfd")["has"]);
    assert!(doctor(&place, "text", None).0.contains("faults\n  can be used: "));
}

#[test]
fn a_container_engine_is_found_by_its_socket() {
    let place = tempfile::tempdir().unwrap();
    let socket = place.path().join("docker.sock");
    let _listener = UnixListener::bind(&socket).unwrap();
    let (told, ..) = doctor(&place, "json", Some(&format!("unix://{}", socket.display())));
    let fact = machine(&told, "containers");
    assert!(fact["has"] == true && fact["detail"].as_str().unwrap().contains("docker.sock"), "{fact}");
}
