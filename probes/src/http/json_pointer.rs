//! A place in a JSON document (RFC 6901).

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A JSON pointer: empty for the document itself, else keys and indices, each after a `/` (`/items/0/name`). In a key,
/// `~1` stands for `/` and `~0` for `~`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct JsonPointer(String);

/// Text that is not a JSON pointer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid JSON pointer `{0}`: expected keys and indices that each follow a `/`, such as `/items/0/name`")]
pub struct JsonPointerError(String);

impl JsonPointer {
    /// What is at this place; `None` when nothing is.
    pub fn find<'d>(&self, document: &'d Value) -> Option<&'d Value> {
        document.pointer(&self.0)
    }
}

impl TryFrom<String> for JsonPointer {
    type Error = JsonPointerError;

    fn try_from(text: String) -> Result<Self, JsonPointerError> {
        let is_escaped = text.split('~').skip(1).all(|after| after.starts_with(['0', '1']));
        if is_escaped && (text.is_empty() || text.starts_with('/')) {
            Ok(Self(text))
        } else {
            Err(JsonPointerError(text))
        }
    }
}

impl From<JsonPointer> for String {
    fn from(pointer: JsonPointer) -> Self {
        pointer.0
    }
}

impl fmt::Display for JsonPointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { f.write_str("the body") } else { write!(f, "`{}`", self.0) }
    }
}

impl JsonSchema for JsonPointer {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "JsonPointer".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": "^(/([^/~]|~[01])*)*$",
            "patternErrorMessage": "expected keys and indices that each follow a /, such as /items/0/name",
            "examples": ["/status", "/items/0/name"]
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn places_are_found_as_the_rfc_says() {
        let document = json!({"a": {"b/c": [1, {"~": 2}], "": 3}});
        let rows = [
            ("", Some(document.clone())),
            ("/a/b~1c/0", Some(json!(1))),
            ("/a/b~1c/1/~0", Some(json!(2))),
            ("/a/", Some(json!(3))),
            ("/a/b~1c/2", None),
            ("/a/b~1c/00", None),
            ("/a/b~1c/-", None),
            ("/x", None),
        ];
        for (text, found) in rows {
            assert_eq!(JsonPointer::try_from(text.to_owned()).unwrap().find(&document), found.as_ref(), "{text}");
        }
    }

    #[test]
    fn the_published_pattern_and_the_parser_agree() {
        let schema = JsonPointer::json_schema(&mut SchemaGenerator::default());
        let pattern = regex_lite::Regex::new(schema.get("pattern").unwrap().as_str().unwrap()).unwrap();
        for text in ["", "/", "/a/b", "a", "a/b", "$.a", "/~0/~1", "/~", "/~2", "/a~", "/ä b", "//"] {
            let parsed = JsonPointer::try_from(text.to_owned());
            assert_eq!(pattern.is_match(text), parsed.is_ok(), "{text}");
            if let Err(error) = parsed {
                assert!(error.to_string().ends_with("such as `/items/0/name`"), "{error}");
            }
        }
    }
}
