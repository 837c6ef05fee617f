//! Failures that no step shows, such as what steps say of themselves elsewhere.

use chaos_core::{BoxFuture, StepEnd, StepOutcome};

/// Knows of failures that no step shows. Of the steps of a `finally` it is asked nothing.
pub trait Witness: Send + Sync {
    /// Asked when a leaf step has ended with that outcome, before any step that follows it begins: what a step that passed came to
    /// instead. It must bound its own time, during which the clock of the run is paused; it is dropped where the step is told to end.
    fn ended<'a>(&'a self, step: &'a str, outcome: StepOutcome) -> BoxFuture<'a, Option<StepEnd>>;

    /// Asked right before a step begins, without waiting: the failure because of which none begins any more. What it has said once
    /// it says from then on.
    fn failed(&self) -> Option<StepEnd>;
}
