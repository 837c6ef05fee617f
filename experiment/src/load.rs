//! The loads of an experiment, made by whichever linked fault makes loads for others.

use std::time::Duration;

use chaos_core::{DurationText, FaultNode, ParseError, Policy};
use serde_json::json;

use crate::setup::Setup;

/// A load of the target: the warm-up, and then the measured time.
pub(crate) fn load(setup: &Setup, policy: &Policy, qps: u32, measured: Duration) -> Result<FaultNode, ParseError> {
    let warmup = setup.warmup();
    let text = |time: Duration| String::from(DurationText::from(time));
    chaos_core::parse(&json!({
        "type": "generate_load",
        "target": {
            "service_url": setup.target.as_str(),
            "qps": qps.max(1),
            "duration": text(warmup + measured),
            "warmup": text(warmup),
            "concurrency": setup.connections(policy),
        }
    }))
}
