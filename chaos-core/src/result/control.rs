//! The control leg of an entry: the same without its fault, to compare with.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Verification;

/// When the control leg of an entry comes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ControlOrder {
    /// Before the fault.
    #[default]
    Before,
    /// After the fault was undone and the recovery was verified.
    After,
}

impl ControlOrder {
    /// The order of a round, from 1: before in odd ones and after in even ones, so that a drift of the system cancels out.
    pub fn of_round(round: u32) -> Self {
        if round.is_multiple_of(2) { Self::After } else { Self::Before }
    }

    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Before => "before",
            Self::After => "after",
        }
    }
}

/// What the probes of an entry said without its fault, for as long as the fault is to be in force.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ControlLeg {
    /// Whether it came before the fault or after.
    pub order: ControlOrder,
    /// When it began, in seconds since the run began; null where its trigger did not fire.
    #[serde(default)]
    pub began_seconds: Option<f64>,
    /// When it ended.
    #[serde(default)]
    pub ended_seconds: Option<f64>,
    /// The answers of `during`, `detect` and `abort_if`, in this order. Without the fault `detect` is to say no.
    #[serde(default)]
    pub probes: Vec<Verification>,
    /// Why it says that the entry shows nothing; null where the system was steady without the fault.
    #[serde(default)]
    pub reason: Option<String>,
}

impl ControlLeg {
    /// One that has not begun.
    pub fn new(order: ControlOrder) -> Self {
        Self { order, began_seconds: None, ended_seconds: None, probes: Vec::new(), reason: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_take_turns() {
        use ControlOrder::{After, Before};
        assert_eq!([1, 2, 3, 4].map(ControlOrder::of_round), [Before, After, Before, After]);
    }
}
