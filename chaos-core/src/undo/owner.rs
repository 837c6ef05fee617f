//! Who carries out a step.

use serde::{Deserialize, Serialize};

/// Who carries out a step as long as it is alive: the supervisor of a node.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct StepOwner {
    /// The node's name.
    pub node: String,
}
