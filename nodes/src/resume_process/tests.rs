//! Tests of the step that resumes, on real child processes.

use std::io::{BufRead, BufReader};
use std::num::NonZeroU32;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use chaos_core::RealClock;
use chaos_host::{ProcessStat, pid_namespace};
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

async fn undo(step: &ResumeProcess) -> Result<Undone, PluginError> {
    let cx = UndoContext::new(Arc::new(RealClock::new()), Duration::from_secs(30));
    UndoStep::undo(step, &cx).await
}

#[tokio::test]
async fn undo_twice_is_harmless() {
    let child = Sleeper::start();
    child.signal(Signal::STOP);
    assert!(matches!(undo(&child.step()).await.unwrap(), Undone::Reverted(_)));
    let second = undo(&child.step()).await.unwrap();
    assert_eq!(second, Undone::NothingToDo(format!("process {} was not stopped", child.pid())));
}

#[tokio::test]
async fn a_process_that_is_gone_needs_nothing() {
    let mut child = Sleeper::start();
    let step = child.step();
    child.0.kill().unwrap();
    child.0.wait().unwrap();
    assert_eq!(undo(&step).await.unwrap(), Undone::NothingToDo(format!("process {} is gone", step.process.pid)));
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

/// The id of some thread of ours that is not the first.
fn other_thread() -> u32 {
    let us = std::process::id();
    let ids = std::fs::read_dir("/proc/self/task").unwrap();
    let ids = ids.map(|id| id.unwrap().file_name().to_string_lossy().parse::<u32>().unwrap());
    ids.into_iter().find(|id| *id != us).unwrap()
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
#[tokio::test]
async fn a_process_that_a_tracer_holds_is_a_failed_undo() {
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
    let act = chaos_core::ProcessAct::Pause(chaos_core::PauseMethod::Signal);
    let planned = crate::held::target(&held, act).unwrap_err();
    assert!(planned.to_string().contains("is stopped already (state t)"), "{planned}");
    assert_eq!(crate::held::status(&held).unwrap().state, chaos_core::ProcessState::Traced);
    drop(tracer);
}
