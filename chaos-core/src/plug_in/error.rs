//! The error that a plug-in returns to the engine.

use crate::{ArmError, OpenDirError, Refusal};

/// Why a plug-in could not do what it was asked for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PluginError {
    /// The plug-in will not act on this target, whatever the policy says (pid 1, itself, what is already there).
    #[error("{0}")]
    Refused(String),
    /// The target is not there yet, but may appear until the trigger fires: `plan` only. The preflight lets it pass.
    #[error("{0}")]
    NotYet(String),
    /// The policy does not allow it.
    #[error(transparent)]
    Policy(#[from] Refusal),
    /// The undo step could not be journalled, so the effect was not made.
    #[error(transparent)]
    Arm(ArmError),
    /// The run was cancelled or its deadline passed.
    #[error("cancelled")]
    Cancelled,
    /// Anything else: one clause that names the cause.
    #[error("{0}")]
    Failed(String),
}

impl PluginError {
    /// Says that something failed, in one clause.
    pub fn failed(why: impl Into<String>) -> Self {
        Self::Failed(why.into())
    }

    /// Says that the plug-in refuses, in one clause.
    pub fn refused(why: impl Into<String>) -> Self {
        Self::Refused(why.into())
    }

    /// Says which I/O call failed on what.
    pub fn io(doing: &str, error: &std::io::Error) -> Self {
        Self::Failed(format!("{doing}: {error}"))
    }
}

impl From<ArmError> for PluginError {
    fn from(error: ArmError) -> Self {
        match error {
            ArmError::Cancelled => Self::Cancelled,
            error => Self::Arm(error),
        }
    }
}

impl From<OpenDirError> for PluginError {
    fn from(error: OpenDirError) -> Self {
        match error {
            OpenDirError::Refused(refusal) => Self::Policy(refusal),
            error => Self::Failed(error.to_string()),
        }
    }
}
