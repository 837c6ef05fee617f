//! The clock facet: what a fault may do to the wall clock of a member.

use std::fmt::Debug;

use super::effect::Effect;
use crate::{BoxFuture, Plan, PluginError};

/// The wall clock of a member, which a fault shifts for this member alone; the machine's is never touched.
pub trait ClockFacet: Debug + Send + Sync {
    /// What a shift would touch, with the member's label as its summary. May look, never touches.
    ///
    /// # Errors
    /// [`PluginError::Refused`] for a program that can't be reached.
    fn plan(&self) -> BoxFuture<'_, Result<Plan, PluginError>>;

    /// The effect of a shift, and the step that ends it; done by [`crate::Undo::perform`].
    ///
    /// # Errors
    /// As [`ClockFacet::plan`].
    fn effect(&self, skew: SkewAct) -> BoxFuture<'_, Result<Effect, PluginError>>;

    /// What the member's clock shows, read anew by a program that reads it as the member does.
    ///
    /// # Errors
    /// [`PluginError`] when that can't be told, such as when the member is down.
    fn read(&self) -> BoxFuture<'_, Result<ClockReading, PluginError>>;
}

/// What a fault does to a wall clock.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SkewAct {
    /// Nanoseconds that it is put ahead; negative puts it behind.
    pub offset_ns: i64,
    /// Billionths by which it is made faster; negative makes it slower.
    pub rate_ppb: i64,
}

/// What a member's wall clock showed, against the machine's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClockReading {
    /// Whose clock: "node `n1`, process 71 (`etcd`)".
    pub label: String,
    /// Whether the member's process is one that the shift reaches, as the kernel shows it.
    pub reached: bool,
    /// Nanoseconds that it was ahead.
    pub offset_ns: i64,
    /// By how much `offset_ns` may be wrong.
    pub offset_error_ns: u64,
    /// Billionths by which it ran faster.
    pub rate_ppb: i64,
    /// By how much `rate_ppb` may be wrong.
    pub rate_error_ppb: u64,
    /// How it was read, in one clause.
    pub detail: String,
}
