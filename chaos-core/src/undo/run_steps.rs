//! Undo steps that belong to the run, and to no entry of it.

use std::sync::{Arc, OnceLock};

use super::arm_error::ArmError;
use super::journal::{Journal, JournalRecord};
use super::step::DynUndoStep;

/// The run service for effects that no fault makes, such as the programs that a check starts. Their steps stay in the
/// journal until the run ends; only a recovery carries them out.
#[derive(Debug, Default)]
pub struct RunSteps(OnceLock<Arc<Journal>>);

impl RunSteps {
    /// Says which journal the run has; the first one counts. Without any, nothing is kept.
    pub fn keep_in(&self, journal: Arc<Journal>) {
        // A run has one journal.
        let _ = self.0.set(journal);
    }

    /// Puts `step` on disk, under this position. Blocks until it is synced.
    ///
    /// # Errors
    /// [`ArmError`]; then the effect must not be made.
    pub fn arm(&self, position: &str, step: &dyn DynUndoStep) -> Result<(), ArmError> {
        let Some(journal) = self.0.get() else { return Ok(()) };
        let record = JournalRecord::of(position, None, step)?;
        journal.append(record).map(drop).map_err(ArmError::Journal)
    }
}
