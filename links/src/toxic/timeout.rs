//! Drops what comes, and closes the connection after a time.

use serde::{Deserialize, Serialize};

use crate::behaviour::{Behaviour, Ending, Gate};
use crate::piece::milliseconds;

/// Drops what comes, and closes the connection after a time, counted from when it took effect on the connection.
///
/// When it is removed, connections that lost bytes to it are closed, since a stream with a hole is none; the others go on.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Timeout {
    /// The time in milliseconds; 0 drops until the toxic is removed.
    pub timeout: i64,
}

impl Behaviour for Timeout {
    fn gate(&self) -> Gate {
        Gate::Drop
    }

    fn ending(&self) -> Option<(u64, Ending)> {
        (self.timeout > 0).then(|| (milliseconds(self.timeout), Ending::Close))
    }
}
