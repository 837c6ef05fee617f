//! What a strategy found: the engine's own figures, with the steps that support them.

use chaos_schema::StrategyName;
use serde::{Deserialize, Serialize};

use crate::statistics::Estimate;

/// One point of a curve: a rate, and whether the SLOs held there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// The step that measured it.
    pub step: u32,
    /// The target rate.
    pub target_qps: f64,
    /// Whether every SLO held, and the target kept up.
    pub held: bool,
    /// Why it did not hold; empty where it did.
    pub why: String,
    /// Whether the generator, not the target, was at its limit.
    pub generator: bool,
    /// Whether it looks as if the target left connections unserved.
    #[serde(default)]
    pub unserved_connections: bool,
}

/// Where a capacity ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CapacityLimit {
    /// At the target's own limit.
    Target,
    /// At the generator's: the target may do more.
    Generator,
    /// At the greatest rate that was allowed: the target may do more.
    Ceiling,
    /// The SLOs did not hold even at the lowest rate.
    BelowFloor,
    /// The search was cut off.
    CutOff,
}

/// What a strategy found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "strategy", rename_all = "snake_case")]
pub enum Finding {
    /// The greatest rate at which the SLOs hold.
    Capacity {
        /// That rate; `None` where they held at no rate.
        capacity_qps: Option<f64>,
        /// The lowest rate at which they did not hold.
        broken_qps: Option<f64>,
        /// Where it ends.
        limit: CapacityLimit,
        /// Whether a second run at that rate held too.
        confirmed: bool,
        /// The points, in the order in which they were measured.
        points: Vec<Point>,
    },
    /// Evenly spaced rates.
    Ramp {
        /// The greatest rate up to which all points held.
        knee_qps: Option<f64>,
        /// The points.
        points: Vec<Point>,
    },
    /// With and without a fault.
    Compare {
        /// The fault's `type`.
        fault: String,
        /// The measure on which the claim rests.
        measure: String,
        /// The difference, with minus without; one value a pair of blocks. `None` with fewer than two pairs.
        difference: Option<Estimate>,
        /// The same of other measures, for which nothing is claimed.
        others: Vec<(String, Estimate)>,
        /// Mean without the fault.
        without: f64,
        /// Mean with the fault.
        with: f64,
        /// Steps without the fault, and the steps of the same pair with it.
        pairs: Vec<(u32, u32)>,
        /// Whether the SLOs held with the fault in force, in every block.
        held_with: bool,
    },
    /// The same load several times.
    Repeat {
        /// Each measure over the runs.
        spread: Vec<(String, Estimate)>,
        /// The points, all at one rate.
        points: Vec<Point>,
    },
}

impl Finding {
    /// The strategy that found it.
    pub fn strategy(&self) -> StrategyName {
        match self {
            Self::Capacity { .. } => StrategyName::Capacity,
            Self::Ramp { .. } => StrategyName::Ramp,
            Self::Compare { .. } => StrategyName::Compare,
            Self::Repeat { .. } => StrategyName::Repeat,
        }
    }

    /// The points that it measured.
    pub fn points(&self) -> &[Point] {
        match self {
            Self::Capacity { points, .. } | Self::Ramp { points, .. } | Self::Repeat { points, .. } => points,
            Self::Compare { .. } => &[],
        }
    }

    /// Whether the interval of a comparison lies on one side of zero.
    pub fn claims_difference(&self) -> bool {
        matches!(self, Self::Compare { difference: Some(difference), .. } if difference.excludes_zero())
    }

    /// Whether the SLOs held; `None` where it can't tell.
    pub fn slo_held(&self) -> Option<bool> {
        match self {
            // Where nothing is answered any more there is no difference to tell, and no SLO that holds.
            Self::Capacity { limit: CapacityLimit::BelowFloor, .. } | Self::Compare { held_with: false, .. } => {
                Some(false)
            }
            Self::Capacity { limit: CapacityLimit::Generator | CapacityLimit::CutOff, .. } => None,
            Self::Capacity { confirmed, .. } => confirmed.then_some(true),
            Self::Ramp { points, .. } | Self::Repeat { points, .. } => match points.iter().find(|point| !point.held) {
                Some(broken) if broken.generator => None,
                // A ramp is meant to go past the knee.
                Some(_) => Some(matches!(self, Self::Ramp { knee_qps: Some(_), .. })),
                None => (!points.is_empty()).then_some(true),
            },
            Self::Compare { difference, .. } => difference.map(|_| true),
        }
    }
}
