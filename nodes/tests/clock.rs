//! The clock of a started node, on real processes: which programs it reaches, what its undo does, and what it leaves.
#![expect(clippy::unwrap_used, reason = "a test that can't be set up should stop at once")]
#![cfg(feature = "clock")]

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use chaos_core::{
    DeclaredNode, DynUndoStep, Journal, Member, NodeContext, NodePlace, Nodes, SkewAct, UndoLog, Undone, parse,
};
use chaos_nodes as _;
use chaos_test::run_context;
use serde_json::{Value, json};

#[path = "support/recovery.rs"]
mod recovery;

use recovery::{recovery, undo_all};

/// A hang is an error; nothing here takes nearly as long.
const HANG: Duration = Duration::from_mins(2);

const HOUR: SkewAct = SkewAct { offset_ns: 3600 * 1_000_000_000, rate_ppb: 0 };
const BEHIND: SkewAct = SkewAct { offset_ns: -60 * 1_000_000_000, rate_ppb: 0 };

/// A node with a clock of its own, stopped when this is dropped.
struct Run {
    log: Arc<UndoLog>,
    member: Arc<dyn Member>,
    folder: tempfile::TempDir,
}

impl Run {
    async fn start(keys: &Value) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let cx = run_context().env([("PATH", std::env::var("PATH").unwrap().as_str())]).build();
        let log = UndoLog::new(Arc::new(Journal::in_memory()), cx.clone(), None);
        let node: DeclaredNode = parse(keys).unwrap();
        let place =
            NodePlace { dir: folder.path().join("n1"), logs: folder.path().join("logs"), ports: BTreeMap::new() };
        let member = node.member(NodeContext::new("n1", cx.clone(), place)).unwrap();
        cx.services().get::<Nodes>().declare("n1", BTreeMap::new(), false, Arc::clone(&member));
        member.start(&log.handle()).await.unwrap();
        Self { log, member, folder }
    }

    async fn sleeping() -> Self {
        Self::start(&json!({"type": "process", "argv": ["sleep", "600"], "clock": true, "stop_seconds": 0.2})).await
    }

    async fn skew(&self, skew: SkewAct) {
        let effect = self.member.clock_facet().unwrap().effect(skew).await.unwrap();
        self.log.handle().perform(effect).await.unwrap();
    }

    /// That its clock is ahead of the machine's by so many seconds, as far as the reading can tell: it is coarse where other
    /// programs have the processor in between.
    async fn is_ahead_by(&self, seconds: f64) {
        let read = self.member.clock_facet().unwrap().read().await.unwrap();
        assert!(read.reached, "{read:?}");
        #[expect(clippy::cast_precision_loss, reason = "milliseconds are compared")]
        let [offset, error] = [read.offset_ns as f64, read.offset_error_ns as f64].map(|nanos| nanos / 1e9);
        assert!((offset - seconds).abs() < 0.05 + error, "{read:?}");
    }

    fn files(&self) -> PathBuf {
        self.folder.path().join("clock/n1")
    }

    /// A program that is started as the node's own children are.
    fn command(&self, argv: &[&str]) -> Command {
        let mut command = Command::new(argv[0]);
        command.args(&argv[1..]);
        command.env("LD_PRELOAD", self.files().join("libsquall-clock.so"));
        command.env("SQUALL_CLOCK_PAGE", self.files().join("page"));
        command
    }

    /// The newest step, as recovery knows it.
    fn step(&self) -> Box<dyn DynUndoStep> {
        let armed = self.log.newest_first();
        serde_json::from_value(serde_json::to_value(armed[0].step.as_ref()).unwrap()).unwrap()
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        undo_all(&self.log);
    }
}

fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64()
}

/// How each runtime tells its time, in seconds or in whole ones.
const PROGRAMS: &[&[&str]] = &[
    &["date", "+%s.%N"],
    &["bash", "-c", "echo $EPOCHREALTIME"],
    &["python3", "-c", "import time; print(time.time())"],
    &["perl", "-MTime::HiRes", "-e", "print Time::HiRes::time()"],
    &["node", "-e", "console.log(Date.now() / 1000)"],
];

#[tokio::test]
async fn every_program_of_glibc_is_reached_while_it_is_behind_ahead_and_right_again() {
    let run = Run::sleeping().await;
    for skew in [HOUR, BEHIND, SkewAct::default()] {
        run.skew(skew).await;
        for argv in PROGRAMS {
            let before = now();
            let Ok(output) = run.command(argv).output() else {
                eprintln!("skipped: needs {}", argv[0]);
                continue;
            };
            let after = now();
            let text = String::from_utf8_lossy(&output.stdout);
            let seconds: f64 = text.trim().parse().unwrap_or_else(|_| panic!("{argv:?}: {output:?}"));
            #[expect(clippy::cast_precision_loss, reason = "milliseconds are compared")]
            let real = seconds - skew.offset_ns as f64 / 1e9;
            assert!((before - 0.05..=after + 0.05).contains(&real), "{argv:?} {skew:?}: {real} in {before}..{after}");
        }
    }
}

/// Waits of each kind until 200 ms from now, by the clock that the wait counts by; prints for how long each took.
const WAITS: &str = r#"
#define _GNU_SOURCE
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>
static double mono(void) { struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t); return t.tv_sec + t.tv_nsec / 1e9; }
static struct timespec soon(int clock) {
  struct timespec t; clock_gettime(clock, &t); t.tv_nsec += 200000000;
  if (t.tv_nsec >= 1000000000) { t.tv_nsec -= 1000000000; t.tv_sec++; } return t;
}
#define WAIT(name, clock, ...) { struct timespec d = soon(clock); double a = mono(); __VA_ARGS__; \
  printf("%s %.6f\n", name, mono() - a); }
int main(void) {
  pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER; pthread_cond_t wall = PTHREAD_COND_INITIALIZER, other;
  pthread_condattr_t a; pthread_condattr_init(&a); pthread_condattr_setclock(&a, CLOCK_MONOTONIC);
  pthread_cond_init(&other, &a); pthread_mutex_lock(&m); sem_t s; sem_init(&s, 0, 0); uint64_t n; int signal;
  WAIT("cond", CLOCK_REALTIME, pthread_cond_timedwait(&wall, &m, &d))
  WAIT("cond-monotonic", CLOCK_MONOTONIC, pthread_cond_timedwait(&other, &m, &d))
  WAIT("mutex", CLOCK_REALTIME, pthread_mutex_timedlock(&m, &d))
  WAIT("semaphore", CLOCK_REALTIME, sem_timedwait(&s, &d))
  WAIT("sleep", CLOCK_REALTIME, clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &d, 0))
  int f = timerfd_create(CLOCK_REALTIME, 0);
  WAIT("timerfd", CLOCK_REALTIME, struct itimerspec i = {{0, 0}, d}; timerfd_settime(f, TFD_TIMER_ABSTIME, &i, 0);
    if (read(f, &n, 8) != 8) return 1)
  sigset_t set; sigemptyset(&set); sigaddset(&set, SIGUSR1); sigprocmask(SIG_BLOCK, &set, 0);
  struct sigevent e = {0}; e.sigev_notify = SIGEV_SIGNAL; e.sigev_signo = SIGUSR1; timer_t t;
  timer_create(CLOCK_REALTIME, &e, &t);
  WAIT("timer", CLOCK_REALTIME, struct itimerspec i = {{0, 0}, d}; timer_settime(t, TIMER_ABSTIME, &i, 0);
    sigwait(&set, &signal))
  return 0;
}
"#;

#[tokio::test]
async fn a_wait_until_a_time_is_as_long_as_the_node_means_it_to_be() {
    let folder = tempfile::tempdir().unwrap();
    let (source, program) = (folder.path().join("waits.c"), folder.path().join("waits"));
    fs::write(&source, WAITS).unwrap();
    let compiled = Command::new("cc").args(["-pthread", "-o"]).args([&program, &source]).arg("-lrt").status();
    if !compiled.is_ok_and(|status| status.success()) {
        eprintln!("skipped: needs a C compiler");
        return;
    }
    let run = Run::sleeping().await;
    for skew in [SkewAct::default(), HOUR, BEHIND] {
        run.skew(skew).await;
        // One that is not translated takes an hour more, or nothing.
        let mut child = run.command(&["timeout", "30", program.to_str().unwrap()]);
        let output = child.output().unwrap();
        assert!(output.status.success(), "{skew:?}: {output:?}");
        let text = String::from_utf8_lossy(&output.stdout);
        assert_eq!(text.lines().count(), 7, "{text}");
        for line in text.lines() {
            let took: f64 = line.split(' ').nth(1).unwrap().parse().unwrap();
            assert!(took >= 0.199, "{skew:?}: {line}");
        }
    }
}

#[tokio::test]
async fn a_skew_is_undone_by_its_step_alone_twice_and_where_it_never_was() {
    let run = Run::sleeping().await;
    run.is_ahead_by(0.0).await;
    run.skew(HOUR).await;
    run.is_ahead_by(3600.0).await;
    let reverted = Undone::Reverted("the clock of node `n1` is the machine's again".into());
    let nothing = Undone::NothingToDo("the clock of node `n1` is not shifted".into());
    assert_eq!(run.step().undo(&recovery()).await.unwrap(), reverted);
    run.is_ahead_by(0.0).await;
    assert_eq!(run.step().undo(&recovery()).await.unwrap(), nothing);
    // A step whose effect never was.
    let armed = run.member.clock_facet().unwrap().effect(HOUR).await.unwrap();
    drop(armed);
    assert_eq!(run.step().undo(&recovery()).await.unwrap(), nothing);
}

#[tokio::test]
async fn a_skew_is_undone_after_its_node_has_died_and_a_restarted_node_has_the_right_time() {
    let run = Run::sleeping().await;
    run.skew(HOUR).await;
    let kill = run.member.process_facet().unwrap();
    let kill = kill.effect(chaos_core::ProcessAct::Kill(chaos_core::SignalName::Kill)).await.unwrap();
    run.log.handle().perform(kill).await.unwrap();
    // Restarted, it is still in force; then it is not.
    run.step().undo(&recovery()).await.unwrap();
    run.member.bring_up().await.unwrap();
    run.is_ahead_by(3600.0).await;
    let reset = run.log.newest_first()[1].step.clone();
    assert!(matches!(reset.undo(&recovery()).await.unwrap(), Undone::Reverted(_)));
    run.is_ahead_by(0.0).await;
}

#[tokio::test]
async fn a_page_that_was_removed_is_a_failed_undo_as_long_as_the_node_reads_it() {
    let run = Run::sleeping().await;
    run.skew(HOUR).await;
    let step = run.step();
    fs::remove_file(run.files().join("page")).unwrap();
    let error = step.undo(&recovery()).await.unwrap_err().to_string();
    assert!(error.contains("still reads it: end that process"), "{error}");
    // Another file at its place is not touched.
    fs::write(run.files().join("page"), "other").unwrap();
    assert!(step.undo(&recovery()).await.is_err());
    assert_eq!(fs::read_to_string(run.files().join("page")).unwrap(), "other");
    // The pid is another process's by now, which has nothing to do with it.
    let mut recycled = serde_json::to_value(step.as_ref()).unwrap();
    recycled["process"]["start_time"] = json!(1);
    recycled["process"]["pidfd_inode"] = json!(1);
    let recycled: Box<dyn DynUndoStep> = serde_json::from_value(recycled).unwrap();
    assert!(matches!(recycled.undo(&recovery()).await.unwrap(), Undone::NothingToDo(_)));
    run.member.stop().await;
    assert!(matches!(step.undo(&recovery()).await.unwrap(), Undone::NothingToDo(_)));
}

#[tokio::test]
async fn the_library_is_for_this_user_alone_and_is_removed_with_its_node() {
    use std::os::unix::fs::PermissionsExt;
    let run = Run::sleeping().await;
    let mode = |name: &str| fs::metadata(run.files().join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("page"), mode("libsquall-clock.so"), mode("canary"), mode("")), (0o600, 0o500, 0o500, 0o700));
    let armed = run.log.newest_first();
    let described: Vec<String> = armed.iter().map(|armed| armed.step.describe()).collect();
    assert_eq!(described, ["stop node `n1`", "remove the clock library of node `n1`"]);
    for armed in armed {
        assert!(matches!(armed.step.undo(&recovery()).await.unwrap(), Undone::Reverted(_)));
        assert!(matches!(armed.step.undo(&recovery()).await.unwrap(), Undone::NothingToDo(_)));
    }
    assert!(!run.folder.path().join("clock").exists());
}

#[tokio::test]
async fn what_the_node_preloads_itself_is_kept_behind_ours() {
    let keys = json!({
        "type": "process", "argv": ["sh", "-c", "echo $LD_PRELOAD > preload; exec sleep 600"], "clock": true,
        "env": {"LD_PRELOAD": "libc.so.6"}, "stop_seconds": 0.2,
    });
    let run = Run::start(&keys).await;
    let (began, written) = (Instant::now(), run.folder.path().join("n1/preload"));
    while fs::read_to_string(&written).unwrap_or_default().is_empty() {
        assert!(began.elapsed() < HANG, "it wrote nothing");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let library = run.files().join("libsquall-clock.so");
    assert_eq!(fs::read_to_string(written).unwrap(), format!("{}:libc.so.6\n", library.display()));
}
