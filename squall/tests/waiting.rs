//! What entries that wait for their triggers cost.

#![cfg(feature = "full")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs::{self, File};
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};

#[expect(dead_code, reason = "others need more of it")]
#[path = "support/shell.rs"]
mod shell;
#[path = "support/signalled.rs"]
mod signalled;
#[expect(dead_code, reason = "others need more of it")]
#[path = "support/sleeper.rs"]
mod sleeper;

use shell::{command, journals, place, write};
use signalled::{code, signal, until};
use sleeper::Sleeper;

/// A figure of `/proc/PID/status`, in MB.
fn megabytes(pid: u32, key: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(key)).unwrap();
    line.trim_start_matches(':').trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1024
}

/// Ticks of a processor that it has had; a second has 100.
fn ticks(pid: u32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit_once(") ").unwrap().1.split_whitespace().collect();
    fields[11..13].iter().map(|ticks| ticks.parse::<u64>().unwrap()).sum()
}

#[test]
#[ignore = "a measurement: `cargo test --release -p squall --all-features --test waiting -- --ignored --nocapture`"]
#[expect(clippy::disallowed_methods, reason = "a measurement over real time")]
fn ten_thousand_entries_that_wait_take_little_memory_and_no_processor() {
    let (place, victim) = (place(), Sleeper::start());
    let entry = |n: usize| {
        json!({
            "name": format!("entry {n}"), "trigger": {"type": "time", "delay_seconds": 3000}, "duration_seconds": 1,
            "action": {"type": "pause_process", "pid": victim.pid()},
        })
    };
    let task = json!({"chaos_spec": (0..10_000).map(entry).collect::<Vec<Value>>()});
    let file = write(&place, "task.json", &task);
    let mut squall = command(&place, &["run", &file, "--quiet", "--format=json"]);
    let mut child =
        squall.stdout(File::create(place.path().join("out")).unwrap()).stderr(Stdio::inherit()).spawn().unwrap();
    let id = child.id();
    // Events may be dropped, so what counts is that it has nothing to do any more.
    let mut seen = 0;
    while journals(&place) == 0 || ticks(id) != seen {
        assert!(child.try_wait().unwrap().is_none(), "it ended early");
        seen = ticks(id);
        std::thread::sleep(Duration::from_secs(2));
    }
    let before = ticks(id);
    std::thread::sleep(Duration::from_secs(20));
    let used = ticks(id) - before;
    let (now, most) = (megabytes(id, "VmRSS"), megabytes(id, "VmHWM"));
    println!("10,000 waiting entries: {now} MB, at most {most} MB; {used} ticks of a processor in 20 s");
    signal(id, "TERM");
    assert_eq!(code(&mut child), Some(2));
    until("the end", || journals(&place) == 0);
    assert!(now < 100 && used <= 20, "more than the architecture allows");
}
