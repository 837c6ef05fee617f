//! A typed parse of a JSON value that names the path of a mistake, whatever the order of the keys.

use serde::de::value::{MapAccessDeserializer, MapDeserializer, SeqDeserializer};
use serde::de::{DeserializeOwned, Deserializer, IntoDeserializer, Visitor};
use serde_json::{Number, Value};

use crate::pointer_segment;

/// How deep a document may nest; deeper ones overflow the stack of some plug-in's recursive parse.
///
/// Measured: about 46 nested probes overflow a 2 MiB stack in a debug build; 24 leaves half of it.
pub const MAX_DEPTH: usize = 24;

/// A value that is not what a type wants.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{message}", prefix(.pointer))]
pub struct ParseError {
    /// JSON pointer to the mistake ("" is the document itself).
    pub pointer: String,
    /// What is wrong there.
    pub message: String,
}

fn prefix(pointer: &str) -> String {
    if pointer.is_empty() { String::new() } else { format!("{pointer}: ") }
}

/// Parses `value`; a mistake deep inside a plug-in is reported at its own path.
pub fn parse<T: DeserializeOwned>(value: &Value) -> Result<T, ParseError> {
    let depth = value_depth(value);
    if depth > MAX_DEPTH {
        let message = format!("nested {depth} levels deep; at most {MAX_DEPTH} are read");
        return Err(ParseError { pointer: String::new(), message });
    }
    serde_path_to_error::deserialize(TypeFirst(value))
        .map_err(|error| ParseError { pointer: pointer_of(error.path()), message: error.inner().to_string() })
}

/// The nesting depth of a value: 0 for a scalar.
pub fn value_depth(value: &Value) -> usize {
    // Iterative, since the point is to find documents that recursion could not survive.
    let mut deepest = 0;
    let mut open = vec![(value, 0)];
    while let Some((value, depth)) = open.pop() {
        deepest = deepest.max(depth);
        match value {
            Value::Array(items) => open.extend(items.iter().map(|v| (v, depth + 1))),
            Value::Object(map) => open.extend(map.values().map(|v| (v, depth + 1))),
            _ => {}
        }
    }
    deepest
}

fn pointer_of(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    let mut pointer = String::new();
    for segment in path {
        match segment {
            Segment::Seq { index } => {
                pointer.push('/');
                pointer.push_str(&index.to_string());
            }
            Segment::Map { key } => {
                pointer.push('/');
                pointer.push_str(&pointer_segment(key));
            }
            _ => {}
        }
    }
    pointer
}

/// Deserializes a value with `type` as the first key of every map: only then does typetag stream the other keys, and
/// keep their path, instead of buffering them.
#[derive(Clone, Copy)]
struct TypeFirst<'a>(&'a Value);

impl<'a> IntoDeserializer<'a, serde_json::Error> for TypeFirst<'a> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> Deserializer<'de> for TypeFirst<'de> {
    type Error = serde_json::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        match self.0 {
            Value::Null => visitor.visit_unit(),
            Value::Bool(b) => visitor.visit_bool(*b),
            Value::Number(n) => visit_number(n, visitor),
            Value::String(s) => visitor.visit_borrowed_str(s),
            Value::Array(items) => {
                let mut seq = SeqDeserializer::new(items.iter().map(TypeFirst));
                let value = visitor.visit_seq(&mut seq)?;
                seq.end()?;
                Ok(value)
            }
            Value::Object(map) => {
                let tag = map.get_key_value("type").into_iter();
                let rest = map.iter().filter(|(key, _)| *key != "type");
                let mut entries = MapDeserializer::new(tag.chain(rest).map(|(k, v)| (k.as_str(), TypeFirst(v))));
                let value = visitor.visit_map(&mut entries)?;
                entries.end()?;
                Ok(value)
            }
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        match self.0 {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        match self.0 {
            // A variant's content is read by the same rules as everything else.
            Value::Object(map) if map.len() == 1 => {
                let entries = map.iter().map(|(key, value)| (key.as_str(), TypeFirst(value)));
                visitor.visit_enum(MapAccessDeserializer::new(MapDeserializer::new(entries)))
            }
            other => other.deserialize_enum(name, variants, visitor),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        visitor.visit_newtype_struct(self)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf
        unit unit_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

/// JSON Schema's `integer` takes `2.0`, so the typed parse does too.
fn visit_number<'de, V: Visitor<'de>>(n: &Number, visitor: V) -> Result<V::Value, serde_json::Error> {
    if let Some(u) = n.as_u64() {
        visitor.visit_u64(u)
    } else if let Some(i) = n.as_i64() {
        visitor.visit_i64(i)
    } else {
        let f = n.as_f64().unwrap_or(f64::NAN);
        match integral(f) {
            Some(i) => visitor.visit_i64(i),
            None => visitor.visit_f64(f),
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the bound keeps it inside what f64 counts exactly")]
fn integral(f: f64) -> Option<i64> {
    const EXACT: f64 = 9_007_199_254_740_992.0; // 2^53
    (f.fract() == 0.0 && f.abs() < EXACT).then_some(f as i64)
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::json;

    use super::*;

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Inner {
        percent: u8,
    }

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Outer {
        steps: Vec<Inner>,
        when: Option<f64>,
    }

    #[test]
    fn a_mistake_is_reported_at_its_own_pointer() {
        let error = parse::<Outer>(&json!({"steps": [{"percent": 1}, {"percent": 900}]})).unwrap_err();
        assert_eq!(error.pointer, "/steps/1/percent");
        assert!(error.message.contains("900"), "{error}");
    }

    #[test]
    fn an_integral_float_is_an_integer() {
        let outer: Outer = parse(&json!({"steps": [{"percent": 2.0}], "when": 2.0})).unwrap();
        assert_eq!(outer, Outer { steps: vec![Inner { percent: 2 }], when: Some(2.0) });
        assert!(parse::<Outer>(&json!({"steps": [{"percent": 2.5}]})).is_err());
    }

    #[test]
    fn nesting_past_the_bound_is_refused_before_the_parse() {
        let mut value = json!(1);
        for _ in 0..=MAX_DEPTH {
            value = json!([value]);
        }
        let error = parse::<Value>(&value).unwrap_err();
        assert_eq!(error.message, "nested 25 levels deep; at most 24 are read");
    }

    #[test]
    fn a_key_with_slash_and_tilde_is_escaped() {
        let error = parse::<std::collections::BTreeMap<String, u8>>(&json!({"a/b~c": "x"})).unwrap_err();
        assert_eq!(error.pointer, "/a~1b~0c");
    }

    #[test]
    fn the_content_of_a_variant_is_read_like_everything_else() {
        #[derive(Debug, PartialEq, serde::Deserialize)]
        #[serde(rename_all = "snake_case")]
        enum Size {
            Bytes(u64),
        }
        for number in [serde_json::json!(2), serde_json::json!(2.0)] {
            assert_eq!(parse::<Size>(&serde_json::json!({ "bytes": number })).unwrap(), Size::Bytes(2));
        }
        for wrong in [
            serde_json::json!({"bytes": 2.5}),
            serde_json::json!({"bytes": 2, "more": 3}),
            serde_json::json!({}),
            serde_json::json!("bytes"),
        ] {
            assert!(parse::<Size>(&wrong).is_err(), "{wrong}");
        }
    }
}
