//! Why there is no trial.

/// Why no request of ours can try a rule.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct NoTrial(pub(super) String);
