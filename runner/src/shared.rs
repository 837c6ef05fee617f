//! What the entries of one run share.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chaos_core::{Check, Journal, RunContext, RunScope, StateDir};
use tokio::sync::watch;
use tokio_util::task::TaskTracker;

use crate::control::RunControl;
use crate::plug_in_threads::PlugInThreads;
use crate::resources::Resources;
use crate::verify::Verifier;

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
    pub(crate) stop_new: watch::Sender<Option<String>>,
    pub(crate) tasks: TaskTracker,
    pub(crate) control: RunControl,
    pub(crate) plug_ins: PlugInThreads,
}

impl Shared {
    pub(crate) fn cx(&self) -> &RunContext {
        self.scope.cx()
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
