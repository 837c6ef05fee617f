//! A program that a run has started, and everything that it started in turn.

use std::collections::BTreeMap;
use std::io;
use std::num::NonZeroU32;
use std::process::{ExitStatus, Stdio};

use chaos_core::{PluginError, RunContext};
use chaos_host::{ProcessTree, TreeMark};
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::process::{Child, ChildStderr, ChildStdout};

use crate::argv::Argv;
use crate::stop_probe_command::run_mark;

/// A program that a run has started. Dropped before its exit, it is killed with everything that it started; when Squall itself
/// is killed, the guardian or `squall recover` does that.
#[derive(Debug)]
pub struct StartedProgram {
    tree: Option<ProcessTree>,
    mark: TreeMark,
    child: Child,
}

impl StartedProgram {
    /// Starts it in a process group of its own, with the run's environment and `more`, without standard input; its streams go to
    /// `stdout` and `stderr`. Whether the policy allows it is for the caller to ask.
    ///
    /// # Errors
    /// Its undo step can't be journalled, or it can't be started.
    pub async fn start(
        argv: &Argv,
        more: &BTreeMap<String, String>,
        cx: &RunContext,
        [stdout, stderr]: [Stdio; 2],
    ) -> Result<Self, PluginError> {
        let run_mark = run_mark(cx).await?;
        let started = Self::spawn(argv, more, cx, &run_mark, [stdout, stderr]);
        started.map_err(|error| PluginError::failed(format!("`{}` can't be started: {error}", argv.program())))
    }

    pub(crate) fn spawn(
        argv: &Argv,
        more: &BTreeMap<String, String>,
        cx: &RunContext,
        run_mark: &TreeMark,
        [stdout, stderr]: [Stdio; 2],
    ) -> io::Result<Self> {
        let mark = TreeMark::unique();
        let environment = cx.environment();
        let outer = run_mark.value(environment.get(TreeMark::VARIABLE).map(String::as_str));
        let child = tokio::process::Command::new(argv.program())
            .args(argv.arguments())
            .env_clear()
            .envs(&environment)
            .envs(more)
            .env(TreeMark::VARIABLE, mark.value(Some(&outer)))
            .stdin(Stdio::null())
            .stdout(stdout)
            .stderr(stderr)
            .process_group(0)
            .kill_on_drop(true)
            .spawn()?;
        let tree = ProcessTree::led_by(child.id().unwrap_or_default(), mark.clone());
        Ok(Self { tree: Some(tree), mark, child })
    }

    /// The mark that it and what it started have in their environment.
    pub fn mark(&self) -> &TreeMark {
        &self.mark
    }

    /// Its process; `None` once it was collected.
    pub fn pid(&self) -> Option<NonZeroU32> {
        self.child.id().and_then(NonZeroU32::new)
    }

    /// Its streams, where they are pipes and nobody has taken them yet.
    pub fn take_streams(&mut self) -> (Option<ChildStdout>, Option<ChildStderr>) {
        (self.child.stdout.take(), self.child.stderr.take())
    }

    /// Asks it and its process group to end (SIGTERM).
    pub fn ask_to_end(&self) {
        // Not collected, so that the number is still that of its group.
        if let Some(group) = self.pid().and_then(|pid| Pid::from_raw(pid.get().cast_signed())) {
            // A group that is gone has ended already.
            let _ = kill_process_group(group, Signal::TERM);
        }
    }

    /// Waits for the end of the program, without collecting it where the kernel allows: its number stays its own then.
    #[expect(deprecated, reason = "its successors are unsafe functions; a borrowed descriptor stays open meanwhile")]
    pub async fn ended(&mut self) -> io::Result<()> {
        match self.tree.as_ref().and_then(ProcessTree::leader) {
            Some(leader) => AsyncFd::with_interest(leader, Interest::READABLE)?.readable().await.map(drop),
            None => self.child.wait().await.map(drop),
        }
    }

    /// Kills whatever still runs of it, on a thread that may block: the process table may be long.
    pub async fn kill(&mut self) {
        if let Some(tree) = self.tree.take() {
            let _ = tokio::task::spawn_blocking(move || drop(tree)).await;
        }
    }

    /// Kills whatever still runs of it, and says how the program itself ended.
    pub async fn collect(&mut self) -> io::Result<ExitStatus> {
        self.kill().await;
        self.child.wait().await
    }
}
