//! What one loop takes from the run around it.

use std::{sync::Arc, time::Duration};

use chaos_core::{Clock, RunContext};
use tokio_util::sync::CancellationToken;

use crate::transcript::TranscriptWriter;

/// What a loop needs from its surroundings.
#[derive(Debug)]
pub struct LoopContext {
    pub(super) clock: Arc<dyn Clock>,
    pub(super) cancel: CancellationToken,
    pub(super) time_left: Option<Duration>,
    pub(super) transcript: TranscriptWriter,
    run: Option<RunContext>,
}

impl LoopContext {
    /// Takes clock, cancellation and deadline from a node of a run, and tells the run's event stream about each call.
    pub fn of(run: &RunContext, transcript: TranscriptWriter) -> Self {
        Self {
            clock: run.shared_clock(),
            cancel: run.cancel_token().clone(),
            time_left: run.time_left(),
            transcript,
            run: Some(run.clone()),
        }
    }

    /// Puts a context together outside any run.
    pub fn new(clock: Arc<dyn Clock>, cancel: CancellationToken, transcript: TranscriptWriter) -> Self {
        Self { clock, cancel, time_left: None, transcript, run: None }
    }

    /// Puts a sentence for people on the event stream, where there is one.
    pub(super) fn note(&self, text: &str) {
        if let Some(run) = &self.run {
            run.note(self.transcript.mask(text));
        }
    }
}
