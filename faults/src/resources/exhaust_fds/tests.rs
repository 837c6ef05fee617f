//! Tests of `exhaust_fds` on real processes.

use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use chaos_core::{Journal, Presence, Reverted, UndoLog, Undone, Verdict};
use chaos_host::{PidFd, ProcessLimit, ProcessStat};
use chaos_test::run_context;
use serde_json::json;

use super::*;
use crate::resources::test_nodes::{HANG, run, seen, undid, until};

chaos_test::contract_subject!(ExhaustFds, |subjects| Ok(of(subjects.process()?)));

fn of(pid: std::num::NonZeroU32) -> ExhaustFds {
    ExhaustFds { target: FaultTarget::Running(chaos_core::Locator::Pid(pid)), leave: 0 }
}

struct Sleeper(Child);

impl Drop for Sleeper {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

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

    fn held(&self) -> PidFd {
        PidFd::open(self.0.id().try_into().unwrap()).unwrap().unwrap()
    }
}

/// It tells, by a descriptor that it has, whether a child of it can open another one: a shell that can't keeps no copies.
const TRIES: &str = "exec >\"$TOLD\" 2>/dev/null
    while :; do if (exec 4</dev/null); then echo ok; else echo none; fi; sleep 0.01; done";

#[tokio::test]
async fn a_process_that_opens_one_more_fails_and_can_again_after_the_undo() {
    let temp = tempfile::tempdir().unwrap();
    let told = temp.path().join("told");
    let child = Command::new("sh").args(["-c", TRIES]).env("TOLD", &told).spawn().unwrap();
    let child = Sleeper(child);
    let says = |what: &'static str| {
        let begun = std::fs::read_to_string(&told).unwrap_or_default().len();
        until(what, || {
            std::fs::read_to_string(&told).unwrap_or_default().get(begun..).is_some_and(|new| new.contains(what))
        });
    };
    says("ok");
    let (fault, cx) = (of(child.0.id().try_into().unwrap()), run_context().build());
    let log = UndoLog::new(Arc::new(Journal::in_memory()), cx.clone(), None);
    Fault::inject(&fault, &cx.clone().into(), &log.handle()).await.unwrap();
    assert_eq!(Fault::witness(&fault, &cx).await.presence, Presence::Present);
    says("none");
    let step = log.newest_first().remove(0).step;
    assert!(matches!(step.undo(&cx.undo_context(HANG)).await.unwrap(), Undone::Reverted(_)));
    says("ok");
}

#[test]
fn a_nodes_descriptors_are_exhausted_and_its_limit_is_the_old_one_again() {
    let node = json!({"type": "process", "argv": ["sleep", "600"]});
    let result = run(&json!({"type": "exhaust_fds", "target": {"node": "n1"}}), &node, false);
    assert_eq!((result.verdict, result.reverted), (Verdict::Unchecked, Reverted::Reverted), "{result:?}");
    assert!(seen(&result).contains(" more descriptors (limit "), "{}", seen(&result));
    assert!(undid(&result).contains("the limit of descriptors of process"), "{}", undid(&result));
}

#[test]
fn an_exhaustion_that_is_left_out_does_not_pass() {
    let node = json!({"type": "process", "argv": ["sleep", "600"]});
    let result = run(&json!({"type": "exhaust_fds", "target": {"node": "n1"}}), &node, true);
    assert_eq!((result.success, result.verdict), (false, Verdict::Inconclusive), "{result:?}");
}

#[tokio::test]
async fn the_hard_limit_stays_and_somebody_who_raises_the_soft_one_is_seen() {
    let child = Sleeper::start();
    let (fault, cx) = (of(child.0.id().try_into().unwrap()), run_context().build());
    let before = child.held().limit(ProcessLimit::Fds).unwrap().unwrap();
    let log = UndoLog::new(Arc::new(Journal::in_memory()), cx.clone(), None);
    Fault::inject(&fault, &cx.clone().into(), &log.handle()).await.unwrap();
    let during = child.held().limit(ProcessLimit::Fds).unwrap().unwrap();
    assert!(during.soft < before.soft && during.hard == before.hard, "{during:?}");
    assert_eq!(Fault::witness(&fault, &cx).await.presence, Presence::Present);
    assert!(child.held().set_soft_limit(ProcessLimit::Fds, before.soft).unwrap());
    assert_eq!(Fault::witness(&fault, &cx).await.presence, Presence::Absent);
    let step = log.newest_first().remove(0).step;
    let undone = step.undo(&cx.undo_context(HANG)).await.unwrap();
    assert!(matches!(undone, Undone::NothingToDo(_)), "{undone:?}");
    drop(child);
    let undone = step.undo(&cx.undo_context(HANG)).await.unwrap();
    assert!(matches!(&undone, Undone::NothingToDo(why) if why.contains("is gone")), "{undone:?}");
}

#[tokio::test]
async fn another_process_with_the_pid_is_left_alone() {
    let (child, other) = (Sleeper::start(), Sleeper::start());
    let (fault, cx) = (of(child.0.id().try_into().unwrap()), run_context().build());
    let log = UndoLog::new(Arc::new(Journal::in_memory()), cx.clone(), None);
    Fault::inject(&fault, &cx.clone().into(), &log.handle()).await.unwrap();
    let mut raw = serde_json::to_value(log.newest_first()[0].step.as_ref()).unwrap();
    raw["pid"] = json!(other.0.id());
    raw["soft"] = json!(7);
    let step: Box<dyn chaos_core::DynUndoStep> = serde_json::from_value(raw).unwrap();
    let undone = step.undo(&cx.undo_context(HANG)).await.unwrap();
    assert!(matches!(&undone, Undone::NothingToDo(why) if why.contains("another process")), "{undone:?}");
    assert_ne!(other.held().limit(ProcessLimit::Fds).unwrap().unwrap().soft, Some(7));
}

#[tokio::test]
async fn another_users_process_is_refused_by_the_name_of_the_capability() {
    if !rustix::process::geteuid().is_root() || chaos_host::has_sys_resource() {
        eprintln!("skipped: needs root without CAP_SYS_RESOURCE");
        return;
    }
    let child = Sleeper(Command::new("sleep").arg("600").uid(65_534).spawn().unwrap());
    let pid = child.0.id();
    let error = Fault::plan(&of(pid.try_into().unwrap()), &run_context().build()).await.unwrap_err();
    let why = format!("lowering the limit of descriptors of process {pid} (uid 65534) needs CAP_SYS_RESOURCE");
    assert_eq!(error.to_string(), why);
}

#[tokio::test]
async fn a_plan_touches_nothing_and_names_limit_and_process() {
    let child = Sleeper::start();
    let before = child.held().limit(ProcessLimit::Fds).unwrap();
    let plan = Fault::plan(&of(child.0.id().try_into().unwrap()), &run_context().build()).await.unwrap();
    let label = format!("take descriptors from process {} (`sleep`), descriptors of its process below", child.0.id());
    assert!(plan.summary.starts_with(&label), "{plan:?}");
    assert_eq!(child.held().limit(ProcessLimit::Fds).unwrap(), before);
}
