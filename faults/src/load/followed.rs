//! What a load gave, and what was seen on the way.

use chaos_core::{EarlyStop, FaultStandings, LoadSecond};
use chaos_load::LoadResult;

/// A load that is over.
pub(super) struct Followed {
    pub(super) result: LoadResult,
    /// Why it was asked to stop, if it was.
    pub(super) stopped: Option<EarlyStop>,
    /// Where the run's other faults stood in each phase of the result.
    pub(super) standings: Vec<FaultStandings>,
    pub(super) seconds: Vec<LoadSecond>,
}
