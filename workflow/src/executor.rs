//! The control steps: what starts after what, and how a step ends.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use chaos_core::{
    Answer, BoxFuture, Clock, Late, ParallelSuccess, ProbeNode, StepBody, StepEnd, StepOutcome, StepOutputs,
    WorkflowStep,
};
use chaos_runner::Session;
use futures_util::future::{Either, select};
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};

use crate::fan_out::Tally;
use crate::ledger::Ledger;
use crate::past::{Past, PastAttempt};
use crate::record::{Record, RecordedEnd};
use crate::rows::Rows;
use crate::scope::{Scope, Stop};
use crate::witness::Witness;

/// How long the disk may take for a line; one that hangs must not keep `finally` back.
const LEDGER_WITHIN: Duration = Duration::from_mins(2);

/// A workflow under way.
pub(crate) struct Executor {
    pub(crate) session: Session,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ledger: Ledger,
    pub(crate) rows: Rows,
    pub(crate) outputs: RwLock<StepOutputs>,
    /// The steps of every `finally`.
    pub(crate) last: Scope,
    /// Who knows of failures that no step shows.
    pub(crate) witness: Option<Arc<dyn Witness>>,
    past: Mutex<HashMap<String, BTreeMap<u64, PastAttempt>>>,
    in_force: Mutex<Option<String>>,
}

/// One attempt of a step.
#[derive(Clone, Copy)]
pub(crate) struct Attempt<'a> {
    pub(crate) step: &'a WorkflowStep,
    pub(crate) number: u64,
    /// When it began.
    pub(crate) since: Duration,
}

impl Executor {
    pub(crate) fn new(
        session: Session,
        ledger: Ledger,
        workflow: &WorkflowStep,
        past: Past,
        witness: Option<Arc<dyn Witness>>,
    ) -> Self {
        let rows = Rows::of(workflow, &past);
        Self {
            clock: session.cx().shared_clock(),
            last: Scope::new(session.interrupted_again(), true),
            witness,
            session,
            ledger,
            rows,
            outputs: RwLock::new(past.outputs),
            past: Mutex::new(past.attempts),
            in_force: Mutex::new(past.in_force),
        }
    }

    /// Runs a workflow to its end, also where it was interrupted already: its `finally` runs all the same.
    pub(crate) async fn workflow(&self, workflow: &WorkflowStep) -> RecordedEnd {
        let scope = Scope::new(self.session.cx().cancel_token().clone(), false);
        self.attempt(workflow, &scope).await
    }

    /// What a fault may have left in force.
    pub(crate) fn in_force(&self) -> Option<String> {
        lock(&self.in_force).clone()
    }

    /// Runs a step, unless it was ended before it began.
    fn step<'a>(&'a self, step: &'a WorkflowStep, scope: &'a Scope) -> BoxFuture<'a, RecordedEnd> {
        Box::pin(async move {
            let told = scope.stopped().map(|why| (why.skips(), why.end()));
            let why = told.or_else(|| self.shut(scope).map(|why| (why.detail.clone(), why)));
            match why {
                // What a run had begun comes to its end: a step in which it died is told, and `finally` runs.
                Some((why, end)) if !self.was_begun(step) => {
                    self.rows.skipped(step, &why);
                    RecordedEnd::of(end)
                }
                _ => self.attempt(step, scope).await,
            }
        })
    }

    /// Why no step of that scope begins any more, as the witness knows it.
    pub(crate) fn shut(&self, scope: &Scope) -> Option<StepEnd> {
        self.witness.as_ref().filter(|_| !scope.is_last)?.failed()
    }

    /// Whether a run before the resume had begun a step, or one that it holds.
    fn was_begun(&self, step: &WorkflowStep) -> bool {
        let past = lock(&self.past);
        let is_one = |step: &&WorkflowStep| past.get(&step.name).is_some_and(|all| !all.is_empty());
        !past.is_empty() && step.all().iter().any(is_one)
    }

    async fn attempt(&self, step: &WorkflowStep, scope: &Scope) -> RecordedEnd {
        let number = scope.attempt;
        let past = lock(&self.past).get_mut(&step.name).and_then(|attempts| attempts.remove(&number));
        let past = match past {
            Some(PastAttempt { ended: Some(end), .. }) => return end,
            past => past.unwrap_or_default(),
        };
        let scope = scope.idempotent(step.idempotent);
        let this = Attempt { step, number, since: self.clock.now() };
        if !matches!(step.body, StepBody::Leaf(_)) {
            self.rows.started(&step.name);
        }
        let mut end = match &step.body {
            StepBody::Leaf(late) => self.within(step, &scope, |inner| self.leaf(this, late, past.started, inner)).await,
            StepBody::Serial { steps, finally } => self.serial(this, steps, finally, past.closing, &scope).await,
            StepBody::Parallel { steps, success } => {
                self.within(step, &scope, |inner| self.parallel(step, steps, *success, inner)).await
            }
            StepBody::Branch { when, then, otherwise } => {
                let arms = Arms { when, then, otherwise, chosen: past.chose };
                self.within(step, &scope, |inner| self.branch(this, arms, inner)).await
            }
            StepBody::Retry { step: inner, attempts, delay } => {
                self.within(step, &scope, |scope| self.retry(inner, *attempts, *delay, scope)).await
            }
        };
        end.seconds = self.clock.now().saturating_sub(this.since).as_secs_f64();
        let end = self.witnessed(this, end, &scope).await;
        self.ended(this, end, &scope).await
    }

    /// Takes down how a step ended.
    async fn ended(&self, this: Attempt<'_>, mut end: RecordedEnd, scope: &Scope) -> RecordedEnd {
        let name = &this.step.name;
        let record = Record::Ended { step: name.clone(), attempt: this.number, end: end.clone() };
        if let Err(error) = self.record(record).await {
            let why = format!("{}, which can't be recorded in the ledger: {error}", end.outcome.word());
            if end.is_pass() && !scope.is_last {
                (end.outcome, end.detail) = (StepOutcome::InfraFail, why);
            } else {
                self.session.cx().note(format!("step `{name}`: {why}"));
            }
        }
        if end.outcome.is_failure() && end.first.is_none() {
            end.first = Some(name.clone());
        }
        if let Some(left) = &end.in_force {
            lock(&self.in_force).get_or_insert_with(|| left.clone());
        }
        if !end.outputs.is_empty() {
            let mut outputs = self.outputs.write().unwrap_or_else(PoisonError::into_inner);
            outputs.insert(name.clone(), end.outputs.clone());
        }
        self.rows.ended(name, &end);
        let attempt = if this.number > 1 { format!(", attempt {}", this.number) } else { String::new() };
        let detail = if end.is_pass() { String::new() } else { format!(": {}", end.detail) };
        self.session.cx().note(format!(
            "step `{name}`{attempt}: {} after {:.1} s{detail}",
            end.outcome.word(),
            end.seconds
        ));
        end
    }

    /// Puts a line on disk; virtual time is paused meanwhile.
    pub(crate) async fn record(&self, record: Record) -> io::Result<()> {
        let _real = self.clock.external();
        let written = self.clock.timeout(LEDGER_WITHIN, self.ledger.append(record)).await;
        written.unwrap_or_else(|| Err(io::Error::new(io::ErrorKind::TimedOut, "the disk does not take it")))
    }

    /// Does `work` within the deadline of a step: what runs then is ended, and its end waited for.
    async fn within<'a, F: Future<Output = RecordedEnd> + Send + 'a>(
        &'a self,
        step: &WorkflowStep,
        scope: &Scope,
        work: impl FnOnce(Scope) -> F,
    ) -> RecordedEnd {
        let Some(deadline) = step.deadline else { return work(scope.clone()).await };
        let inner = scope.below();
        let work = Box::pin(work(inner.clone()));
        match select(work, self.clock.sleep(deadline)).await {
            Either::Left((end, _)) => end,
            Either::Right(((), work)) => {
                inner.stop(Stop::Deadline(step.name.clone(), deadline));
                work.await
            }
        }
    }

    async fn serial(
        &self,
        this: Attempt<'_>,
        steps: &[WorkflowStep],
        finally: &[WorkflowStep],
        closing: Option<RecordedEnd>,
        scope: &Scope,
    ) -> RecordedEnd {
        let mut end = if let Some(end) = closing {
            self.skip(steps, "the steps were over before the resume");
            end
        } else {
            let end = self.within(this.step, scope, |inner| self.sequence(steps, inner)).await;
            if !finally.is_empty() {
                let (step, attempt) = (this.step.name.clone(), this.number);
                let closing = Record::Closing { step, attempt, end: end.clone() };
                if let Err(error) = self.record(closing).await {
                    let name = &this.step.name;
                    self.session.cx().note(format!("`finally` of `{name}` can't be recorded in the ledger: {error}"));
                }
            }
            end
        };
        let last = self.last.beside(scope);
        for step in finally {
            let done = self.step(step, &last).await;
            // It never hides what failed before it.
            if done.outcome.is_failure() && !end.outcome.is_failure() {
                end = RecordedEnd { detail: format!("`finally`: {}", done.detail), outputs: BTreeMap::new(), ..done };
            }
        }
        end
    }

    fn skip(&self, steps: &[WorkflowStep], why: &str) {
        for step in steps {
            self.rows.skipped(step, why);
        }
    }

    /// One after the other, up to the first failure.
    async fn sequence(&self, steps: &[WorkflowStep], scope: Scope) -> RecordedEnd {
        for (index, step) in steps.iter().enumerate() {
            let end = self.step(step, &scope).await;
            let stopped = scope.stopped();
            if !end.outcome.is_failure() && stopped.is_none() {
                continue;
            }
            let rest = &steps[index + 1..];
            let why = match (&end.first, &stopped) {
                (Some(first), _) => format!("`{first}` failed first"),
                (None, Some(stop)) => stop.skips(),
                (None, None) => {
                    self.shut(&scope).map_or_else(|| format!("`{}` failed first", step.name), |why| why.detail)
                }
            };
            self.skip(rest, &why);
            return match stopped {
                Some(stop) if !end.outcome.is_failure() => {
                    if rest.is_empty() && end.is_pass() {
                        break;
                    }
                    RecordedEnd::of(stop.end())
                }
                _ => RecordedEnd { outputs: BTreeMap::new(), ..end },
            };
        }
        let all = if steps.len() == 1 { "1 step".to_owned() } else { format!("{} steps", steps.len()) };
        RecordedEnd::of(StepEnd::new(StepOutcome::Pass, all))
    }

    async fn parallel(
        &self,
        parallel: &WorkflowStep,
        steps: &[WorkflowStep],
        success: ParallelSuccess,
        scope: Scope,
    ) -> RecordedEnd {
        let inner = scope.below();
        let mut order: Vec<&WorkflowStep> = steps.iter().collect();
        // Those that ended before the resume are counted as they ended.
        order.sort_by_cached_key(|step| self.order(&step.name));
        let mut running: FuturesUnordered<_> =
            order.into_iter().map(|step| self.step(step, &inner).map(move |end| (step, end))).collect();
        let mut tally = Tally::of(success, steps.len());
        let (mut first, mut interrupted, mut in_force) = (None, false, None);
        let mut decided = steps.is_empty();
        while let Some((step, end)) = running.next().await {
            in_force = in_force.or(end.in_force.clone());
            interrupted |= end.interrupted;
            if decided {
                continue;
            }
            let end = StepEnd { outputs: BTreeMap::new(), ..StepEnd::new(end.outcome, end.detail) };
            if end.outcome.is_failure() && first.is_none() {
                first = Some(step.name.clone());
            }
            tally.add(&step.name, &end);
            decided = scope.stopped().is_none() && tally.is_decided();
            if decided && !running.is_empty() {
                inner.stop(Stop::Decided(parallel.name.clone()));
            }
        }
        let end = match scope.stopped() {
            Some(stop) if !decided => stop.end(),
            _ => tally.end(),
        };
        let first = first.filter(|_| end.outcome.is_failure());
        RecordedEnd { first, in_force, interrupted: interrupted && end.outcome.is_failure(), ..RecordedEnd::of(end) }
    }

    /// The place of the end of a step before the resume.
    fn order(&self, step: &str) -> usize {
        let past = lock(&self.past);
        let ended = past.get(step).and_then(|attempts| attempts.values().find(|attempt| attempt.ended.is_some()));
        ended.map_or(usize::MAX, |attempt| attempt.order)
    }

    async fn branch(&self, this: Attempt<'_>, arms: Arms<'_>, scope: Scope) -> RecordedEnd {
        let fail = |detail: String| RecordedEnd::of(StepEnd::new(StepOutcome::InfraFail, detail));
        let yes = match arms.chosen {
            Some(yes) => yes,
            None => match self.asked(this.step, arms.when, &scope).await {
                Ok(yes) => {
                    let record = Record::Chose { step: this.step.name.clone(), attempt: this.number, yes };
                    match self.record(record).await {
                        Err(error) if !scope.is_last => {
                            return fail(format!("what it chose can't be recorded in the ledger: {error}"));
                        }
                        _ => yes,
                    }
                }
                Err(end) => return end,
            },
        };
        let (taken, left) = if yes { (arms.then, arms.otherwise) } else { (arms.otherwise, arms.then) };
        let said = format!("`{}` answered {}", this.step.name, if yes { "yes" } else { "no" });
        self.skip(left, &said);
        self.sequence(taken, scope).await
    }

    /// What the probe of a branch says.
    async fn asked(&self, step: &WorkflowStep, when: &Late<ProbeNode>, scope: &Scope) -> Result<bool, RecordedEnd> {
        let fail = |detail: String| RecordedEnd::of(StepEnd::new(StepOutcome::InfraFail, detail));
        let read = when.read(&self.outputs.read().unwrap_or_else(PoisonError::into_inner));
        let probe = read.map_err(|error| fail(error.to_string()))?;
        let cx = self.session.until(scope.token().clone()).child(step.at.trim_start_matches('/'), None);
        let seen = self.session.within(&cx).observe(&probe, "when").await;
        match (scope.stopped(), seen.answer) {
            (Some(why), _) => Err(RecordedEnd::of(why.end())),
            (None, Answer::Yes) => Ok(true),
            (None, Answer::No) => Ok(false),
            (None, Answer::Unknown) => Err(fail(format!("the probe can't tell: {}", seen.detail))),
        }
    }

    async fn retry(&self, step: &WorkflowStep, attempts: u32, delay: Duration, scope: Scope) -> RecordedEnd {
        let mut number = 0;
        loop {
            number += 1;
            let end = self.step(step, &scope.attempt_of(number, attempts)).await;
            // What may have run must not run again, and nothing is tried beside what is left in force.
            let is_over = end.is_pass() || end.interrupted || end.in_force.is_some() || number >= attempts;
            if is_over || scope.stopped().is_some() || self.shut(&scope).is_some() {
                let detail = format!("attempt {number} of {attempts}: {}", end.detail);
                return RecordedEnd { detail, outputs: BTreeMap::new(), ..end };
            }
            let waited = scope.token().run_until_cancelled(self.clock.sleep(delay)).await;
            if let (None, Some(stop)) = (waited, scope.stopped()) {
                return RecordedEnd::of(stop.end());
            }
        }
    }
}

/// The arms of a branch.
struct Arms<'a> {
    when: &'a Late<ProbeNode>,
    then: &'a [WorkflowStep],
    otherwise: &'a [WorkflowStep],
    /// What it chose before the resume.
    chosen: Option<bool>,
}

fn lock<T>(what: &Mutex<T>) -> MutexGuard<'_, T> {
    what.lock().unwrap_or_else(PoisonError::into_inner)
}
