//! Tests of `pause_process` on real child processes.

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use chaos_core::{DynUndoStep, FAULTS, Journal, Policy, Presence, RealClock, UndoContext, UndoLog, Undone, parse};
use chaos_host::{PidFd, ProcessStat, Signal, thread_states};
// Finds processes by their pid.
use chaos_nodes as _;
use chaos_test::{Bench, run_context};
use serde_json::json;

use super::*;

/// A child that sleeps, killed when the test ends in whatever way.
struct Sleeper(Child);

impl Sleeper {
    fn start() -> Self {
        let child = Self(Command::new("sleep").arg("600").stdin(Stdio::null()).spawn().unwrap());
        // Its loader is done, and it needs no more files, once it sleeps under its own name.
        let sleeps = |stat: &ProcessStat| stat.name == "sleep" && stat.state == 'S';
        while !sleeps(&ProcessStat::of(child.0.id()).unwrap().unwrap()) {
            std::thread::yield_now();
        }
        child
    }

    fn pid(&self) -> NonZeroU32 {
        NonZeroU32::new(self.0.id()).unwrap()
    }

    fn fault(&self) -> PauseProcess {
        self.pid().into()
    }

    fn state(&self) -> char {
        ProcessStat::of(self.0.id()).unwrap().unwrap().state
    }

    fn signal(&self, signal: Signal) {
        let held = PidFd::open(self.pid()).unwrap().unwrap();
        assert!(held.signal(signal).unwrap());
        let still = signal == Signal::STOP;
        held.settle(u32::MAX, |states| any_paused(states) == still).unwrap();
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

chaos_test::contract_subject!(PauseProcess, |subjects| Ok(subjects.process()?.into()));

fn any_paused(states: &[char]) -> bool {
    states.iter().any(|state| matches!(state, 'T' | 't'))
}

fn context() -> RunContext {
    run_context().build()
}

async fn inject(fault: &PauseProcess) -> (Result<Injection, PluginError>, Arc<UndoLog>) {
    let cx = context();
    let log = UndoLog::new(Arc::new(Journal::in_memory()), cx.clone(), None);
    (Fault::inject(fault, &cx.into(), &log.handle()).await, log)
}

/// Undoes what was armed, as a recovery would: from the JSON of the steps alone.
async fn undo(log: &UndoLog) -> Undone {
    let raw = serde_json::to_value(log.newest_first()[0].step.as_ref()).unwrap();
    assert_eq!(raw["type"], "resume_process");
    let step: Box<dyn DynUndoStep> = serde_json::from_value(raw).unwrap();
    let cx = UndoContext::new(Arc::new(RealClock::new()), Duration::from_secs(30));
    step.undo(&cx).await.unwrap()
}

#[tokio::test]
async fn it_pauses_a_real_process_and_the_step_resumes_it() {
    let child = Sleeper::start();
    let (fault, cx) = (child.fault(), context());
    assert_eq!(Fault::witness(&fault, &cx).await.presence, Presence::Absent);
    let (injected, log) = inject(&fault).await;
    injected.unwrap();
    assert_eq!(child.state(), 'T');
    let seen = Fault::witness(&fault, &cx).await;
    let summary = format!("process {} (`sleep`) is stopped (state T)", child.pid());
    assert_eq!((seen.presence, seen.evidence.summary), (Presence::Present, summary));
    assert_eq!(undo(&log).await, Undone::Reverted(format!("process {} is resumed", child.pid())));
    assert_ne!(child.state(), 'T');
}

#[tokio::test]
async fn a_process_that_is_gone_is_refused_and_nothing_is_armed() {
    let mut child = Sleeper::start();
    child.0.kill().unwrap();
    child.0.wait().unwrap();
    let (injected, log) = inject(&child.fault()).await;
    assert_eq!(injected.unwrap_err().to_string(), format!("there is no process {}", child.pid()));
    assert!(log.newest_first().is_empty(), "a step was armed for nothing");
    let seen = Fault::witness(&child.fault(), &context()).await;
    assert_eq!(seen.presence, Presence::Absent, "{seen:?}");
}

#[tokio::test]
async fn what_must_not_be_stopped_is_refused_by_plan_and_by_inject() {
    let stopped = Sleeper::start();
    stopped.signal(Signal::STOP);
    let (thread, parent) = (other_thread(), std::os::unix::process::parent_id());
    let rows = [
        (1, "is the first process"),
        (std::process::id(), "is Squall itself"),
        // A thread can't be held at all, which is said by the kernel.
        (thread, "there is no process"),
        (parent, if parent == 1 { "is the first process" } else { "is an ancestor of Squall" }),
        (stopped.pid().get(), "is stopped already (state T)"),
        (u32::MAX, "there is no process"),
    ];
    for (pid, why) in rows {
        let fault = PauseProcess::from(NonZeroU32::new(pid).unwrap());
        let planned = Fault::plan(&fault, &context()).await.unwrap_err();
        let (injected, log) = inject(&fault).await;
        let injected = injected.unwrap_err();
        assert!(planned.to_string().contains(why), "{pid}: {planned}");
        assert!(matches!(planned, PluginError::Refused(_)) && log.newest_first().is_empty(), "{pid}");
        assert!(injected.to_string().contains(why), "{pid}: {injected}");
    }
    assert_eq!(stopped.state(), 'T');
}

/// The id of some thread of ours that is not the first.
fn other_thread() -> u32 {
    let us = std::process::id();
    let ids = std::fs::read_dir("/proc/self/task").unwrap();
    let ids = ids.map(|id| id.unwrap().file_name().to_string_lossy().parse::<u32>().unwrap());
    ids.into_iter().find(|id| *id != us).unwrap()
}

#[tokio::test]
async fn the_plan_names_process_and_start_time_and_touches_nothing() {
    let child = Sleeper::start();
    let start = ProcessStat::of(child.0.id()).unwrap().unwrap().start_time;
    let plan = Fault::plan(&child.fault(), &context()).await.unwrap();
    assert_eq!(plan.touches[0].to_string(), format!("process:{}@{start}", child.pid()));
    assert_eq!((plan.summary, plan.permissions), (format!("stop process {} (`sleep`)", child.pid()), Vec::new()));
    assert_ne!(child.state(), 'T');
}

#[tokio::test]
async fn another_users_process_needs_a_permission() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("skipped: needs root, to start a process of another user");
        return;
    }
    let child = Command::new("sleep").arg("600").uid(65_534).spawn().unwrap();
    let child = Sleeper(child);
    let plan = Fault::plan(&child.fault(), &context()).await.unwrap();
    let why = &plan.permissions[0].why;
    assert!(why.ends_with("belongs to uid 65534, not to 0"), "{why}");
    let refusal = plan.check(&Policy::default()).unwrap_err();
    assert_eq!(refusal.flag.as_deref(), Some("--permit other_user"));
}

#[tokio::test]
async fn every_thread_stops_and_is_resumed() {
    let script = "import threading,sys,time\n\
                  for _ in range(3): threading.Thread(target=lambda: time.sleep(600), daemon=True).start()\n\
                  print('up', flush=True)\ntime.sleep(600)";
    let spawned = Command::new("python3").args(["-c", script]).stdout(Stdio::piped()).spawn();
    let Ok(mut child) = spawned else {
        eprintln!("skipped: needs python3");
        return;
    };
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let child = Sleeper(child);
    assert_eq!(thread_states(child.0.id()).unwrap().len(), 4);
    let (injected, log) = inject(&child.fault()).await;
    injected.unwrap();
    assert_eq!(thread_states(child.0.id()).unwrap(), ['T'; 4]);
    undo(&log).await;
    assert!(!any_paused(&thread_states(child.0.id()).unwrap()));
}

#[tokio::test]
async fn a_process_that_a_tracer_holds_is_refused_and_its_witness_is_unknown() {
    let child = Sleeper::start();
    // PTRACE_ATTACH is 16 on every architecture; the tracer then leaves its tracee stopped.
    let script = "import ctypes,sys,time\n\
                  p = ctypes.CDLL(None).ptrace\n\
                  print(p(16, int(sys.argv[1]), None, None), flush=True)\ntime.sleep(600)";
    let spawned = Command::new("python3").args(["-c", script, &child.pid().to_string()]).stdout(Stdio::piped()).spawn();
    let Ok(mut tracer) = spawned else {
        eprintln!("skipped: needs python3");
        return;
    };
    let mut line = String::new();
    BufReader::new(tracer.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let tracer = Sleeper(tracer);
    if line.trim() != "0" {
        eprintln!("skipped: needs the right to trace a process");
        return;
    }
    let held = PidFd::open(child.pid()).unwrap().unwrap();
    held.settle(u32::MAX, |states| states == ['t']).unwrap();
    let planned = Fault::plan(&child.fault(), &context()).await.unwrap_err();
    assert!(planned.to_string().contains("is stopped already (state t)"), "{planned}");
    assert_eq!(Fault::witness(&child.fault(), &context()).await.presence, Presence::Unknown);
    drop(tracer);
}

#[tokio::test]
async fn a_fault_that_stops_nothing_does_not_pass() {
    // The effect is stubbed by somebody who lets the process go on at once; the witness is the process table.
    let child = Sleeper::start();
    let (injected, _log) = inject(&child.fault()).await;
    injected.unwrap();
    child.signal(Signal::CONT);
    assert_eq!(Fault::witness(&child.fault(), &context()).await.presence, Presence::Absent);
    let bench = Bench::new().unwrap();
    let entry = json!({"trigger": {"type": "test_now"}, "action": {"type": "pause_process", "pid": child.0.id()}});
    let task = chaos_core::Task::of(parse(&entry).unwrap());
    let report = bench.runner().sham(true).build().unwrap().run(task).unwrap();
    let result = &report.entries[0];
    assert!(!result.success && result.verdict == chaos_core::Verdict::Inconclusive, "{result:?}");
}

#[test]
fn a_pid_is_a_whole_number_from_one() {
    for wrong in [json!(0), json!(-1), json!(1.5), json!("71"), json!(4_294_967_296_u64), json!(null)] {
        let error = parse::<chaos_core::FaultNode>(&json!({"type": "pause_process", "pid": wrong})).unwrap_err();
        assert_eq!(error.pointer, "/pid", "{wrong}: {error}");
    }
    let schema = FAULTS.get("pause_process").unwrap().schema_value();
    assert_eq!(schema["properties"]["pid"]["minimum"], json!(1));
}

#[test]
fn a_pid_may_stand_alone_or_in_a_target_and_never_twice() {
    let alone: PauseProcess = parse(&json!({"pid": 7})).unwrap();
    assert_eq!(parse::<PauseProcess>(&json!({"target": {"pid": 7}})).unwrap(), alone);
    assert_eq!(serde_json::to_value(&alone).unwrap(), json!({"pid": 7}));
    let node = json!({"target": {"node": "n1"}});
    assert_eq!(serde_json::to_value(parse::<PauseProcess>(&node).unwrap()).unwrap(), node);
    for wrong in [json!({}), json!({"pid": 7, "target": {"pid": 7}})] {
        let error = parse::<PauseProcess>(&wrong).unwrap_err();
        assert_eq!(error.message, "expected exactly one of `pid`, `target`", "{wrong}");
    }
}
