//! Closes the connection after a number of bytes.

use serde::{Deserialize, Serialize};

use crate::behaviour::Behaviour;

/// Closes the connection after a number of bytes, counted from when it took effect on the connection.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct LimitData {
    /// How many bytes pass.
    pub bytes: i64,
}

impl Behaviour for LimitData {
    fn limit(&self) -> Option<u64> {
        Some(u64::try_from(self.bytes).unwrap_or(0))
    }
}
