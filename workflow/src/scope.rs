//! What ends steps early, and why.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use chaos_core::{StepEnd, StepOutcome};
use tokio_util::sync::CancellationToken;

/// Why steps were ended early.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Stop {
    /// The deadline of a step has passed.
    Deadline(String, Duration),
    /// The `parallel` of that name is decided.
    Decided(String),
    /// The run was interrupted.
    Interrupted,
}

impl Stop {
    /// The end of a step that it ended.
    pub(crate) fn end(&self) -> StepEnd {
        match self {
            Self::Deadline(step, time) => {
                let seconds = time.as_secs_f64();
                StepEnd::new(StepOutcome::TimedOut, format!("the deadline of `{step}` ({seconds} s) has passed"))
            }
            Self::Decided(step) => {
                StepEnd::new(StepOutcome::Skipped, format!("ended early: `{step}` was decided without it"))
            }
            Self::Interrupted => StepEnd::new(StepOutcome::InfraFail, "interrupted"),
        }
    }

    /// Why a step did not start.
    pub(crate) fn skips(&self) -> String {
        match self {
            Self::Deadline(..) | Self::Interrupted => self.end().detail,
            Self::Decided(step) => format!("`{step}` was decided before"),
        }
    }
}

/// Steps that end together.
#[derive(Debug, Clone)]
pub(crate) struct Scope {
    token: CancellationToken,
    own: Arc<OnceLock<Stop>>,
    around: Option<Arc<Scope>>,
    /// Whether they are of a `finally`: they run whether they can be recorded or not.
    pub(crate) is_last: bool,
    /// Which attempt of them it is, counted over every `retry` around them.
    pub(crate) attempt: u64,
    /// Whether a step around them may run again where it was interrupted.
    pub(crate) is_idempotent: bool,
}

impl Scope {
    /// Steps that end when `token` is cancelled.
    pub(crate) fn new(token: CancellationToken, is_last: bool) -> Self {
        Self { token, own: Arc::default(), around: None, is_last, attempt: 1, is_idempotent: false }
    }

    /// Some of them.
    pub(crate) fn below(&self) -> Self {
        Self {
            token: self.token.child_token(),
            own: Arc::default(),
            around: Some(Arc::new(self.clone())),
            is_last: self.is_last,
            attempt: self.attempt,
            is_idempotent: self.is_idempotent,
        }
    }

    /// The same steps, that may run again.
    pub(crate) fn idempotent(&self, also: bool) -> Self {
        Self { is_idempotent: self.is_idempotent || also, ..self.clone() }
    }

    /// The steps of a `finally`, beside the steps of `other`.
    pub(crate) fn beside(&self, other: &Self) -> Self {
        Self { attempt: other.attempt, is_idempotent: other.is_idempotent, ..self.clone() }
    }

    /// Attempt `number` of at most `most` in a `retry` of this scope: no other attempt has its number.
    pub(crate) fn attempt_of(&self, number: u32, most: u32) -> Self {
        let before = (self.attempt - 1).saturating_mul(u64::from(most));
        Self { attempt: before.saturating_add(u64::from(number)), ..self.clone() }
    }

    /// Ends them; the first reason stays.
    pub(crate) fn stop(&self, why: Stop) {
        if !self.token.is_cancelled() {
            let _ = self.own.set(why);
        }
        self.token.cancel();
    }

    /// Why they were ended; `None` while they were not.
    pub(crate) fn stopped(&self) -> Option<Stop> {
        if !self.token.is_cancelled() {
            return None;
        }
        let mut at = Some(self);
        while let Some(scope) = at {
            if let Some(why) = scope.own.get() {
                return Some(why.clone());
            }
            at = scope.around.as_deref();
        }
        Some(Stop::Interrupted)
    }

    /// Cancelled when they are to end.
    pub(crate) fn token(&self) -> &CancellationToken {
        &self.token
    }
}
