//! The one way out of an entry, whatever ended it: its undo.

use std::sync::Arc;
use std::time::Duration;

use chaos_core::{ArmedStep, EventKind, InForce, LookAt, PastJournal, Presence, Reverted, Span, UndoLog, blocking};
use tracing::Instrument;

use super::{Entry, Record};
use crate::guarded::{Panicked, guarded_call};
use crate::shared::TAKEN_OVER;
use crate::step_threads::Ended;
use crate::undo_step::{STEP_DEADLINE, drain, undo_step};

/// How often, and how long apart, what another process undoes is looked at.
const OTHERS_LOOKS: u32 = 50;
const OTHERS_PAUSE: Duration = Duration::from_millis(100);

/// Why what a fault holds in this process was not released.
#[derive(Debug, thiserror::Error)]
enum NotLetGo {
    #[error(transparent)]
    Panicked(#[from] Panicked),
    #[error("the fault's own part was not released within {} s", STEP_DEADLINE.as_secs())]
    Late,
}

impl Entry {
    /// Undoes everything: in-process part, seal, open effects, steps newest first, and a check.
    pub(super) async fn revert(&self, log: &Arc<UndoLog>, guard: Option<InForce>, record: &mut Record) -> Reverted {
        let was_in_force = guard.is_some();
        let _at_work = self.shared.guardian.at_work();
        let mut failures = Vec::new();
        log.seal();
        failures.extend(self.let_go(guard).await.err().map(|why| why.to_string()));
        let undrained = drain(log, self.cx().clock()).await.err();
        let drained = undrained.is_none();
        failures.extend(undrained.map(|why| why.to_string()));
        let taken_over = self.taken_over().await;
        // Whoever has the run undoes them.
        let steps = if taken_over { Vec::new() } else { log.newest_first() };
        let scope = self.life.scope();
        if !steps.is_empty() {
            scope.emit(EventKind::Undoing { steps: steps.len() });
        }
        let cx = self.cx().undo_context(STEP_DEADLINE);
        for armed in &steps {
            let span = tracing::info_span!("undo_step", step = armed.described);
            let undone = undo_step(&armed.step, &cx, self.shared.plug_ins.steps()).instrument(span).await;
            let step = armed.described.clone();
            match &undone {
                // An effect that is still being made may come after this: its step stays for recovery to run again.
                Ok(_) if drained => log.mark_undone(armed),
                Ok(_) => {}
                Err(error) => failures.push(format!("{step}: {error}")),
            }
            let (undone, error) = match undone {
                Ok(undone) => (Some(undone), None),
                Err(error) => (None, Some(error.to_string())),
            };
            scope.emit(EventKind::Undid { step, undone, error });
        }
        let mut others = taken_over || self.taken_over().await;
        // Nobody promised that what can't be undone would be gone.
        let promised = self.spec.action.span() == Span::Sustained && !record.irreversible;
        if !others && promised && (was_in_force || !steps.is_empty()) {
            let sighting = self.check(LookAt::AfterUndo).await;
            if sighting.presence != Presence::Absent {
                // Whoever took the run over meanwhile has stopped what was looked at.
                others = self.taken_over().await;
                if !others {
                    failures.push(format!("after the undo: {}", sighting.evidence.summary));
                }
            }
        }
        if others {
            record.facts.taken_over = true;
            record.facts.error = Some(TAKEN_OVER.to_owned());
            failures.extend(self.left_by_others(log).await.map(|step| format!("{step}: not undone by who took over")));
            return self.reverted(&failures, was_in_force || !log.newest_first().is_empty(), record);
        }
        self.reverted(&failures, was_in_force || !steps.is_empty(), record)
    }

    /// Whether somebody else undoes the run.
    async fn taken_over(&self) -> bool {
        self.shared.guardian.has_taken_over(&self.shared.journal).await
    }

    /// A step of this entry that whoever took the run over has not undone, as the journal says: what the fault acted on may be
    /// gone with the nodes of the run.
    async fn left_by_others(&self, log: &Arc<UndoLog>) -> Option<String> {
        let mut left = None;
        for _ in 0..OTHERS_LOOKS {
            let (path, steps) = (self.shared.journal.path().to_owned(), log.newest_first());
            let look = move || {
                let pending =
                    PastJournal::look(&path).ok().flatten().map(|journal| journal.pending).unwrap_or_default();
                let is_pending = |step: &ArmedStep| pending.iter().any(|record| Some(record.seq) == step.seq);
                steps.into_iter().find(is_pending).map(|step| step.described)
            };
            left = blocking(look).await.ok().flatten();
            if left.is_none() {
                break;
            }
            self.cx().clock().sleep(OTHERS_PAUSE).await;
        }
        left
    }

    /// Releases what the fault holds in this process.
    async fn let_go(&self, guard: Option<InForce>) -> Result<(), NotLetGo> {
        let Some(guard) = guard else { return Ok(()) };
        let drops = async move { guarded_call(|| drop(guard)) };
        match self.shared.plug_ins.steps().run(self.cx().clock(), STEP_DEADLINE, Box::pin(drops)).await {
            Ended::Done(released) => Ok(released?),
            Ended::Late | Ended::Blocked => Err(NotLetGo::Late),
        }
    }

    fn reverted(&self, failures: &[String], something: bool, record: &mut Record) -> Reverted {
        if failures.is_empty() {
            return match (record.irreversible && record.facts.landed, something) {
                (true, _) => Reverted::NotReversible,
                (false, true) => Reverted::Reverted,
                (false, false) => Reverted::NothingToRevert,
            };
        }
        let journal = self.shared.journal.path().display();
        let why = format!("the fault may still be in force: {} (journal `{journal}` is kept)", failures.join("; "));
        self.shared.stop_new(format!("an undo failed before ({why})"));
        // It outranks whatever else went wrong.
        record.facts.error = Some(match record.facts.error.take() {
            Some(first) => format!("{why} (first: {first})"),
            None => why,
        });
        Reverted::Failed
    }
}
