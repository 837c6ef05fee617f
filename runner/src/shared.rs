//! What the entries of one run share.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chaos_core::{Check, ControlOrder, Journal, JournalError, RunContext, RunScope, StateDir};
use tokio::sync::watch;
use tokio_util::task::TaskTracker;

use crate::control::RunControl;
use crate::guardian::GuardianSlot;
use crate::plug_in_threads::PlugInThreads;
use crate::resources::Resources;
use crate::run_effects::RunEffects;
use crate::verify::Verifier;

/// What is said of a run that somebody else undoes.
pub(crate) const TAKEN_OVER: &str =
    "taken over: this process was stopped, starved or late, and its guardian undid what was in force";

/// What the entries of one run share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) scope: RunScope,
    pub(crate) checks: BTreeMap<String, Check>,
    pub(crate) verifier: Option<Arc<dyn Verifier>>,
    pub(crate) journal: Arc<Journal>,
    /// Where folders of nodes are made.
    pub(crate) state: StateDir,
    /// Whether time is real: nodes need that.
    pub(crate) real_time: bool,
    pub(crate) resources: Resources,
    pub(crate) trigger_timeout: Duration,
    pub(crate) sham: bool,
    pub(crate) hold_until_released: bool,
    pub(crate) control_order: ControlOrder,
    pub(crate) stop_new: watch::Sender<Option<String>>,
    pub(crate) tasks: TaskTracker,
    pub(crate) control: RunControl,
    pub(crate) plug_ins: PlugInThreads,
    pub(crate) guardian: Arc<GuardianSlot>,
    /// What the work of the run did itself.
    pub(crate) effects: RunEffects,
}

impl Shared {
    pub(crate) fn cx(&self) -> &RunContext {
        self.scope.cx()
    }

    /// Makes sure that somebody undoes what is about to be done if this process can't.
    pub(crate) async fn guarded(self: &Arc<Self>) -> Result<(), JournalError> {
        if !self.guardian.is_wanted() {
            return Ok(());
        }
        let shared = Arc::clone(self);
        let kept = tokio::task::spawn_blocking(move || shared.guardian.ensure(&shared.journal)).await;
        let kept = kept.unwrap_or_else(|error| Err(std::io::Error::other(error)));
        kept.map(drop).map_err(|source| JournalError::Unkept { source: source.into() })
    }

    /// Ends a run that somebody has taken over: nothing of it is touched any more.
    pub(crate) fn lost(&self) {
        let is_new = self.stop_new.send_if_modified(|why| {
            let told = why.replace(TAKEN_OVER.to_owned());
            told.as_deref() != Some(TAKEN_OVER)
        });
        if is_new {
            self.cx().note(TAKEN_OVER);
        }
        self.control.token().cancel();
    }

    /// Entries that have not fired are skipped from now on.
    pub(crate) fn stop_new(&self, why: String) {
        self.stop_new.send_replace(Some(why));
    }

    /// Waits until entries that have not fired must be skipped, with the reason.
    pub(crate) async fn stopped(&self) -> String {
        if let Ok(why) = self.stop_new.subscribe().wait_for(Option::is_some).await
            && let Some(why) = why.as_ref()
        {
            return why.clone();
        }
        std::future::pending().await
    }
}
