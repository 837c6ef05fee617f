//! A request of ours, and why it may not show a rule.

use std::time::Duration;

use chaos_core::HttpTrial;

/// How long an answer may take beside what the rule adds: ours takes a millisecond.
pub(super) const ANSWER: Duration = Duration::from_secs(2);

/// How long a silence without end is listened to.
pub(super) const SILENCE: Duration = Duration::from_millis(1500);

/// The longest that is waited, since the last check of an entry has to end within 10 s.
pub(super) const LONGEST: Duration = Duration::from_secs(7);

/// Why a request of ours does not show a rule.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct NotShown(pub(super) String);

/// A request of ours, and how long it was waited for.
pub(super) struct Tried<'a> {
    pub(super) trial: &'a HttpTrial,
    pub(super) wait: Duration,
}

impl Tried<'_> {
    pub(super) fn error(&self) -> &str {
        self.trial.error.as_deref().unwrap_or("it came to its end")
    }

    /// Whether the client was still waiting when its time was over.
    pub(super) fn is_silent(&self) -> bool {
        !self.trial.is_complete && Duration::from_micros(self.trial.total_us) >= self.wait
    }
}
