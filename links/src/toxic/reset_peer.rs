//! Resets the connection.

use serde::{Deserialize, Serialize};

use crate::behaviour::{Behaviour, Ending};
use crate::piece::milliseconds;

/// Resets both sides of a connection, idle ones and those that exist already included.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ResetPeer {
    /// The time until then in milliseconds, counted from when it took effect on the connection.
    pub timeout: i64,
}

impl Behaviour for ResetPeer {
    fn ending(&self) -> Option<(u64, Ending)> {
        Some((milliseconds(self.timeout), Ending::Reset))
    }
}
