//! A cron expression as a document has it.

use std::borrow::Cow;
use std::fmt;

use croner::Cron;
use croner::parser::{CronParser, Year};
use jiff::Zoned;
use jiff::civil::date;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// Minute, hour, day of the month, month and day of the week, with names (`MON`, `JAN`), ranges, steps and lists; a field
/// in front of these holds seconds. Also `L`, `W`, `#` and the nicknames (`@daily`), as `croner` reads them.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CronExpression {
    text: String,
    cron: Cron,
}

/// Text that is not a cron expression, or one that no time fits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CronError {
    /// Another number of fields.
    #[error(
        "invalid cron expression `{0}`: expected five fields (minute, hour, day, month, weekday), or six with seconds in front"
    )]
    Fields(String),
    /// A field that can't be read.
    #[error("invalid cron expression `{text}`: {why}")]
    Field {
        /// The expression.
        text: String,
        /// What is wrong with it.
        why: String,
    },
    /// It would never fire.
    #[error("invalid cron expression `{0}`: no day of any year fits it")]
    Never(String),
}

impl CronExpression {
    /// The first time after `now`, in its zone.
    pub(super) fn next(&self, now: &Zoned) -> Option<Zoned> {
        self.cron.find_next_occurrence(now, false).ok()
    }
}

impl TryFrom<String> for CronExpression {
    type Error = CronError;

    fn try_from(text: String) -> Result<Self, CronError> {
        let fields = text.split_whitespace().count();
        if !(5..=6).contains(&fields) && !text.trim().starts_with('@') {
            return Err(CronError::Fields(text));
        }
        let parser = CronParser::builder().year(Year::Disallowed).build();
        let cron = match parser.parse(&text) {
            Ok(cron) => cron,
            Err(error) => {
                return Err(CronError::Field { text, why: error.to_string().trim_end_matches('.').to_owned() });
            }
        };
        // The library looks no further than the year 5000. These forty years before have each weekday on each day of the year,
        // a 29 February among them; looking through all of them takes a moment, through thirty centuries it does not.
        let late = date(4960, 1, 1).to_zoned(jiff::tz::TimeZone::UTC);
        let fits = late.is_ok_and(|late| cron.find_next_occurrence(&late, true).is_ok());
        if fits { Ok(Self { text, cron }) } else { Err(CronError::Never(text)) }
    }
}

impl From<CronExpression> for String {
    fn from(expression: CronExpression) -> Self {
        expression.text
    }
}

impl fmt::Display for CronExpression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl JsonSchema for CronExpression {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "CronExpression".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let field = "[0-9A-Za-z*/,?#-]+";
        let nickname = "@(yearly|annually|monthly|weekly|daily|hourly)";
        let pattern = format!("^\\s*({nickname}|{field}(\\s+{field}){{4,5}})\\s*$");
        json_schema!({ "type": "string", "pattern": pattern, "examples": ["0 3 * * MON-FRI", "*/10 * * * * *"] })
    }
}
