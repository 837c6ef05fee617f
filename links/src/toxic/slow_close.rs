//! Delays the end of a stream.

use serde::{Deserialize, Serialize};

use crate::behaviour::Behaviour;
use crate::piece::milliseconds;

/// Delays the end of a stream.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct SlowClose {
    /// The delay in milliseconds.
    pub delay: i64,
}

impl Behaviour for SlowClose {
    fn close_delay(&self) -> u64 {
        milliseconds(self.delay)
    }
}
