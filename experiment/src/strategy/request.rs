//! What may be asked of a strategy.

use std::num::NonZeroU32;

use chaos_core::{FaultNode, Seconds};
use chaos_schema::Runs;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

/// What may be asked of a strategy; what is left out is taken from the experiment, or chosen.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct StrategyRequest {
    /// Requests per second: the rate of `compare` and `repeat`, the first one of `capacity` and `ramp`.
    pub(crate) qps: Option<NonZeroU32>,
    /// The greatest rate of `capacity` and `ramp`.
    pub(crate) max_qps: Option<NonZeroU32>,
    /// Seconds that are measured at each point.
    pub(crate) seconds: Option<Seconds>,
    /// Runs of `repeat`, points of `ramp`, pairs of blocks of `compare`: 2 to 50.
    pub(crate) runs: Option<Runs>,
    /// The fault of `compare`, with its `type` and parameters.
    #[schemars(with = "Option<Value>")]
    pub(crate) fault: Option<FaultNode>,
}
