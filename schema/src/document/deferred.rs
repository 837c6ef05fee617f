//! A part of a document that is read into its type later than the document itself.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use chaos_core::parse;
use chaos_core::schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::{Deserialize, DeserializeOwned, Deserializer};
use serde_json::Value;

use super::positions::Positions;
use crate::diagnostic::{Code, Diagnostic};

/// A part of a document as a value, and where it stands; a mistake in it is reported there, whenever it is read.
///
/// Its schema is that of `T`.
pub struct Deferred<T> {
    value: Value,
    positions: Positions,
    of: PhantomData<fn() -> T>,
}

impl<T> Deferred<T> {
    /// A value and where it stands.
    pub fn at(value: Value, positions: Positions) -> Self {
        Self { value, positions, of: PhantomData }
    }

    /// The value.
    pub fn value(&self) -> &Value {
        &self.value
    }

    /// The same value at another place.
    pub(crate) fn moved(self, positions: Positions) -> Self {
        Self { positions, ..self }
    }
}

impl<T: DeserializeOwned> Deferred<T> {
    /// Reads it. The message never holds a value of the document, since that could be a secret.
    pub fn read(&self) -> Result<T, Box<Diagnostic>> {
        parse(&self.value).map_err(|error| {
            let here = self.value.pointer(&error.pointer).unwrap_or(&self.value);
            let message = masked(&error.message, here);
            Box::new(self.positions.placed(Diagnostic::new(Code::InvalidValue, error.pointer, message)))
        })
    }
}

/// A plug-in's message without the values that it may quote.
fn masked(message: &str, value: &Value) -> String {
    let mut message = message.to_owned();
    let mut open = vec![value];
    while let Some(value) = open.pop() {
        match value {
            // A short text is a word of the message as often as a value in it.
            Value::String(text) if text.chars().count() >= 4 => message = message.replace(text.as_str(), "…"),
            Value::Array(items) => open.extend(items),
            Value::Object(map) => open.extend(map.values()),
            _ => {}
        }
    }
    message
}

impl<T> fmt::Debug for Deferred<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deferred").field("at", &self.positions).finish_non_exhaustive()
    }
}

impl<'de, T> Deserialize<'de> for Deferred<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Value::deserialize(deserializer).map(|value| Self::at(value, Positions::default()))
    }
}

impl<T: JsonSchema> JsonSchema for Deferred<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }

    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn schema_id() -> Cow<'static, str> {
        T::schema_id()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_mistake_is_told_at_its_place_in_the_document_and_without_its_value() {
        let part: Deferred<Vec<u8>> = serde_json::from_value(json!([1, "hunter2"])).unwrap();
        let error = part.moved(Positions::of("t.yaml").inside("steps").inside("0")).read().unwrap_err();
        assert_eq!((error.file.as_str(), error.pointer.as_str()), ("t.yaml", "/steps/0/1"));
        assert!(!error.message.contains("hunter2"), "{error:?}");
        let part: Deferred<Vec<u8>> = serde_json::from_value(json!([1, 2.0])).unwrap();
        assert_eq!((part.value(), part.read().unwrap()), (&json!([1, 2.0]), vec![1, 2]));
    }
}
