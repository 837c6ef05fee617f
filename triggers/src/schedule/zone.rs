//! A time zone by its name.

use std::borrow::Cow;

use jiff::tz::TimeZone;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// A time zone, by its IANA name (`Europe/Berlin`). The rules are those of this machine's `/usr/share/zoneinfo`; `UTC` needs none.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TimeZoneName {
    name: String,
    /// `None` where this machine does not know it.
    zone: Option<TimeZone>,
}

/// A name that no time zone has, or none on this machine.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TimeZoneError {
    /// Text that is not the name of a zone anywhere.
    #[error("invalid time zone `{0}`: expected `UTC`, or a name such as `Europe/Berlin`")]
    Invalid(String),
    /// A name that this machine does not know.
    #[error(
        "unknown time zone `{0}`: expected `UTC`, or a name that `/usr/share/zoneinfo` has here, such as `Europe/Berlin`"
    )]
    Unknown(String),
}

/// The names that may be a zone's on some machine.
const NAME: &str = "^[0-9A-Za-z_+-]+(/[0-9A-Za-z_+-]+)*$";

const UTC: &str = "UTC";

impl TimeZoneName {
    /// The zone; whether there is one depends on the machine, so that a document is valid on each.
    pub(super) fn get(&self) -> Result<&TimeZone, TimeZoneError> {
        self.zone.as_ref().ok_or_else(|| TimeZoneError::Unknown(self.name.clone()))
    }
}

impl Default for TimeZoneName {
    fn default() -> Self {
        Self { name: UTC.to_owned(), zone: Some(TimeZone::UTC) }
    }
}

impl TryFrom<String> for TimeZoneName {
    type Error = TimeZoneError;

    fn try_from(name: String) -> Result<Self, TimeZoneError> {
        if name == UTC {
            return Ok(Self::default());
        }
        // As the pattern has it.
        let is_word = |word: &str| {
            !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '+' | '-'))
        };
        if !name.split('/').all(is_word) {
            return Err(TimeZoneError::Invalid(name));
        }
        let zone = TimeZone::get(&name).ok();
        Ok(Self { name, zone })
    }
}

impl From<TimeZoneName> for String {
    fn from(zone: TimeZoneName) -> Self {
        zone.name
    }
}

impl JsonSchema for TimeZoneName {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "TimeZoneName".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": NAME, "examples": ["UTC", "Europe/Berlin"] })
    }
}
