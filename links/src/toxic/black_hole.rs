//! Swallows connections.

use serde::{Deserialize, Serialize};

use crate::behaviour::{Behaviour, Gate, HoleMode};

/// Swallows connections. It acts on both ways, whichever its stream is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct BlackHoleToxic {
    /// Where a connection is swallowed.
    pub mode: HoleMode,
}

impl Behaviour for BlackHoleToxic {
    fn gate(&self) -> Gate {
        if self.mode == HoleMode::SayNothing { Gate::Held } else { Gate::Open }
    }

    fn hole(&self) -> Option<HoleMode> {
        Some(self.mode)
    }
}
