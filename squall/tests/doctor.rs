//! `squall doctor` on the machine that runs the tests.

#![cfg(feature = "full")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::os::unix::net::UnixListener;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

/// What it says in an empty folder, with these variables, and its exit code.
fn doctor(place: &TempDir, format: &str, docker: Option<&str>) -> (String, Option<i32>) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_squall"));
    command.args(["doctor", "--format", format]).current_dir(place).envs(docker.map(|host| ("DOCKER_HOST", host)));
    let output = command.output().unwrap();
    (String::from_utf8(output.stdout).unwrap(), output.status.code())
}

fn machine(told: &str, ability: &str) -> Value {
    let told: Value = serde_json::from_str(told).unwrap();
    told["machine"].as_array().unwrap().iter().find(|fact| fact["ability"] == ability).unwrap().clone()
}

/// What could be left behind: mounts, groups, files of the place.
fn seen(place: &TempDir) -> (String, String, usize) {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    (read("/proc/self/mounts"), read("/proc/cgroups"), fs::read_dir(place).unwrap().count())
}

#[test]
fn it_tells_what_the_machine_can_do_and_leaves_nothing() {
    let place = tempfile::tempdir().unwrap();
    let before = seen(&place);
    let (told, code) = doctor(&place, "json", None);
    assert_eq!((code, seen(&place)), (Some(0), before));
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
    let (told, _) = doctor(&place, "json", Some(&format!("unix://{}", socket.display())));
    let fact = machine(&told, "containers");
    assert!(fact["has"] == true && fact["detail"].as_str().unwrap().contains("docker.sock"), "{fact}");
}
