//! Tests of `pause_process` on real child processes.

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use chaos_core::{FAULTS, Journal, Policy, Presence, RealClock, UndoLog, parse};
use chaos_host::thread_states;
use chaos_test::{Bench, run_context};
use serde_json::json;

use super::*;

/// The inode of a machine's first pid namespace, from which every process can be seen.
const FIRST_PID_NAMESPACE: u64 = 0xEFFF_FFFC;

/// A child that sleeps, killed when the test ends in whatever way.
struct Sleeper(Child);

impl Sleeper {
    fn start() -> Self {
        Self(Command::new("sleep").arg("600").stdin(Stdio::null()).spawn().unwrap())
    }

    fn pid(&self) -> NonZeroU32 {
        NonZeroU32::new(self.0.id()).unwrap()
    }

    fn fault(&self) -> PauseProcess {
        PauseProcess { pid: self.pid() }
    }

    fn state(&self) -> char {
        ProcessStat::of(self.0.id()).unwrap().unwrap().state
    }

    fn step(&self) -> ResumeProcess {
        let held = PidFd::open(self.pid()).unwrap().unwrap();
        ResumeProcess { process: ProcessIdentity::of(&held).unwrap() }
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

chaos_test::contract_subject!(PauseProcess, |subjects| Ok(PauseProcess { pid: subjects.process()? }));

fn context() -> RunContext {
    run_context().build()
}

async fn undo(step: &ResumeProcess) -> Result<Undone, PluginError> {
    let cx = UndoContext::new(Arc::new(RealClock::new()), Duration::from_secs(30));
    UndoStep::undo(step, &cx).await
}

async fn inject(fault: &PauseProcess) -> (Result<Injection, PluginError>, Arc<UndoLog>) {
    let cx = context();
    let log = UndoLog::new(Arc::new(Journal::in_memory()), cx.clone(), None);
    (Fault::inject(fault, &cx.into(), &log.handle()).await, log)
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
    // Recovery knows the step only as JSON.
    let raw = serde_json::to_value(log.newest_first()[0].step.as_ref()).unwrap();
    assert_eq!(raw["type"], "resume_process");
    let step: Box<dyn chaos_core::DynUndoStep> = serde_json::from_value(raw).unwrap();
    let cx = UndoContext::new(Arc::new(RealClock::new()), Duration::from_secs(30));
    assert_eq!(step.undo(&cx).await.unwrap(), Undone::Reverted(format!("process {} is resumed", child.pid())));
    assert_ne!(child.state(), 'T');
}

#[tokio::test]
async fn undo_twice_is_harmless() {
    let child = Sleeper::start();
    let (injected, _log) = inject(&child.fault()).await;
    injected.unwrap();
    assert!(matches!(undo(&child.step()).await.unwrap(), Undone::Reverted(_)));
    let second = undo(&child.step()).await.unwrap();
    assert_eq!(second, Undone::NothingToDo(format!("process {} was not stopped", child.pid())));
}

#[tokio::test]
async fn another_process_with_the_pid_is_left_alone() {
    let child = Sleeper::start();
    child.signal(Signal::STOP);
    let right = child.step().process;
    let rows = [
        (
            ProcessIdentity { start_time: right.start_time + 1, pidfd_inode: None, ..right.clone() },
            "is another process that was given its pid",
        ),
        (
            ProcessIdentity { start_time: right.start_time + 1, pidfd_inode: Some(1), ..right.clone() },
            "is another process that was given its pid",
        ),
        (ProcessIdentity { boot_id: "forged".into(), ..right.clone() }, "was of another boot"),
    ];
    for (process, why) in rows {
        match undo(&ResumeProcess { process }).await.unwrap() {
            Undone::NothingToDo(told) => assert!(told.contains(why), "{told}"),
            other @ Undone::Reverted(_) => panic!("{other:?}"),
        }
        assert_eq!(child.state(), 'T', "{why}: another process was resumed");
    }
}

#[tokio::test]
async fn without_the_inode_of_its_pidfd_a_process_is_sought_in_its_own_namespace_alone() {
    let child = Sleeper::start();
    child.signal(Signal::STOP);
    let forged = ProcessIdentity { pid_ns: 1, pidfd_inode: None, ..child.step().process };
    let forged = ResumeProcess { process: forged };
    let told = undo(&forged).await.map_err(|error| error.to_string());
    if pid_namespace().unwrap() == FIRST_PID_NAMESPACE {
        assert_eq!(told, Ok(Undone::NothingToDo(format!("process {} is gone", child.pid()))));
    } else {
        let why = told.unwrap_err();
        assert!(why.ends_with("recover from there"), "{why}");
    }
    assert_eq!(child.state(), 'T');
}

/// A sleeper in a pid namespace of its own, as in a container; the namespace ends with `unshare`.
struct Inside {
    unshare: Child,
    sleeper: NonZeroU32,
}

impl Inside {
    /// `None`, said, where the system gives no namespace.
    fn start() -> Option<Self> {
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "--pid", "--fork", "--kill-child", "sh", "-c"]);
        command.arg("sleep 600 & echo ready; wait").stdout(Stdio::piped()).stderr(Stdio::null());
        let mut unshare = command.spawn().ok()?;
        let mut line = String::new();
        BufReader::new(unshare.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        if line != "ready\n" {
            let _ = unshare.wait();
            eprintln!("skipped: needs unshare (user and pid namespaces)");
            return None;
        }
        let child_of = |pid: u32| {
            let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
            children.trim().parse::<NonZeroU32>().unwrap()
        };
        let sleeper = child_of(child_of(unshare.id()).get());
        Some(Self { unshare, sleeper })
    }

    /// The step as a run inside the namespace would have recorded it.
    fn step(&self, pidfd_inode: Option<u64>) -> ResumeProcess {
        use std::os::unix::fs::MetadataExt;
        let held = PidFd::open(self.sleeper).unwrap().unwrap();
        let namespace = std::fs::metadata(format!("/proc/{}/ns/pid", self.sleeper)).unwrap();
        let seen = ProcessIdentity::of(&held).unwrap();
        let pid = NonZeroU32::new(2).unwrap();
        ResumeProcess { process: ProcessIdentity { pid, pid_ns: namespace.ino(), pidfd_inode, ..seen } }
    }

    fn end(&mut self) {
        let _ = self.unshare.kill();
        let _ = self.unshare.wait();
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        self.end();
    }
}

#[tokio::test]
async fn a_process_in_a_container_is_resumed_from_outside_and_is_gone_with_its_namespace() {
    let Some(mut inside) = Inside::start() else { return };
    let held = PidFd::open(inside.sleeper).unwrap().unwrap();
    for inode in [held.inode().unwrap(), None] {
        let step = inside.step(inode);
        assert!(held.signal(Signal::STOP).unwrap());
        held.settle(u32::MAX, any_paused).unwrap();
        assert_eq!(undo(&step).await.unwrap(), Undone::Reverted("process 2 is resumed".to_owned()), "{inode:?}");
        assert!(!any_paused(&held.thread_states().unwrap()));
    }
    let steps = [inside.step(held.inode().unwrap()), inside.step(None)];
    inside.end();
    held.settle(u32::MAX, <[char]>::is_empty).unwrap();
    for step in steps {
        // Where not every process of the machine can be seen, that cannot be known.
        match undo(&step).await {
            Ok(undone) => assert_eq!(undone, Undone::NothingToDo("process 2 is gone".to_owned())),
            Err(error) => {
                assert_ne!(pid_namespace().unwrap(), FIRST_PID_NAMESPACE);
                assert!(error.to_string().ends_with("recover from there"), "{error}");
            }
        }
    }
}

#[tokio::test]
async fn a_pid_that_is_a_threads_by_now_is_gone() {
    let step = Sleeper::start().step();
    let pid = NonZeroU32::new(other_thread()).unwrap();
    let forged = ResumeProcess { process: ProcessIdentity { pid, ..step.process } };
    assert_eq!(undo(&forged).await.unwrap(), Undone::NothingToDo(format!("process {pid} is gone")));
}

#[tokio::test]
async fn a_process_that_is_gone_needs_nothing() {
    let mut child = Sleeper::start();
    let step = child.step();
    child.0.kill().unwrap();
    child.0.wait().unwrap();
    assert_eq!(undo(&step).await.unwrap(), Undone::NothingToDo(format!("process {} is gone", step.process.pid)));
    let (injected, log) = inject(&child.fault()).await;
    assert_eq!(injected.unwrap_err().to_string(), format!("there is no process {}", step.process.pid));
    assert!(log.newest_first().is_empty(), "a step was armed for nothing");
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
        let fault = PauseProcess { pid: NonZeroU32::new(pid).unwrap() };
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
    let (injected, _log) = inject(&child.fault()).await;
    injected.unwrap();
    assert_eq!(thread_states(child.0.id()).unwrap(), ['T'; 4]);
    undo(&child.step()).await.unwrap();
    assert!(!any_paused(&thread_states(child.0.id()).unwrap()));
}

#[tokio::test]
async fn a_process_that_a_tracer_holds_is_a_failed_undo_and_an_unknown_witness() {
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
    let (before, after) = resume(&held, 3).unwrap();
    let error = child.step().judge(&before, &after).unwrap_err();
    let want = format!("process {} stays stopped (thread states t); a tracer may hold it", child.pid());
    assert_eq!(error.to_string(), want);
    let planned = child.fault().target(&held).unwrap_err();
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
fn an_older_or_a_newer_record_still_loads() {
    let raw = json!({"pid": 7, "start_time": 8, "boot_id": "b", "pid_ns": 9, "added_later": true});
    let step: ResumeProcess = serde_json::from_value(raw).unwrap();
    assert_eq!(step.describe(), "resume process 7");
}

#[tokio::test]
async fn a_mismatch_that_could_be_the_paused_process_is_a_failed_undo() {
    let child = Sleeper::start();
    child.signal(Signal::STOP);
    let right = child.step().process;
    let later = right.start_time + 1;
    let rows = [
        ProcessIdentity { start_time: later, time_ns: Some(1), pidfd_inode: None, ..right.clone() },
        ProcessIdentity { boot_id: String::new(), ..right },
    ];
    for process in rows {
        undo(&ResumeProcess { process }).await.unwrap_err();
        assert_eq!(child.state(), 'T');
    }
}
