//! Labels of nodes, and how many of those that have them are meant.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::num::NonZeroU32;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// What tells nodes from others, for people and for faults: `role: member`.
pub type NodeLabels = BTreeMap<String, String>;

/// Whether a node with the labels `own` has all of `wanted`.
pub fn has_labels(own: &NodeLabels, wanted: &NodeLabels) -> bool {
    wanted.iter().all(|(key, value)| own.get(key) == Some(value))
}

/// How many of the nodes that match are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "PickText", into = "PickText")]
pub enum Pick {
    /// This many, drawn by the seed.
    Some(NonZeroU32),
    /// Every one of them.
    All,
}

impl Default for Pick {
    /// One.
    fn default() -> Self {
        Self::Some(NonZeroU32::MIN)
    }
}

/// A number or a word.
#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
enum PickText {
    Number(u32),
    Word(String),
}

/// A pick that is neither.
#[derive(Debug, thiserror::Error)]
#[error("invalid `pick`: expected a number from 1 on, or `all`")]
struct PickError;

impl TryFrom<PickText> for Pick {
    type Error = PickError;

    fn try_from(text: PickText) -> Result<Self, PickError> {
        match text {
            PickText::Number(number) => NonZeroU32::new(number).map(Self::Some).ok_or(PickError),
            PickText::Word(word) if word == "all" => Ok(Self::All),
            PickText::Word(_) => Err(PickError),
        }
    }
}

impl From<Pick> for PickText {
    fn from(pick: Pick) -> Self {
        match pick {
            Pick::Some(number) => Self::Number(number.get()),
            Pick::All => Self::Word("all".to_owned()),
        }
    }
}

impl JsonSchema for Pick {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Pick".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let text = "expected a number from 1 on, or `all`";
        json_schema!({
            "type": ["integer", "string"],
            "minimum": 1,
            "maximum": u32::MAX,
            "pattern": "^all$",
            "patternErrorMessage": text,
            "examples": ["all"],
        })
    }
}
