//! Tests of `clock_skew` on real nodes: what counts is what the node writes of its own clock.

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use chaos_core::{ChaosResult, Policy, Reverted, Task, Verdict, parse};
// Starts nodes.
use chaos_nodes as _;
use chaos_runner::{Report, Runner};
use chaos_test::Bench;
use serde_json::{Value, json};

use super::*;

chaos_test::contract_subject!(ClockSkew, |subjects| {
    subjects.node("n1", json!({"type": "process", "argv": ["sleep", "600"], "clock": true}));
    let offset = ClockOffset::try_from("30s".to_owned()).map_err(std::io::Error::other)?;
    let target = FaultTarget::Node("n1".to_owned());
    Ok(ClockSkew { target, offset: Some(offset), rate_percent: None, node_time: None })
});

/// A node of bash, which reads its clock by libc; it writes its pid and its time over and over.
fn node(bench: &Bench) -> Value {
    let script = "while :; do echo $$ $EPOCHREALTIME >> times; read -t 0.02 <> <(:); done";
    let ready = json!({"type": "test_file_exists", "path": bench.path("n1/times"), "within_seconds": 30});
    json!({
        "type": "process", "argv": ["bash", "-c", script], "dir": bench.path("n1"), "clock": true, "ready": ready,
    })
}

fn runner(bench: &Bench) -> chaos_runner::RunnerBuilder {
    let policy = Policy { allow_commands: vec!["*".into()], ..Policy::default() };
    Runner::builder().state_dir(bench.state()).workspace(bench.folder()).seed(1).policy(policy)
}

fn task(node: &Value, action: &Value) -> Task {
    let entry = json!({"trigger": {"type": "test_now"}, "action": action, "duration_seconds": 0.4});
    let mut task = Task::of(parse(&entry).unwrap());
    task.nodes.insert("n1".to_owned(), parse(node).unwrap());
    task
}

fn run(bench: &Bench, node: &Value, action: &Value) -> Report {
    runner(bench).build().unwrap().run(task(node, action)).unwrap()
}

fn skew(more: &Value) -> Value {
    let mut action = json!({"type": "clock_skew", "target": {"node": "n1"}});
    action.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    action
}

/// What the node wrote: its pid, and its time in seconds.
fn times(bench: &Bench) -> Vec<(u32, f64)> {
    let text = fs::read_to_string(bench.path("n1/times")).unwrap();
    // The last line may not be whole.
    let text = &text[..text.rfind('\n').map_or(0, |end| end + 1)];
    let line = |line: &str| {
        let (pid, time) = line.split_once(' ')?;
        Some((pid.parse().ok()?, time.parse().ok()?))
    };
    text.lines().filter_map(line).collect()
}

/// Whether what the node wrote last is not of now.
fn is_off(bench: &Bench) -> bool {
    times(bench).last().is_some_and(|(_, time)| (now().unwrap() - time).abs() > 15.0)
}

fn until(what: &str, holds: impl Fn() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < Duration::from_mins(2), "{what}");
        std::thread::park_timeout(Duration::from_millis(2));
    }
}

fn error_of(report: &Report) -> String {
    report.entries.first().and_then(|entry| entry.error.clone()).unwrap_or_else(|| format!("{report:?}"))
}

fn passed(report: &Report) -> &ChaosResult {
    let result = &report.entries[0];
    assert_eq!((report.verdict, result.reverted), (Verdict::Unchecked, Reverted::Reverted), "{report:?}");
    assert!(report.node_exits.is_empty() && report.nodes_left.is_empty(), "{report:?}");
    result
}

#[tokio::test]
async fn the_nodes_own_clock_jumps_and_comes_back_in_the_same_process() {
    for (offset, seconds) in [("30s", 30.0), ("-60s", -60.0)] {
        let bench = Bench::new().unwrap();
        let began = now().unwrap();
        let mut task = task(&node(&bench), &skew(&json!({"offset": offset})));
        // It holds the run, and with it the node, until the node has written the time of this machine again.
        let touch = json!({"type": "test_touch_file", "path": bench.path("held")});
        task.entries.push(parse(&json!({"trigger": {"type": "test_now"}, "action": touch})).unwrap());
        let run = runner(&bench).hold_until_released(true).build().unwrap().start(task).unwrap();
        let mut skewed = run.entry(0).unwrap();
        skewed.active().await.unwrap();
        run.entry(1).unwrap().active().await.unwrap();
        until("the node does not see another time", || is_off(&bench));
        skewed.release();
        skewed.ended().await;
        until("the node does not see the time of this machine again", || !is_off(&bench));
        run.release();
        let report = run.wait().await.unwrap();
        let took = now().unwrap() - began;
        let evidence = &passed(&report).witness.as_ref().unwrap().evidence;
        assert!(evidence.summary.contains(&format!("is {seconds:+.3} s off")), "{evidence:?}");
        assert!(evidence.summary.contains("has the clock library and its page mapped"), "{evidence:?}");
        let times = times(&bench);
        assert!(times.iter().all(|(pid, _)| *pid == times[0].0), "another process");
        // The run lies between two readings of the machine's clock, so that each time is of one kind or of the other.
        let skewed: Vec<bool> = times.iter().map(|(_, time)| !(-0.1..=took + 0.1).contains(&(time - began))).collect();
        for ((_, time), skewed) in times.iter().zip(&skewed) {
            let real = if *skewed { time - seconds } else { *time };
            assert!((-0.1..=took + 0.1).contains(&(real - began)), "{time} at {began} for {took}");
        }
        let (first, last) = (skewed.first(), skewed.last());
        assert_eq!((first, last, skewed.contains(&true)), (Some(&false), Some(&false), true), "{offset}");
        // It was put there once, and taken away once.
        assert_eq!(skewed.windows(2).filter(|two| two[0] != two[1]).count(), 2, "{offset}");
        assert!(!bench.path("state").join("nodes").exists() || left(&bench).is_empty(), "{:?}", left(&bench));
        assert_eq!(bench.journals_left(), 0);
    }
}

/// The clock files that are left.
fn left(bench: &Bench) -> Vec<String> {
    let found = Command::new("find").arg(bench.folder()).args(["-path", "*clock*"]).output().unwrap();
    String::from_utf8(found.stdout).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn a_rate_makes_the_clock_run_faster() {
    let bench = Bench::new().unwrap();
    let report = run(&bench, &node(&bench), &skew(&json!({"rate_percent": 50})));
    let summary = &passed(&report).witness.as_ref().unwrap().evidence.summary;
    let rate = summary.split("at +").nth(1).and_then(|rest| rest.split(|of: char| !of.is_ascii_digit()).next());
    let rate: u32 = rate.unwrap().parse().unwrap();
    assert!((45..55).contains(&rate), "{summary}");
}

#[test]
fn a_node_that_can_not_be_reached_is_refused_by_name_before_anything_is_touched() {
    let bench = Bench::new().unwrap();
    let static_program = bench.path("static");
    // The smallest file that the kernel would take for a static program is enough: it is never started.
    let mut elf = vec![0; 64];
    elf[..5].copy_from_slice(b"\x7fELF\x02");
    (elf[32], elf[54]) = (64, 56);
    fs::write(&static_program, elf).unwrap();
    Command::new("chmod").arg("755").arg(&static_program).status().unwrap();
    let mut unreachable = node(&bench);
    unreachable["argv"] = json!([static_program]);
    let report = run(&bench, &unreachable, &skew(&json!({"offset": "30s"})));
    let said = format!("{report:?}");
    assert!(said.contains("is statically linked (no PT_INTERP): a preload can't reach its clock"), "{said}");
    assert!(!bench.path("n1").exists(), "the node was not even made a folder");

    let mut cleared = node(&bench);
    cleared["argv"] = json!(["env", "-i", "/bin/sleep", "600"]);
    cleared.as_object_mut().unwrap().remove("ready");
    let error = error_of(&run(&bench, &cleared, &skew(&json!({"offset": "30s"}))));
    // `env` itself has it: which of two checks finds it missing depends on when `sleep` takes its place.
    let named = ["runs without the clock library", "its process does not have the clock library mapped"];
    assert!(named.iter().any(|why| error.contains(why)), "{error}");

    let other = Bench::new().unwrap();
    let mut undeclared = node(&other);
    undeclared.as_object_mut().unwrap().remove("clock");
    let error = error_of(&run(&other, &undeclared, &skew(&json!({"offset": "30s"}))));
    assert!(error.contains("node `n1` has no clock facet") && error.contains("with `clock: true`"), "{error}");
}

#[test]
fn a_skew_that_is_not_there_does_not_pass() {
    let bench = Bench::new().unwrap();
    let report = runner(&bench).sham(true).build().unwrap().run(task(&node(&bench), &skew(&json!({"offset": "30s"}))));
    let report = report.unwrap();
    assert_eq!(report.verdict, Verdict::Inconclusive, "{report:?}");
    assert!(times(&bench).iter().all(|(_, time)| (now().unwrap() - time).abs() < 60.0), "nothing was shifted");
}

#[test]
fn a_dry_run_names_the_clock_and_touches_nothing() {
    let bench = Bench::new().unwrap();
    let runner = runner(&bench).build().unwrap();
    let plans = runner.dry_run(task(&node(&bench), &skew(&json!({"offset": "-60s", "rate_percent": 10})))).unwrap();
    let said = format!("{plans:?}");
    assert!(said.contains("shift the clock of node `n1` by -1m and at +10 %"), "{said}");
    assert!(!bench.path("n1").exists() && left(&bench).is_empty());
}

fn read(offset_ns: i64, rate_ppb: i64) -> ClockReading {
    let (label, detail) = ("node `n1`".to_owned(), String::new());
    ClockReading { label, reached: true, offset_ns, offset_error_ns: 1_000, rate_ppb, rate_error_ppb: 1_000, detail }
}

#[test]
fn only_a_clock_that_is_where_it_was_put_counts() {
    let second = 1_000_000_000;
    let fault = |mut keys: Value| {
        keys["target"] = json!({"node": "n1"});
        parse::<ClockSkew>(&keys).unwrap()
    };
    let (ahead, fast) = (fault(json!({"offset": "30s"})), fault(json!({"rate_percent": 10})));
    let both = fault(json!({"offset": "-60s", "rate_percent": -10}));
    for (fault, seen, want) in [
        (&ahead, read(30 * second + 40_000_000, 0), Shown::Yes),
        (&ahead, read(1_000_000, 0), Shown::No),
        (&ahead, read(30 * second + 60_000_000, 0), Shown::Unknown),
        (&ahead, read(-30 * second, 0), Shown::Unknown),
        (&fast, read(7_000_000, 100_000_000), Shown::Yes),
        (&fast, read(20 * second, 100_000_000), Shown::Yes),
        (&fast, read(-20 * second, 100_000_000), Shown::Unknown),
        (&fast, read(0, 0), Shown::No),
        (&fast, read(20 * second, 0), Shown::Unknown),
        (&fast, read(0, 50_000_000), Shown::Unknown),
        (&both, read(-61 * second, -100_000_000), Shown::Yes),
        (&both, read(0, 0), Shown::No),
        (&ahead, ClockReading { reached: false, ..read(30 * second, 0) }, Shown::Unknown),
        (&ahead, ClockReading { offset_error_ns: 20 * 1_000_000_000, ..read(30 * second, 0) }, Shown::Unknown),
        (&fast, ClockReading { rate_error_ppb: 60_000_000, ..read(0, 100_000_000) }, Shown::Unknown),
    ] {
        assert_eq!(fault.shows(&seen), want, "{fault:?} {seen:?}");
    }
}

#[test]
fn a_skew_of_nothing_is_no_skew() {
    for wrong in [json!({"target": {"node": "n1"}}), json!({"target": {"node": "n1"}, "offset": null})] {
        assert!(parse::<ClockSkew>(&wrong).is_err(), "{wrong}");
    }
}
