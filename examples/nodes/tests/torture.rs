//! The servers of `examples/torture` under faults, while streams and the tests of three runners talk to them.
#![expect(clippy::unwrap_used, reason = "a test that can't be set up should stop at once")]

use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use serde_json::Value;

#[path = "support/harness.rs"]
mod harness;
#[path = "support/place.rs"]
#[expect(dead_code, reason = "no task file is run here")]
mod place;

use harness::skipped;
use place::{Place, with_a_bystander};

fn main() -> ExitCode {
    let tests: &[harness::Test] = &[
        (
            "streams_fail_only_while_a_fault_is_active_and_lose_nothing",
            streams_fail_only_while_a_fault_is_active_and_lose_nothing,
        ),
        ("streams_past_the_faults_show_none_of_them", streams_past_the_faults_show_none_of_them),
        ("tests_of_pytest_pass", tests_of_pytest_pass),
        ("tests_of_go_pass", tests_of_go_pass),
        ("tests_of_rust_pass", tests_of_rust_pass),
        ("failures_of_a_public_suite_are_attributed", failures_of_a_public_suite_are_attributed),
    ];
    harness::run(tests, 3)
}

fn soak() -> String {
    example("soak.yaml")
}

/// Runs a command under the soak of a file; gives the report and the exit code.
fn torture(place: &Place, soak: &str, flags: &[&str], command: &[&str]) -> (Value, Option<i32>) {
    let path = place.path("report.json").display().to_string();
    let fixed = ["torture", "--soak", soak, "--accept-policy", "--json", &path];
    let output = place.output(&[&fixed[..], flags, &["--"], command].concat());
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let report = fs::read(path).unwrap_or_default();
    let report = serde_json::from_slice(&report).unwrap_or_else(|error| panic!("{error}: {said}"));
    if output.status.code() != Some(0) {
        eprintln!("{said}");
    }
    (report, output.status.code())
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key].as_array().map_or(&[], Vec::as_slice)
}

/// 32 streams of 1 KiB messages through the servers, ten seconds under faults.
const STREAMS: [&str; 7] = [
    "sh",
    "-c",
    "[ $SQUALL_TORTURE_ATTEMPT = 0 ] && seconds=1 || seconds=10; exec echo-node streams 32 $seconds \"$@\"",
    "streams",
    "127.0.0.1:{{node.n1.port.echo}}={{node.n1.dir}}",
    "127.0.0.1:{{node.n2.port.echo}}={{node.n2.dir}}",
    "127.0.0.1:{{node.n3.port.echo}}={{node.n3.dir}}",
];

fn streams_fail_only_while_a_fault_is_active_and_lose_nothing() {
    let place = Place::new();
    let before = place.host().without_state();
    let (report, code) = torture(&place, &soak(), &["--seed", "1", "--parts", "go"], &STREAMS);
    let attempt = &report["attempts"][0];
    let passed = list(&attempt["command"], "parts").iter().filter(|part| part["outcome"] == "passed").count();
    assert!(passed >= 200, "{passed} round trips");
    let failures = list(attempt, "failures");
    let unexplained: Vec<_> = failures.iter().filter(|failure| list(failure, "faults").is_empty()).collect();
    assert!(unexplained.is_empty(), "{unexplained:#?}");
    // A server that is killed breaks its streams.
    assert!(!failures.is_empty(), "{:#}", attempt["faults"]);
    let faults = list(attempt, "faults");
    assert!(faults.iter().all(|fault| fault["to_seconds"].is_number()), "{faults:#?}");
    let during = faults.iter().filter(|fault| !list(fault, "parts").is_empty()).count();
    assert!(during >= 3 && at_once(faults) >= 3, "{during} during the streams, {} at once", at_once(faults));
    // That the client found all that was acknowledged is its exit code.
    assert_eq!((code, report["verdict"].as_str()), (Some(0), Some("held")), "{}", report["why"]);
    assert!(list(&report, "end_state").iter().all(|probe| probe["success"] == true));
    assert_eq!(place.host().without_state().processes, before.processes);
    println!("{passed} round trips, {} failed, {during} faults, {} at once", failures.len(), at_once(faults));
}

/// How many were in force at the same time at the most.
fn at_once(faults: &[Value]) -> usize {
    let when = |fault: &Value, key: &str| fault[key].as_f64().unwrap_or(f64::MAX);
    let at = |begun: &Value| {
        let moment = when(begun, "from_seconds");
        faults.iter().filter(|one| when(one, "from_seconds") <= moment && when(one, "to_seconds") >= moment).count()
    };
    faults.iter().map(at).max().unwrap_or_default()
}

fn streams_past_the_faults_show_none_of_them() {
    let place = Place::new();
    let text = fs::read_to_string(soak()).unwrap();
    // The faults act on processes that no stream goes through.
    let other = text.replace("{ nodes: { role: server } }", "{ nodes: { by: stander } }");
    let bystanders = with_a_bystander(&other, "echo-node");
    let file = place.path("soak.yaml");
    fs::write(&file, bystanders).unwrap();
    let command = STREAMS.map(|word| word.replace("seconds=10", "seconds=3"));
    let command: Vec<&str> = command.iter().map(String::as_str).collect();
    let (report, code) = torture(&place, &file.display().to_string(), &["--seed", "1", "--parts", "go"], &command);
    let attempt = &report["attempts"][0];
    assert_eq!((list(attempt, "failures").len(), code), (0, Some(0)), "{report:#}");
    assert!(list(attempt, "faults").len() >= 2, "{attempt:#}");
}

/// Whether a program answers.
fn is_there(program: &str, arguments: &[&str]) -> bool {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// The tests of a runner pass under faults, each one is a part, and faults were in force while they ran.
fn pass(flags: &[&str], command: &[&str], parts: &[&str]) {
    let place = Place::new();
    let (report, code) = torture(&place, &soak(), &[flags, &["--seed", "1"]].concat(), command);
    assert_eq!((code, report["verdict"].as_str()), (Some(0), Some("held")), "{}", report["why"]);
    let attempt = &report["attempts"][0];
    for run in [&report["baseline"], &attempt["command"]] {
        let names: Vec<&str> = list(run, "parts").iter().filter_map(|part| part["name"].as_str()).collect();
        for part in parts {
            assert!(names.iter().any(|name| name.contains(part)), "{part}: {names:?}");
        }
        assert!(list(run, "parts").iter().all(|part| part["ended_seconds"].is_number()), "{run:#}");
    }
    assert!(list(attempt, "faults").iter().any(|fault| !list(fault, "parts").is_empty()), "{attempt:#}");
}

fn example(file: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("torture");
    folder.join(file).display().to_string()
}

fn tests_of_pytest_pass() {
    if !is_there("pytest", &["--version"]) {
        return skipped("pytest");
    }
    let command = ["pytest", "-v", "-p", "no:cacheprovider", &example("test_echo.py")];
    pass(
        &["--parts", "pytest"],
        &[&["env", "PYTHONDONTWRITEBYTECODE=1"], &command[..]].concat(),
        &["test_a_message_comes_back["],
    );
}

fn tests_of_go_pass() {
    if !is_there("go", &["version"]) {
        return skipped("go");
    }
    let folder = example("");
    // Without `-count=1` it would answer with the result of the run without faults.
    let command = ["go", "test", "-C", &folder, "-count=1", "-v", "."];
    pass(&["--parts", "go"], &command, &["TestAMessageComesBack/N1", "TestAMessageComesBack/N3"]);
}

fn tests_of_rust_pass() {
    let target = tempfile::tempdir().unwrap();
    let target = target.path().display().to_string();
    let manifest = example("rust/Cargo.toml");
    let nextest = is_there("cargo", &["nextest", "--version"]);
    let (run, parts): (&[&str], &str) = if nextest {
        (&["nextest", "run"], "nextest")
    } else {
        skipped("cargo-nextest; cargo test in its place");
        (&["test"], "libtest")
    };
    let fixed = ["--offline", "--manifest-path", &manifest, "--target-dir", &target];
    let command = [&["cargo"], run, &fixed[..]].concat();
    pass(&["--parts", parts], &command, &["messages_to_n1_come_back", "messages_to_n3_come_back"]);
}

/// The suites of redis-py and lib/pq, which are not part of this project: see the README of `examples/torture`.
fn failures_of_a_public_suite_are_attributed() {
    for (variable, file) in [("TORTURE_REDIS_PY", "redis.yaml"), ("TORTURE_PQ", "postgres.yaml")] {
        let Ok(folder) = std::env::var(variable) else {
            skipped(&format!("{variable}, a folder with a public test suite and `suite.sh`"));
            continue;
        };
        for kill in ["kill=0", "kill=4"] {
            let place = Place::new();
            let flags = ["--seed", "3", "--var", kill, "--deadline", "5m"];
            let (report, code) =
                torture(&place, &example(file), &flags, &["sh", "-c", "cd $0 && exec sh suite.sh", &folder]);
            let attempt = &report["attempts"][0];
            assert!(list(&report["baseline"], "parts").len() > 100, "{}", report["why"]);
            assert_eq!(code.map(i64::from), attempt["command"]["end"]["code"].as_i64(), "{}", report["why"]);
            let failures = list(attempt, "failures");
            assert!(failures.iter().all(|failure| !list(failure, "faults").is_empty()), "{failures:#?}");
            let (parts, faults) = (list(&attempt["command"], "parts").len(), list(attempt, "faults").len());
            println!("{file} {kill}: {parts} parts, {} failed, {faults} faults, exit code {code:?}", failures.len());
        }
    }
}
