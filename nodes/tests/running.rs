//! Processes that are there already, by each way to find one.
#![expect(clippy::unwrap_used, reason = "a test that can't be set up should stop at once")]

use std::fs;
use std::net::TcpListener;
use std::num::{NonZeroU16, NonZeroU32};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use chaos_core::{
    FaultTarget, Journal, Locator, Member, PauseMethod, PluginError, ProcessAct, ProcessFacet, ProcessState,
    Reversible, SignalName, UndoLog,
};
use chaos_nodes as _;
use chaos_test::run_context;

/// A child, killed when the test ends in whatever way.
struct Running(Child);

impl Running {
    fn start(argv: &[&str]) -> Self {
        let child = Self(Command::new(argv[0]).args(&argv[1..]).stdin(Stdio::null()).spawn().unwrap());
        // It has its command line only once it is the program.
        while !fs::read(format!("/proc/{}/cmdline", child.0.id())).unwrap().starts_with(argv[0].as_bytes()) {
            std::thread::yield_now();
        }
        child
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn member(at: Locator) -> Arc<dyn Member> {
    FaultTarget::Running(at).resolve(&run_context().build()).unwrap().remove(0)
}

fn facet(member: &Arc<dyn Member>) -> &dyn ProcessFacet {
    member.process_facet().unwrap()
}

const PAUSE: ProcessAct = ProcessAct::Pause(PauseMethod::Signal);

#[tokio::test]
async fn pid_file_port_and_command_find_the_process_that_the_pid_finds() {
    let folder = tempfile::tempdir().unwrap();
    // A command line that no other test has.
    let unique = format!("600.{}", std::process::id());
    let child = Running::start(&["sleep", &unique]);
    let (pid, file) = (NonZeroU32::new(child.0.id()).unwrap(), folder.path().join("pid"));
    fs::write(&file, format!("{pid}\n")).unwrap();
    let mut plans = Vec::new();
    for at in [Locator::Pid(pid), Locator::PidFile(file), Locator::Command(vec!["sleep".into(), unique])] {
        let member = member(at.clone());
        plans.push(facet(&member).plan(PAUSE).await.unwrap_or_else(|error| panic!("{at}: {error}")));
    }
    assert!(plans.windows(2).all(|two| two[0] == two[1]), "{plans:?}");
    assert_eq!(plans[0].summary, format!("process {pid} (`sleep`)"));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = NonZeroU16::new(listener.local_addr().unwrap().port()).unwrap();
    let us = member(Locator::Port(port));
    let refused = facet(&us).plan(PAUSE).await.unwrap_err().to_string();
    assert!(refused.contains("is Squall itself"), "{refused}");
}

#[tokio::test]
async fn a_missing_pid_is_refused_and_what_may_appear_is_not_there_yet() {
    let rows = [
        (Locator::Pid(NonZeroU32::MAX), false, "there is no process 4294967295"),
        (Locator::PidFile("/nonexistent/pid".into()), true, "there is no pid file `/nonexistent/pid`"),
        (Locator::Port(NonZeroU16::MIN), true, "no process that we can see listens on TCP port 1"),
        (Locator::Command(vec!["no such".into()]), true, "no process that we can see has command `no such`"),
    ];
    for (at, may_appear, why) in rows {
        let member = member(at);
        let error = facet(&member).plan(PAUSE).await.unwrap_err();
        assert_eq!((matches!(error, PluginError::NotYet(_)), error.to_string().as_str()), (may_appear, why));
        let status = facet(&member).status().await.unwrap();
        assert_eq!((status.state, status.detail.as_str()), (ProcessState::Gone, why));
    }
}

#[tokio::test]
async fn a_pid_file_that_is_older_than_its_process_or_no_pid_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let child = Running::start(&["sleep", "600"]);
    let file = folder.path().join("pid");
    let refusal = async || {
        let member = member(Locator::PidFile(file.clone()));
        facet(&member).plan(PAUSE).await.unwrap_err().to_string()
    };
    fs::write(&file, child.0.id().to_string()).unwrap();
    let hour_ago = SystemTime::now() - Duration::from_hours(1);
    fs::File::options().write(true).open(&file).unwrap().set_modified(hour_ago).unwrap();
    let why = refusal().await;
    assert!(why.contains("is older than process") && why.ends_with("so it names another process"), "{why}");
    fs::write(&file, "x").unwrap();
    assert!(refusal().await.ends_with("does not begin with a pid"));
}

#[tokio::test]
async fn several_processes_that_fit_are_named_and_none_is_touched() {
    let unique = format!("601.{}", std::process::id());
    let children = [Running::start(&["sleep", &unique]), Running::start(&["sleep", &unique])];
    let member = member(Locator::Command(vec!["sleep".into(), unique.clone()]));
    let why = facet(&member).plan(PAUSE).await.unwrap_err().to_string();
    assert!(why.starts_with(&format!("2 processes fit command `sleep {unique}` (")), "{why}");
    assert!(children.iter().all(|child| why.contains(&child.0.id().to_string())), "{why}");
}

#[tokio::test]
async fn a_kill_can_not_be_undone_is_refused_without_leave_and_means_one_process_for_good() {
    let child = Running::start(&["sleep", "600"]);
    let member = member(Locator::Pid(NonZeroU32::new(child.0.id()).unwrap()));
    let kill = ProcessAct::Kill(SignalName::Term);
    let plan = facet(&member).plan(kill).await.unwrap();
    assert!(matches!(plan.reversible, Reversible::No(why) if why.contains("nobody starts it again")));
    let log = UndoLog::new(Arc::new(Journal::in_memory()), run_context().build(), None);
    let error = log.handle().perform(facet(&member).effect(kill).await.unwrap()).await.unwrap_err();
    assert!(error.to_string().starts_with("refused: nothing undoes this effect"), "{error}");
    assert_eq!(facet(&member).status().await.unwrap().state, ProcessState::Running);
    log.allow_irreversible();
    log.handle().perform(facet(&member).effect(kill).await.unwrap()).await.unwrap();
    assert!(log.newest_first().is_empty());
    assert_eq!(facet(&member).status().await.unwrap().state, ProcessState::Gone);
    let restart = facet(&member).plan(ProcessAct::Restart).await.unwrap_err().to_string();
    assert!(restart.contains("declare it as a node of type `process`"), "{restart}");
}
