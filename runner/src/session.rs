//! A session: the only life of a run. One journal, one event stream, one policy; entries are started in it, each on a
//! task of its own: whoever started one may go away, and it is undone all the same.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use chaos_core::{
    ChaosResult, ChaosSpec, Check, Confinement, EventKind, EventStream, JournalError, Nodes, Observation,
    PolicyRequest, ProbeNode, REPORT_FORMAT, RunContext, RunScope, Undo, Verdict, Verification, blocking,
};

use tokio_util::sync::CancellationToken;

use crate::ask::{ask, blocked};
use crate::cause::Cause;
use crate::control::{EntryControl, RunControl};
use crate::entry::Entry;
use crate::errors::RunnerError;
use crate::guarded::{Panicked, guarded};
use crate::handle::EntryHandle;
use crate::hold_time::hold_to_the_ceiling;
use crate::preflight::{self, Finding};
use crate::recover::RecoverReport;
use crate::report::SQUALL_VERSION;
use crate::shared::Shared;
use crate::verify::run_check;

/// What a session is made with.
#[derive(Debug, Clone, Default)]
pub struct SessionPlan {
    /// What it is called in events.
    pub name: String,
    /// What its document narrows, and what it asks for.
    pub policy: PolicyRequest,
    /// The only places that anything in it may reach, of those that the policy allows.
    pub confined_to: Confinement,
    /// Seed of every random choice, where the runner has none.
    pub seed: Option<u64>,
    /// Environment variables that its plug-ins don't see.
    pub hidden_env: Vec<&'static str>,
}

/// What was done with the nodes of a task in place of its entries.
#[derive(Debug, Default)]
pub struct Driven {
    /// The results of the entries that were started.
    pub results: Vec<ChaosResult>,
    /// The judgement on all of them.
    pub verdict: Option<Verdict>,
}

/// What a session hands back.
#[derive(Debug)]
pub struct SessionEnd<T> {
    /// What the work returned, or its panic.
    pub output: Result<T, Panicked>,
    /// Why something may still be in force; `None` when everything was undone.
    pub in_force: Option<String>,
    /// What dead runs had left behind, and what became of it.
    pub recovered: RecoverReport,
}

/// The session, as its work sees it; cheap to clone.
#[derive(Clone)]
pub struct Session {
    shared: Arc<Shared>,
    /// Where its entries stand, and what ends them early.
    scope: RunScope,
    started: Arc<AtomicU64>,
    /// Entries that were started through the control socket; `None` once the run is ending.
    outside: Arc<Mutex<Option<Vec<EntryHandle>>>>,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("run_id", &self.cx().run_id()).finish_non_exhaustive()
    }
}

impl Session {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        let scope = shared.scope.clone();
        Self { shared, scope, started: Arc::default(), outside: Arc::new(Mutex::new(Some(Vec::new()))) }
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// The session's context: clock, randomness, policy, cancellation.
    pub fn cx(&self) -> &RunContext {
        self.scope.cx()
    }

    /// The same session, seen from the node of `cx`, a part of it: entries stand below it and end with it.
    #[must_use]
    pub fn within(&self, cx: &RunContext) -> Self {
        Self { scope: self.scope.within(cx), ..self.clone() }
    }

    /// Cancelled when the run is interrupted for the second time: what goes on after the first time ends then.
    pub fn interrupted_again(&self) -> CancellationToken {
        self.shared.control.again().clone()
    }

    /// The context of the run for work that only `cancel` ends early.
    pub fn until(&self, cancel: CancellationToken) -> RunContext {
        self.scope.apart(cancel)
    }

    /// Runs the work of a plug-in where it may block its thread and may be abandoned: whoever drops this future goes on at
    /// once. A panic of it is a value.
    pub async fn aside<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, Panicked> {
        self.shared.plug_ins.run(guarded(work)).await
    }

    /// The undo log of the run's own work: its steps are undone by [`Session::revert`], at the latest when that work is over,
    /// and by the guardian or a recovery where the run dies. They can be armed until the run is interrupted twice.
    ///
    /// # Errors
    /// No guardian can be started; nothing may be done then.
    pub async fn undo(&self) -> Result<Undo, JournalError> {
        self.shared.guarded().await?;
        Ok(self.shared.effects.undo())
    }

    /// Undoes what the run's own work did, and refuses more of it; gives what may still be in force.
    pub async fn revert(&self) -> Option<String> {
        let left = self.shared.effects.revert().await;
        (!left.is_empty()).then(|| left.join("; "))
    }

    /// Whether somebody else undoes this run by now, and kills what it started; the run is being ended then.
    pub async fn is_lost(&self) -> bool {
        let is_lost = self.shared.guardian.has_taken_over(&self.shared.journal).await;
        if is_lost {
            self.shared.lost();
        }
        is_lost
    }

    /// The session's events from now on.
    pub fn events(&self) -> EventStream {
        self.shared.scope.subscribe()
    }

    /// What ends the session or its entries early.
    pub fn control(&self) -> RunControl {
        self.shared.control.clone()
    }

    /// Starts an entry at a position of its own (`/entries/0`, …): preflight, trigger, fault, undo, verdict.
    pub fn start(&self, entry: ChaosSpec) -> EntryHandle {
        let number = self.started.fetch_add(1, Ordering::Relaxed);
        self.start_at(entry, &format!("entries/{number}"))
    }

    /// Starts an entry at the position `segment`.
    pub fn start_at(&self, entry: ChaosSpec, segment: &str) -> EntryHandle {
        let entry = self.enter(entry, segment);
        let control = entry.control();
        EntryHandle::new(control, self.shared.tasks.spawn(run_alone(entry)))
    }

    /// Runs one entry to its end, at the position `segment`; after `limit` it is ended early, and undone. A caller that
    /// drops this future ends the entry early too; the session waits for its undo.
    ///
    /// # Errors
    /// [`RunnerError::Died`] when the engine is gone.
    pub async fn run(&self, entry: ChaosSpec, segment: &str, limit: Duration) -> Result<ChaosResult, RunnerError> {
        self.done_within(self.start_at(entry, segment), limit).await
    }

    /// Waits for the result of a started entry; after `limit` it is ended early, and undone. A caller that drops this
    /// future ends the entry early too; the session waits for its undo.
    ///
    /// # Errors
    /// [`RunnerError::Died`] when the engine is gone.
    pub async fn done_within(&self, entry: EntryHandle, limit: Duration) -> Result<ChaosResult, RunnerError> {
        let control = entry.control();
        let mut done = std::pin::pin!(entry.done());
        tokio::select! {
            biased;
            done = &mut done => done,
            () = self.cx().clock().sleep(limit) => {
                control.cancel();
                done.await
            }
        }
    }

    /// Waits until every entry is undone, also those that nobody waits for any more; says what may still be in force.
    pub async fn settled(&self) -> Option<String> {
        self.shared.tasks.close();
        self.shared.tasks.wait().await;
        self.shared.tasks.reopen();
        self.shared.stop_new.borrow().clone()
    }

    /// Asks a probe once; a panic, a deadline and a policy refusal are "unknown".
    pub async fn observe(&self, probe: &ProbeNode, segment: &str) -> Observation {
        let (probe, cx) = (probe.clone(), self.cx().child(segment, None));
        let its = cx.clone();
        tokio::select! {
            biased;
            seen = self.shared.plug_ins.run(async move { ask(&probe, &its).await }) => seen,
            () = blocked(&cx) => Observation::unknown("no answer before the run was interrupted"),
        }
    }

    /// Judges a check by its mode, at the node of this session; silence after an interruption is "unknown".
    pub async fn check(&self, name: &str, check: Check) -> Verification {
        let (cx, its) = (self.cx().clone(), self.cx().clone());
        let seen = tokio::select! {
            biased;
            seen = self.shared.plug_ins.run(async move { run_check(&check, &its).await }) => seen,
            () = blocked(&cx) => Observation::unknown("no answer before the run was interrupted"),
        };
        Verification::of(name, seen)
    }

    /// Why an entry would not run, as far as that is known before; touches nothing.
    pub async fn refusal(&self, entry: &ChaosSpec) -> Option<String> {
        let (entry, shared, cx) = (entry.clone(), Arc::clone(&self.shared), self.cx().clone());
        let its = cx.clone();
        let found = async move { preflight::entry(&entry, &shared.checks, &its).await };
        tokio::select! {
            biased;
            found = self.shared.plug_ins.run(found) => found.refusal.map(|why| why.to_string()),
            () = cx.cancelled() => None,
        }
    }

    /// Starts an entry for somebody outside; `None` when the run is ending.
    pub(crate) fn start_from_outside(&self, entry: ChaosSpec) -> Option<EntryControl> {
        let mut outside = self.outside.lock().unwrap_or_else(PoisonError::into_inner);
        let outside = outside.as_mut()?;
        let handle = self.start(entry);
        let control = handle.control();
        outside.push(handle);
        Some(control)
    }

    /// The entries that were started from outside and that nobody waits for; `None`, and no more of them, when there
    /// are none.
    pub(crate) fn take_outside(&self) -> Option<Vec<EntryHandle>> {
        let mut outside = self.outside.lock().unwrap_or_else(PoisonError::into_inner);
        match outside.take() {
            Some(entries) if !entries.is_empty() => {
                *outside = Some(Vec::new());
                Some(entries)
            }
            _ => None,
        }
    }

    /// The entries that were started from outside and that nobody waits for; no more of them from now on.
    pub(crate) fn close_outside(&self) -> Vec<EntryHandle> {
        self.outside.lock().unwrap_or_else(PoisonError::into_inner).take().unwrap_or_default()
    }

    /// Makes an entry known that has not begun.
    pub(crate) fn enter(&self, mut entry: ChaosSpec, segment: &str) -> Entry {
        if self.shared.hold_until_released {
            hold_to_the_ceiling(&mut entry, self.cx().policy());
        }
        Entry::new(&self.shared, &self.scope, entry, segment)
    }

    /// Begins an entry that has passed the preflight already; one with a cause ends at once.
    pub(crate) fn begin(&self, entry: Entry, cause: Option<Cause>) -> EntryHandle {
        let control = entry.control();
        let tasks = &self.shared.tasks;
        let done = match cause {
            Some(cause) => tasks.spawn(async move { entry.not_begun(cause) }),
            None => tasks.spawn(entry.run()),
        };
        EntryHandle::new(control, done)
    }

    /// Says that the run begins.
    pub(crate) fn tell_start(&self, task: Option<String>, entries: Vec<String>, seed: u64, recovered: &RecoverReport) {
        let scope = &self.shared.scope;
        scope.emit(EventKind::RunStarted {
            format: REPORT_FORMAT,
            squall_version: SQUALL_VERSION.to_owned(),
            task,
            run_id: self.cx().run_id().to_owned(),
            entries,
            seed,
            at_unix_seconds: unix_seconds(self.cx().clock().wall()),
        });
        if !recovered.is_empty() {
            scope.emit(EventKind::Recovered { steps: recovered.lines() });
        }
    }

    /// Says that the run is over, and removes a journal of which everything is undone.
    pub(crate) async fn tell_end(&self, undone: bool, verdict: Verdict) {
        let left = self.shared.plug_ins.left_behind(self.cx().clock()).await;
        if left > 0 {
            let threads = if left == 1 { "1 thread is".to_owned() } else { format!("{left} threads are") };
            self.cx().note(format!("{threads} left behind, still blocked by calls of plug-ins"));
        }
        if undone && self.shared.journal.remove().is_err() {
            self.cx().note("the undo journal could not be removed; `squall recover` will find it empty of work");
        }
        let guardian = Arc::clone(&self.shared.guardian);
        // It has nothing to do any more; one that does not end is left behind.
        let _ = blocking(move || guardian.goodbye()).await;
        self.shared.scope.emit(EventKind::RunEnded { verdict });
    }

    /// Does the work of a session, and waits for every undo.
    pub(crate) async fn work<T>(
        self,
        name: String,
        seed: u64,
        recovered: RecoverReport,
        work: impl FnOnce(Self) -> chaos_core::BoxFuture<'static, T> + Send,
    ) -> SessionEnd<T> {
        self.tell_start(None, vec![name], seed, &recovered);
        let output = guarded(async { work(self.clone()).await }).await;
        // Entries that nobody waits for any more are cancelled; their undo is waited for.
        while let Some(outside) = self.take_outside() {
            drop(outside);
        }
        let in_force = self.settled().await;
        let in_force = self.revert().await.or(in_force);
        self.cx().services().get::<Nodes>().clear();
        let verdict = if in_force.is_some() { Verdict::RevertFailed } else { Verdict::Unchecked };
        self.tell_end(in_force.is_none(), verdict).await;
        SessionEnd { output, in_force, recovered }
    }
}

/// Seconds since 1970, to the millisecond; 0 before.
fn unix_seconds(wall: SystemTime) -> f64 {
    to_the_millisecond(wall.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default())
}

/// Seconds without what is finer than a millisecond.
pub(crate) fn to_the_millisecond(time: Duration) -> f64 {
    Duration::from_millis(u64::try_from(time.as_millis()).unwrap_or(u64::MAX)).as_secs_f64()
}

/// Preflight of one entry, then the entry.
async fn run_alone(entry: Entry) -> ChaosResult {
    let skip = entry.shared().stop_new.borrow().clone();
    if let Some(why) = skip {
        return entry.not_begun(Cause::Skipped(why));
    }
    let found = tokio::select! {
        biased;
        () = entry.cx().cancelled() => None,
        found = preflight(&entry) => Some(found),
    };
    let Some(found) = found else { return entry.not_begun(Cause::BeforeTrigger) };
    match found.refusal {
        Some(refused) => entry.not_begun(refused.into()),
        None => entry.run().await,
    }
}

/// The preflight of one entry, where it may be abandoned.
pub(crate) async fn preflight(entry: &Entry) -> Finding {
    let its = entry.clone();
    let found = async move { preflight::entry(its.spec(), &its.shared().checks, its.cx()).await };
    entry.shared().plug_ins.run(Box::pin(found)).await
}
