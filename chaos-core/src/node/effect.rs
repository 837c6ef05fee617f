//! An effect on a member: the step that undoes it, and the act itself.

use std::fmt;
use std::sync::Arc;

use crate::undo::DynUndoStep;
use crate::{BoxFuture, PluginError};

/// What a facet gives a fault: the step that undoes the effect, and the act that makes it. Nothing happens before
/// [`crate::Undo::perform`].
#[must_use = "nothing happens before `Undo::perform`"]
pub struct Effect {
    pub(crate) step: Option<Arc<dyn DynUndoStep>>,
    pub(crate) act: BoxFuture<'static, Result<(), PluginError>>,
}

impl Effect {
    /// An effect that `step` undoes.
    pub fn new(
        step: impl DynUndoStep + 'static,
        act: impl Future<Output = Result<(), PluginError>> + Send + 'static,
    ) -> Self {
        Self { step: Some(Arc::new(step)), act: Box::pin(act) }
    }

    /// An effect that nothing undoes. Refused where the plan of the fault does not say so.
    pub fn irreversible(act: impl Future<Output = Result<(), PluginError>> + Send + 'static) -> Self {
        Self { step: None, act: Box::pin(act) }
    }

    /// An act that blocks its thread.
    pub async fn blocking(act: impl FnOnce() -> Result<(), PluginError> + Send + 'static) -> Result<(), PluginError> {
        let done = tokio::task::spawn_blocking(act).await;
        done.map_err(|error| PluginError::failed(error.to_string()))?
    }
}

impl fmt::Debug for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Effect").field("step", &self.step).finish_non_exhaustive()
    }
}
