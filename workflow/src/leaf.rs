//! One attempt of a leaf step: recorded, run, ended at its deadline.

use std::sync::PoisonError;
use std::time::Duration;

use chaos_core::{Late, StepBody, StepContext, StepEnd, StepNode, StepOutcome};

use crate::executor::{Attempt, Executor};
use crate::record::{Record, RecordedEnd};
use crate::scope::Scope;

/// How long a step that was told to end may take, undo included, before it is left behind.
const GRACE: Duration = Duration::from_mins(2);

impl Executor {
    /// Runs it once. `was_started` says that a run died in this very attempt.
    pub(crate) async fn leaf(
        &self,
        this: Attempt<'_>,
        late: &Late<StepNode>,
        was_started: bool,
        scope: Scope,
    ) -> RecordedEnd {
        let fail = |detail: String| RecordedEnd::of(StepEnd::new(StepOutcome::InfraFail, detail));
        if was_started && !scope.is_idempotent {
            let why = "interrupted: the run died in it, and it is not `idempotent`".to_owned();
            return RecordedEnd { interrupted: true, ..fail(why) };
        }
        let name = &this.step.name;
        let read = late.read(&self.outputs.read().unwrap_or_else(PoisonError::into_inner));
        let node = match read {
            Ok(node) => node,
            Err(error) => return fail(error.to_string()),
        };
        if let Err(error) = self.record(Record::Started { step: name.clone(), attempt: this.number }).await {
            if !scope.is_last {
                return fail(format!("not started, since that can't be recorded in the ledger: {error}"));
            }
            // What it tells of the failure matters more.
            self.session.cx().note(format!("step `{name}`: its start can't be recorded in the ledger: {error}"));
        }
        if let Some(end) = scope.stopped().map(|stop| stop.end()).or_else(|| self.shut(&scope)) {
            return RecordedEnd::of(end);
        }
        let run = self.session.until(scope.token().clone()).child(this.step.at.trim_start_matches('/'), None);
        self.rows.started(name);
        run.note(format!("step `{name}`: started ({})", node.type_name()));
        let cx = StepContext::new(run, self.ledger.folder().to_owned(), name.clone())
            .last(scope.is_last)
            .attempt_of(this.number);
        let work = self.session.aside(async move { node.run(&cx).await });
        let grace = async {
            scope.token().cancelled().await;
            self.clock.sleep(GRACE).await;
        };
        let end = tokio::select! {
            biased;
            end = work => end.unwrap_or_else(|panicked| StepEnd::new(StepOutcome::InfraFail, panicked.to_string())),
            () = grace => StepEnd::new(StepOutcome::InfraFail, "it did not end and was left behind"),
        };
        // What a guardian kills did not fail by itself; the run may be about to learn of it.
        if end.outcome != StepOutcome::Pass && self.session.is_lost().await {
            self.session.cx().note(format!("step `{name}`: {}", end.detail));
        }
        RecordedEnd::of(settled(end, &scope))
    }

    /// What a leaf step came to, where the witness knows better. What failed by itself stays as it is.
    pub(crate) async fn witnessed(&self, this: Attempt<'_>, end: RecordedEnd, scope: &Scope) -> RecordedEnd {
        let Some(witness) = self.witness.as_ref().filter(|_| !scope.is_last) else { return end };
        if !matches!(this.step.body, StepBody::Leaf(_)) {
            return end;
        }
        let seen = {
            let _real = self.clock.external();
            scope.token().run_until_cancelled(witness.ended(&this.step.name, end.outcome)).await
        };
        match seen.flatten() {
            Some(StepEnd { outcome, detail, .. }) if end.is_pass() => RecordedEnd { outcome, detail, ..end },
            _ => end,
        }
    }
}

/// What a step that was told to end came to: why it was told so, unless it had passed by then; a deadline has passed then, too.
fn settled(end: StepEnd, scope: &Scope) -> StepEnd {
    let Some(stop) = scope.stopped() else { return end };
    let told = stop.end();
    if end.outcome == StepOutcome::Pass && told.outcome != StepOutcome::TimedOut {
        return end;
    }
    StepEnd { outcome: told.outcome, detail: told.detail, ..end }
}
