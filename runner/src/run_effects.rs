//! Effects that the work of a run makes itself, and no entry of it: undone when that work is over.

use std::sync::Arc;

use chaos_core::{ArmedStep, Journal, RunContext, Undo, UndoLog};
use tokio::sync::OnceCell;

use crate::guardian::GuardianSlot;
use crate::plug_in_threads::PlugInThreads;
use crate::undo_step::{STEP_DEADLINE, drain, undo_step};

/// The undo log of a run's work.
#[derive(Debug)]
pub(crate) struct RunEffects {
    cx: RunContext,
    log: Arc<UndoLog>,
    journal: Arc<Journal>,
    guardian: Arc<GuardianSlot>,
    plug_ins: PlugInThreads,
    /// What may still be in force, once all was undone.
    left: OnceCell<Vec<String>>,
}

impl RunEffects {
    /// A log in the journal of the run. Its steps can be armed until `cx` is cancelled.
    pub(crate) fn new(
        cx: RunContext,
        journal: Arc<Journal>,
        guardian: Arc<GuardianSlot>,
        plug_ins: PlugInThreads,
    ) -> Self {
        let log = UndoLog::new(Arc::clone(&journal), cx.clone(), None);
        Self { cx, log, journal, guardian, plug_ins, left: OnceCell::new() }
    }

    /// The side that whoever makes effects gets.
    pub(crate) fn undo(&self) -> Undo {
        self.log.handle()
    }

    /// Undoes all of them, newest first; gives what may still be in force. Whoever asks again gets the same.
    pub(crate) async fn revert(&self) -> &[String] {
        self.left.get_or_init(|| self.reverted()).await
    }

    async fn reverted(&self) -> Vec<String> {
        let log = &self.log;
        log.seal();
        if log.newest_first().is_empty() {
            return Vec::new();
        }
        let _at_work = self.guardian.at_work();
        let mut left = Vec::new();
        let undrained = drain(log, self.cx.clock()).await.err();
        let drained = undrained.is_none();
        left.extend(undrained.map(|why| why.to_string()));
        if self.guardian.has_taken_over(&self.journal).await {
            return Vec::new();
        }
        let cx = log.undo_context(STEP_DEADLINE);
        for armed in log.newest_first() {
            let ArmedStep { step, described, .. } = &armed;
            match undo_step(step, &cx, self.plug_ins.steps()).await {
                Ok(undone) => {
                    self.cx.note(format!("{described}: {}", undone.detail()));
                    // An effect that is still being made may come after this: its step stays for recovery.
                    if drained {
                        log.mark_undone(&armed);
                    }
                }
                Err(error) => left.push(format!("{described}: {error}")),
            }
        }
        // Whoever took it over meanwhile answers for it.
        if self.guardian.has_taken_over(&self.journal).await { Vec::new() } else { left }
    }
}
