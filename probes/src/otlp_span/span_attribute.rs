//! The value that an attribute of a span must have.

use std::borrow::Cow;

use chaos_evidence::AttributeValue;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A text, a number, true or false, or a list of such.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Value", into = "Value")]
pub struct SpanAttribute(Value);

/// A value that no attribute can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("invalid value of an attribute: expected a text, a number, true or false, or a list of such")]
pub struct SpanAttributeError;

impl SpanAttribute {
    pub(super) fn value(&self) -> AttributeValue<'static> {
        AttributeValue::of_json(&self.0)
    }
}

impl TryFrom<Value> for SpanAttribute {
    type Error = SpanAttributeError;

    fn try_from(value: Value) -> Result<Self, Self::Error> {
        let plain = |value: &Value| value.is_string() || value.is_number() || value.is_boolean();
        let fits = plain(&value) || value.as_array().is_some_and(|list| list.iter().all(plain));
        if fits { Ok(Self(value)) } else { Err(SpanAttributeError) }
    }
}

impl From<SpanAttribute> for Value {
    fn from(attribute: SpanAttribute) -> Self {
        attribute.0
    }
}

impl JsonSchema for SpanAttribute {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "SpanAttribute".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let plain = ["string", "number", "boolean"];
        json_schema!({
            "type": ["string", "number", "boolean", "array"],
            "items": { "type": plain },
        })
    }
}
