//! A session: a series of entries in one run, asked for one after the other by code that sees what came of each.
//!
//! One journal, one event stream, one policy, one cancel. Every entry goes through the engine's port, as those of a
//! file do, on a task of its own: whoever asked for it may go away, and it is undone all the same.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use chaos_core::{
    BoxFuture, ChaosResult, ChaosSpec, Engine, EventKind, HostPattern, Observation, PolicyRequest, ProbeNode,
    RunContext, Task, Verdict,
};
use tokio_util::task::TaskTracker;

use crate::guarded::guarded;
use crate::run::{Port, Run, Start};
use crate::verify::ask;
use crate::{RecoverReport, RunHandle, Runner, RunnerError};

/// What a session is made with.
#[derive(Debug, Clone, Default)]
pub struct SessionPlan {
    /// What it is called in events.
    pub name: String,
    /// What its document narrows, and what it asks for.
    pub policy: PolicyRequest,
    /// The only hosts that anything in it may reach, of those that the policy allows.
    pub confined_to: Vec<HostPattern>,
    /// Seed of every random choice, where the runner has none.
    pub seed: Option<u64>,
    /// Environment variables that its plug-ins don't see.
    pub hidden_env: Vec<&'static str>,
}

/// What a session hands back.
#[derive(Debug)]
pub struct SessionEnd<T> {
    /// What the work returned, or the message of its panic.
    pub output: Result<T, String>,
    /// Why something may still be in force; `None` when everything was taken back.
    pub in_force: Option<String>,
    /// What dead runs had left behind, and what became of it.
    pub recovered: RecoverReport,
}

/// The session, as its work sees it; cheap to clone.
#[derive(Clone)]
pub struct Session {
    run: Arc<Run>,
    cx: RunContext,
    entries: TaskTracker,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("run_id", &self.cx.run_id()).finish_non_exhaustive()
    }
}

impl Session {
    /// The session's context: clock, randomness, policy, events, cancellation.
    pub fn cx(&self) -> &RunContext {
        &self.cx
    }

    /// Runs one entry to its end, at the position `segment`; after `limit` it is ended early, and undone. A caller that
    /// drops this future ends the entry early too; the session waits for its undo.
    ///
    /// # Errors
    /// [`RunnerError::Died`] when the runtime goes away.
    pub async fn run(&self, entry: ChaosSpec, segment: &str, limit: Duration) -> Result<ChaosResult, RunnerError> {
        let (port, cx) = (Port(Arc::clone(&self.run)), self.cx.child(segment, None));
        let cancel = cx.cancel_token().clone();
        let dropped = cancel.clone().drop_guard();
        let mut done = self.entries.spawn(async move { port.run(entry, &cx).await });
        let ended = tokio::select! {
            biased;
            ended = &mut done => ended,
            () = self.cx.clock().sleep(limit) => {
                cancel.cancel();
                done.await
            }
        };
        dropped.disarm();
        ended.map_err(|_| RunnerError::Died)
    }

    /// Waits until every entry is undone, also those that nobody waits for any more; says what may still be in force.
    pub async fn settled(&self) -> Option<String> {
        self.entries.close();
        self.entries.wait().await;
        self.entries.reopen();
        self.run.stop_new.borrow().clone()
    }

    /// Asks a probe once; a panic, a deadline and a policy refusal are "unknown".
    pub async fn observe(&self, probe: &ProbeNode, segment: &str) -> Observation {
        ask(probe, &self.cx.child(segment, None)).await
    }
}

impl Runner {
    /// Starts a session in the background, on a thread of the engine's own: `work` asks for entries until it is done.
    ///
    /// # Errors
    /// [`RunnerError`] when the journal or the thread can't be made; nothing was injected then.
    pub fn session<T, W>(&self, plan: SessionPlan, work: W) -> Result<RunHandle<SessionEnd<T>>, RunnerError>
    where
        T: Send + 'static,
        W: FnOnce(Session) -> BoxFuture<'static, T> + Send + 'static,
    {
        let SessionPlan { name, policy, confined_to, seed, hidden_env } = plan;
        let task = Task { name: Some(name), policy, seed, ..Task::default() };
        let runner = self.confined(confined_to, &hidden_env);
        runner.launch(task, Vec::new(), move |run, start, cx| Box::pin(session(run, start, cx, work)))
    }
}

async fn session<T, W>(run: Arc<Run>, start: Start, cx: RunContext, work: W) -> SessionEnd<T>
where
    T: Send + 'static,
    W: FnOnce(Session) -> BoxFuture<'static, T> + Send + 'static,
{
    let names = start.task.name.into_iter().collect();
    cx.emit(EventKind::RunStarted { run_id: cx.run_id().to_owned(), entries: names, seed: start.seed });
    if !start.recovered.is_empty() {
        cx.emit(EventKind::Recovered { steps: start.recovered.lines() });
    }
    let session = Session { run: Arc::clone(&run), cx: cx.clone(), entries: TaskTracker::new() };
    let output = guarded(async { work(session.clone()).await }).await;
    // Entries that nobody waits for any more were cancelled; their way back is waited for.
    let in_force = session.settled().await;
    if in_force.is_none() && run.journal.remove().is_err() {
        cx.note("the undo journal could not be removed; `squall recover` will find it empty of work");
    }
    let verdict = if in_force.is_some() { Verdict::RevertFailed } else { Verdict::Unchecked };
    cx.emit(EventKind::RunEnded { verdict });
    SessionEnd { output, in_force, recovered: start.recovered }
}
