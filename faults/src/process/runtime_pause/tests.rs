//! Tests of `pause_process` with `method: runtime` on a process of its own that has an async runtime and fail points.

use std::fs;
use std::io::Write;
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};

use chaos_core::{Permission, Policy, Reverted, Task, Verdict, parse};
use chaos_failpoints::{ControlServer, fail_check};
// Starts nodes.
use chaos_nodes as _;
use chaos_runner::{Report, RunnerBuilder};
use chaos_test::Bench;
use serde_json::{Value, json};

use crate::PauseProcess;

/// A hang is an error; nothing here takes nearly as long.
const HANG: Duration = Duration::from_mins(2);

/// The variable that names the folder of the victim.
const FOLDER: &str = "RUNTIME_VICTIM";

/// Not a test, but the process that the tests start: a runtime of one thread that beats and answers, and a thread beside it
/// that beats, too.
#[test]
#[ignore = "started by the tests beside it"]
fn victim() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let folder = Path::new(&folder);
    let _control = ControlServer::from_environment().unwrap();
    let beat = |file: &str, count: u64| {
        fs::write(folder.join("new").with_extension(file), format!("{} {count}", std::process::id())).unwrap();
        fs::rename(folder.join("new").with_extension(file), folder.join(file)).unwrap();
    };
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for count in 0.. {
                beat("watchdog", count);
                std::thread::park_timeout(Duration::from_millis(5));
            }
        });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            fs::write(folder.join("port"), listener.local_addr().unwrap().port().to_string()).unwrap();
            for count in 0.. {
                // In its blocking form: it holds the thread, and with it the runtime.
                let _ = fail_check!("victim.tick");
                beat("runtime", count);
                let _ = tokio::time::timeout(Duration::from_millis(5), listener.accept()).await;
            }
        });
    });
}

fn node(bench: &Bench) -> Value {
    let us = std::env::current_exe().unwrap();
    let beats = json!({"type": "test_file_exists", "path": bench.path("n1/runtime"), "within_seconds": 30});
    json!({
        "type": "process", "dir": bench.path("n1"), "ready": beats, "stop_seconds": 0.2,
        "argv": [us, "process::runtime_pause::tests::victim", "--exact", "--ignored", "--nocapture"],
        "env": {FOLDER: bench.path("n1"), "FAILPOINTS_LISTEN": bench.path("control")},
    })
}

fn action(bench: &Bench, site: &str) -> Value {
    let url = format!("unix:{}", bench.path("control").display());
    json!({
        "type": "wedge_node", "target": {"node": "n1"}, "method": "runtime", "runtime": {"url": url, "site": site},
    })
}

fn runner(bench: &Bench) -> RunnerBuilder {
    let policy =
        Policy { allow_commands: vec!["*".into()], permissions: Permission::ALL.to_vec(), ..Policy::default() };
    chaos_runner::Runner::builder().state_dir(bench.state()).workspace(bench.folder()).seed(1).policy(policy)
}

fn task(bench: &Bench, site: &str) -> Task {
    let entry = json!({"trigger": {"type": "test_now"}, "action": action(bench, site), "duration_seconds": 0.5});
    let mut task = Task::of(parse(&entry).unwrap());
    task.nodes.insert("n1".to_owned(), parse(&node(bench)).unwrap());
    task
}

/// The pid that beats, and how often it has.
fn beats(bench: &Bench, file: &str) -> (u32, u64) {
    let text = fs::read_to_string(bench.path("n1").join(file)).unwrap_or_default();
    let (pid, count) = text.split_once(' ').unwrap_or(("0", "0"));
    (pid.parse().unwrap(), count.parse().unwrap())
}

fn until(what: &str, holds: impl Fn() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < HANG, "{what}");
        std::thread::park_timeout(Duration::from_millis(2));
    }
}

fn passed(report: &Report) {
    assert_eq!((report.verdict, report.entries[0].reverted), (Verdict::Unchecked, Reverted::Reverted), "{report:?}");
    assert!(report.node_exits.is_empty() && report.nodes_left.is_empty(), "{report:?}");
}

#[tokio::test]
async fn the_runtime_is_paused_while_its_socket_accepts_and_other_threads_go_on() {
    let bench = Bench::new().unwrap();
    let mut task = task(&bench, "victim.tick");
    // It holds the run, and with it the node, until the runtime has gone on.
    let touch = json!({"type": "test_touch_file", "path": bench.path("held")});
    task.entries.push(parse(&json!({"trigger": {"type": "test_now"}, "action": touch})).unwrap());
    let run = runner(&bench).hold_until_released(true).build().unwrap().start(task).unwrap();
    let mut pause = run.entry(0).unwrap();
    let active = pause.active().await.unwrap();
    run.entry(1).unwrap().active().await.unwrap();
    assert_eq!(active.data["waiting"], 1, "{active:?}");
    let (held, watchdog) = (beats(&bench, "runtime"), beats(&bench, "watchdog"));
    assert!(held.1 > 0 || held.0 > 0, "it never beat");
    // The kernel still accepts for it, and nothing answers.
    let port: u16 = fs::read_to_string(bench.path("n1/port")).unwrap().parse().unwrap();
    TcpStream::connect(("127.0.0.1", port)).unwrap().write_all(b"x").unwrap();
    let stat = fs::read_to_string(format!("/proc/{}/stat", held.0)).unwrap();
    assert!(!stat.contains(") T "), "{stat}");
    until("the other thread is paused, too", || beats(&bench, "watchdog").1 > watchdog.1 + 5);
    assert_eq!(beats(&bench, "runtime"), held);
    pause.release();
    until("the runtime does not go on", || beats(&bench, "runtime").1 > held.1);
    run.release();
    let report = run.wait().await.unwrap();
    passed(&report);
    let seen = &report.entries[0].witness.as_ref().unwrap().evidence;
    assert!(seen.data["waiting"] == 1 && seen.summary.contains("1 of its callers wait"), "{seen:?}");
    // The same process went on.
    let after = beats(&bench, "runtime");
    assert!(after.0 == held.0 && after.1 > held.1, "{held:?} {after:?}");
    assert_eq!(bench.journals_left(), 0);
}

#[test]
fn a_site_that_nothing_passes_and_a_runtime_that_is_not_held_do_not_pass() {
    let bench = Bench::new().unwrap();
    let report = runner(&bench).build().unwrap().run(task(&bench, "victim.nowhere")).unwrap();
    let error = report.entries[0].error.clone().unwrap();
    assert!(report.verdict == Verdict::Inconclusive && error.contains("victim.nowhere"), "{error}");
    let report = runner(&bench).sham(true).build().unwrap().run(task(&bench, "victim.tick")).unwrap();
    assert_eq!(report.verdict, Verdict::Inconclusive, "{report:?}");
}

#[test]
fn a_runtime_is_named_with_its_method_and_not_without() {
    let bench = Bench::new().unwrap();
    let mut keys = action(&bench, "victim.tick");
    keys.as_object_mut().unwrap().remove("type");
    let fault: PauseProcess = parse(&keys).unwrap();
    assert_eq!(serde_json::to_value(&fault).unwrap(), keys);
    for key in ["method", "runtime"] {
        let mut wrong = keys.clone();
        wrong.as_object_mut().unwrap().remove(key);
        let error = parse::<PauseProcess>(&wrong).unwrap_err();
        assert!(error.message.contains("need each other"), "{error}");
    }
}
