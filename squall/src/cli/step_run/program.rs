//! A program that runs with the streams of this process, and ends with everything that it started.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{self, IsTerminal};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use chaos_host::{ProcessTree, TreeMark};
use rustix::io::retry_on_intr;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use tokio::task::{JoinError, spawn_blocking};
use tokio::time::{Instant, sleep_until};

use crate::cli::signals::{Request, Signals, suspend};

/// Its end, without collecting it.
const ENDED: WaitIdOptions = WaitIdOptions::EXITED.union(WaitIdOptions::NOWAIT);

/// The variables that a program gets beside those of this process.
type More = BTreeMap<OsString, OsString>;

/// How long a program may take.
pub(super) struct Limits {
    /// From its start to SIGTERM.
    pub(super) deadline: Option<Duration>,
    /// From SIGTERM to SIGKILL.
    pub(super) grace: Duration,
}

/// How a program ended.
pub(super) enum End {
    /// By itself.
    Exited(ExitStatus),
    /// By its deadline, which is this long.
    Late(Duration),
    /// By a signal of this name that asked this process to end.
    Asked(&'static str),
}

/// A program that runs.
pub(super) struct Program {
    child: Child,
    tree: ProcessTree,
    since: Instant,
}

impl Program {
    /// Starts one, as the leader of a process group of its own. A terminal stays with this process: a program in another
    /// group that reads from it would be stopped.
    pub(super) fn start(argv: &[OsString], more: &More) -> io::Result<Self> {
        let mark = TreeMark::unique();
        let outer = std::env::var(TreeMark::VARIABLE).ok();
        let mut command = Command::new(&argv[0]);
        command.args(&argv[1..]).envs(more).env(TreeMark::VARIABLE, mark.value(outer.as_deref())).process_group(0);
        if io::stdin().is_terminal() {
            command.stdin(Stdio::null());
        }
        let child = command.spawn()?;
        Ok(Self { tree: ProcessTree::led_by(child.id(), mark), child, since: Instant::now() })
    }

    /// Waits for its end, or ends it: SIGTERM, and after the grace, or a second signal, SIGKILL. What it leaves behind is
    /// killed.
    pub(super) async fn end(mut self, limits: Limits, mut signals: Option<&mut Signals>) -> io::Result<End> {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        let group = move |signal| pid.map(|pid| kill_process_group(pid, signal));
        // Not collected yet: its number holds the group together until the tree is killed.
        let mut ending = spawn_blocking(move || pid.map(|pid| retry_on_intr(|| waitid(WaitId::Pid(pid), ENDED))));
        let mut until = limits.deadline.map(|deadline| self.since + deadline);
        let mut cause = None;
        let ask = |cause: &mut Option<End>, end| {
            // It may be gone, or another user's.
            let _ = group(Signal::TERM);
            let _ = group(Signal::CONT);
            *cause = Some(end);
            Some(Instant::now() + limits.grace)
        };
        loop {
            tokio::select! {
                biased;
                _ = &mut ending => break,
                request = next(&mut signals) => match request {
                    Request::Release => {}
                    Request::Suspend(_) => {
                        let _ = group(Signal::STOP);
                        suspend();
                        let _ = group(Signal::CONT);
                    }
                    Request::Cancel(name) if cause.is_none() => until = ask(&mut cause, End::Asked(name)),
                    Request::Cancel(_) => break,
                },
                () = at(until) => match (&cause, limits.deadline) {
                    (None, Some(deadline)) => until = ask(&mut cause, End::Late(deadline)),
                    _ => break,
                },
            }
        }
        // The process table may be long.
        let tree = self.tree;
        spawn_blocking(move || drop(tree)).await.map_err(panicked)?;
        let status = spawn_blocking(move || self.child.wait()).await.map_err(panicked)??;
        Ok(cause.unwrap_or(End::Exited(status)))
    }
}

fn panicked(error: JoinError) -> io::Error {
    io::Error::other(error)
}

async fn next(signals: &mut Option<&mut Signals>) -> Request {
    match signals {
        Some(signals) => signals.next().await,
        None => std::future::pending().await,
    }
}

async fn at(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}
