//! A number of processors.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// A number of processors, to the thousandth: 0.5 is half of the time of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Cpus(u32);

/// A number of processors that is none.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("invalid number of processors {0}: expected a number from 0.01 to {MOST}, such as 0.5")]
pub struct CpusError(f64);

/// More than any machine has.
const MOST: f64 = 100_000.0;

impl Cpus {
    /// The share as a number.
    pub fn get(self) -> f64 {
        f64::from(self.0) / 1000.0
    }
}

impl TryFrom<f64> for Cpus {
    type Error = CpusError;

    fn try_from(cpus: f64) -> Result<Self, CpusError> {
        // The kernel takes no quota below 1 ms of a period of 100 ms.
        if !(0.01..=MOST).contains(&cpus) {
            return Err(CpusError(cpus));
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range was checked")]
        let thousandths = (cpus * 1000.0).round() as u32;
        Ok(Self(thousandths))
    }
}

impl From<Cpus> for f64 {
    fn from(cpus: Cpus) -> Self {
        cpus.get()
    }
}

impl fmt::Display for Cpus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get().fmt(f)
    }
}

impl JsonSchema for Cpus {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Cpus".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "number", "minimum": 0.01, "maximum": MOST })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_a_number_in_the_range_that_the_kernel_takes() {
        for good in [0.01, 0.5, 1.0, 64.0] {
            assert!((Cpus::try_from(good).unwrap().get() - good).abs() < 1e-9, "{good}");
        }
        for wrong in [0.0, 0.009, -1.0, f64::NAN, f64::INFINITY] {
            let error = Cpus::try_from(wrong).unwrap_err().to_string();
            assert!(error.ends_with("expected a number from 0.01 to 100000, such as 0.5"), "{error}");
        }
    }
}
