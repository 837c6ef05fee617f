//! What `inject` gets, beyond what every plug-in gets.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::{Evidence, RunContext};

/// The context of one injection: a [`RunContext`] by which a *finite* fault can say that it is in force.
///
/// A sustained fault is active when the engine's check has found it, not when it says so.
#[derive(Clone)]
pub struct InjectContext {
    cx: RunContext,
    report: Option<Arc<dyn Fn(Evidence) + Send + Sync>>,
    released: CancellationToken,
}

impl InjectContext {
    /// A context whose fault is to end early, with a result, when `released` is cancelled.
    pub fn new(cx: RunContext, released: CancellationToken) -> Self {
        Self { cx, report: None, released }
    }

    /// The same for a finite fault: `report` hears the evidence with which the fault says that it is in force.
    #[must_use]
    pub fn reporting(mut self, report: impl Fn(Evidence) + Send + Sync + 'static) -> Self {
        self.report = Some(Arc::new(report));
        self
    }

    /// Says that a *finite* fault is in force, with what shows it. Only the first call counts; a sustained fault's
    /// never does.
    pub fn active(&self, evidence: Evidence) {
        if let Some(report) = &self.report {
            report(evidence);
        }
    }

    /// Waits until somebody releases a finite fault: it ends its work now and returns the outcome of what it has done.
    pub async fn released(&self) {
        self.released.cancelled().await;
    }

    /// Whether it was released already.
    pub fn is_released(&self) -> bool {
        self.released.is_cancelled()
    }
}

impl From<RunContext> for InjectContext {
    /// A context outside any run: nobody hears what it reports, and nobody releases it.
    fn from(cx: RunContext) -> Self {
        Self::new(cx, CancellationToken::new())
    }
}

impl Deref for InjectContext {
    type Target = RunContext;

    fn deref(&self) -> &RunContext {
        &self.cx
    }
}

impl fmt::Debug for InjectContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InjectContext").field("cx", &self.cx).finish_non_exhaustive()
    }
}
