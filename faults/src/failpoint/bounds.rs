//! Bounded parameters of `failpoint`.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// A value that is out of its bounds.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum BoundsError {
    /// Not a share.
    #[error("invalid share `{0}`: expected a number from 0 to 1")]
    Share(f64),
    /// Not the name of a site.
    #[error("invalid fail point name `{0}`: expected letters, digits and `._/:-`, 200 at the most")]
    Site(String),
    /// Not the name of an environment variable.
    #[error(
        "invalid variable name: expected letters, digits and `_`, not a digit first; name the variable, not the token"
    )]
    Variable,
    /// Not a lease.
    #[error("invalid lease `{0}`: expected a whole number of seconds from 1 to 3600")]
    Lease(u16),
}

/// A share of the hits, from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Share(f64);

impl Share {
    /// The share.
    pub fn get(self) -> f64 {
        self.0
    }
}

impl TryFrom<f64> for Share {
    type Error = BoundsError;

    fn try_from(share: f64) -> Result<Self, BoundsError> {
        if (0.0..=1.0).contains(&share) { Ok(Self(share)) } else { Err(BoundsError::Share(share)) }
    }
}

impl From<Share> for f64 {
    fn from(share: Share) -> Self {
        share.0
    }
}

impl JsonSchema for Share {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Share".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "number", "minimum": 0.0, "maximum": 1.0 })
    }
}

/// The name of a fail point, which is a part of a path in the requests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SiteName(String);

/// What every accepted name has; `TryFrom` accepts exactly the same.
const SITE: &str = "^[A-Za-z0-9._/:-]{1,200}$";

impl SiteName {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SiteName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for SiteName {
    type Error = BoundsError;

    fn try_from(name: String) -> Result<Self, BoundsError> {
        let is_fine = |byte: u8| byte.is_ascii_alphanumeric() || b"._/:-".contains(&byte);
        if (1..=200).contains(&name.len()) && name.bytes().all(is_fine) {
            Ok(Self(name))
        } else {
            Err(BoundsError::Site(name))
        }
    }
}

impl From<SiteName> for String {
    fn from(name: SiteName) -> Self {
        name.0
    }
}

impl JsonSchema for SiteName {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "SiteName".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": SITE,
            "patternErrorMessage": "write the name of a fail point: letters, digits and ._/:-"
        })
    }
}

/// How long a site stays armed after the last renewal: whole seconds, 1 to 3600.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u16", into = "u16")]
pub struct LeaseSeconds(u16);

impl LeaseSeconds {
    /// The length.
    pub fn get(self) -> Duration {
        Duration::from_secs(self.0.into())
    }
}

impl Default for LeaseSeconds {
    /// Long enough for a busy machine to renew, short enough that a killed run does not matter long.
    fn default() -> Self {
        Self(10)
    }
}

impl TryFrom<u16> for LeaseSeconds {
    type Error = BoundsError;

    fn try_from(seconds: u16) -> Result<Self, BoundsError> {
        if (1..=3600).contains(&seconds) { Ok(Self(seconds)) } else { Err(BoundsError::Lease(seconds)) }
    }
}

impl From<LeaseSeconds> for u16 {
    fn from(lease: LeaseSeconds) -> Self {
        lease.0
    }
}

impl JsonSchema for LeaseSeconds {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "LeaseSeconds".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "integer", "minimum": 1, "maximum": 3600 })
    }
}

/// The name of an environment variable. A value that is none is not repeated: it may be the secret itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct VariableName(String);

/// What every accepted variable has; `TryFrom` accepts exactly the same.
const VARIABLE: &str = "^[A-Za-z_][A-Za-z0-9_]{0,199}$";

impl VariableName {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for VariableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for VariableName {
    type Error = BoundsError;

    fn try_from(name: String) -> Result<Self, BoundsError> {
        let is_fine = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        let starts = !name.starts_with(|first: char| first.is_ascii_digit());
        if (1..=200).contains(&name.len()) && starts && name.bytes().all(is_fine) {
            Ok(Self(name))
        } else {
            Err(BoundsError::Variable)
        }
    }
}

impl From<VariableName> for String {
    fn from(name: VariableName) -> Self {
        name.0
    }
}

impl JsonSchema for VariableName {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "VariableName".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": VARIABLE,
            "patternErrorMessage": "write the name of an environment variable, not the token"
        })
    }
}
