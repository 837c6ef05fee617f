//! The status codes that mean yes: one, a range, or a list of both.

use std::fmt;

use schemars::JsonSchema;
use serde::de::value::SeqAccessDeserializer;
use serde::de::{self, Deserializer, SeqAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};

use super::status_range::StatusRange;

/// One status code (`204`), a range (`200-299`), or a list of both (`[200, "300-399"]`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusSet(Vec<StatusRange>);

impl StatusSet {
    /// Every status from 200 to 299.
    pub fn success() -> Self {
        StatusRange::success().into()
    }

    /// Every status.
    pub fn any() -> Self {
        StatusRange::any().into()
    }

    /// Whether it holds this status.
    pub fn contains(&self, status: u16) -> bool {
        self.0.iter().any(|range| range.contains(status))
    }
}

impl From<StatusRange> for StatusSet {
    fn from(range: StatusRange) -> Self {
        Self(vec![range])
    }
}

impl fmt::Display for StatusSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ranges: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&ranges.join(" or "))
    }
}

impl Serialize for StatusSet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.as_slice() {
            [one] => one.serialize(serializer),
            several => several.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for StatusSet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OneOrMore)
    }
}

struct OneOrMore;

impl<'de> Visitor<'de> for OneOrMore {
    type Value = StatusSet;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number from 100 to 599, a range such as `200-299`, or a list of both")
    }

    fn visit_u64<E: de::Error>(self, status: u64) -> Result<StatusSet, E> {
        StatusRange::try_from(status).map(Into::into).map_err(E::custom)
    }

    fn visit_i64<E: de::Error>(self, status: i64) -> Result<StatusSet, E> {
        // Below zero it is no status, and neither is zero.
        self.visit_u64(u64::try_from(status).unwrap_or_default())
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<StatusSet, E> {
        text.parse::<StatusRange>().map(Into::into).map_err(E::custom)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<StatusSet, A::Error> {
        let ranges = Vec::<StatusRange>::deserialize(SeqAccessDeserializer::new(list))?;
        let none = "no status: expected at least one, such as `[200, \"300-399\"]`";
        if ranges.is_empty() { Err(de::Error::custom(none)) } else { Ok(StatusSet(ranges)) }
    }
}

impl JsonSchema for StatusSet {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "StatusSet".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let one = StatusRange::json_schema(generator);
        let mut schema = one.clone();
        schema.insert("type".to_owned(), serde_json::json!(["integer", "string", "array"]));
        schema.insert("items".to_owned(), one.to_value());
        schema.insert("minItems".to_owned(), 1.into());
        schema.insert("examples".to_owned(), serde_json::json!([200, "200-299", [200, "300-399"]]));
        schema
    }
}

#[cfg(test)]
mod tests {
    use chaos_core::parse;
    use serde_json::json;

    use super::*;

    #[test]
    fn one_and_several_are_read_and_written_again() {
        let rows = [
            (json!(204), json!(204), 204, 205),
            (json!("200-299"), json!("200-299"), 250, 300),
            (json!([200, "300-399"]), json!([200, "300-399"]), 301, 201),
            (json!([200]), json!(200), 200, 301),
        ];
        for (from, to, inside, outside) in rows {
            let set: StatusSet = parse(&from).unwrap();
            assert_eq!(serde_json::to_value(&set).unwrap(), to, "{from}");
            assert!(set.contains(inside) && !set.contains(outside), "{from}");
        }
    }

    #[test]
    fn an_empty_list_and_a_wrong_item_are_refused() {
        let rows = [(json!([]), "at least one"), (json!([200, 42]), "invalid status `42`"), (json!(-1), "100 to 599")];
        for (from, why) in rows {
            let error = parse::<StatusSet>(&from).unwrap_err();
            assert!(error.message.contains(why), "{from}: {error}");
        }
    }
}
