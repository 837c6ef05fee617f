//! A share of things, of which there is at least some.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// A share above 0 and up to 1.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Portion(f64);

/// A number that is not such a share.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error("invalid share `{0}`: expected a number above 0 and up to 1")]
pub struct PortionError(f64);

impl Portion {
    /// The share.
    pub fn get(self) -> f64 {
        self.0
    }
}

impl TryFrom<f64> for Portion {
    type Error = PortionError;

    fn try_from(share: f64) -> Result<Self, PortionError> {
        if share > 0.0 && share <= 1.0 { Ok(Self(share)) } else { Err(PortionError(share)) }
    }
}

impl From<Portion> for f64 {
    fn from(share: Portion) -> Self {
        share.0
    }
}

impl JsonSchema for Portion {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Portion".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "number", "exclusiveMinimum": 0, "maximum": 1 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_hold() {
        for share in [1.0, 0.3, f64::MIN_POSITIVE] {
            assert!(Portion::try_from(share).is_ok(), "{share}");
        }
        for share in [0.0, -0.1, 1.1, f64::NAN] {
            assert!(Portion::try_from(share).is_err(), "{share}");
        }
    }
}
