//! The status codes that mean yes: one, a range, or a list of both.

use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::{self, Deserialize, Deserializer, SeqAccess, Visitor};
use serde::{Serialize, Serializer};

use super::status_range::StatusRange;

/// Status codes: a number, a range, or a list of both (`[200, "300-399"]`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusSet(Vec<StatusRange>);

impl StatusSet {
    /// Whether it holds this status.
    pub fn contains(&self, status: u16) -> bool {
        self.0.iter().any(|range| range.contains(status))
    }
}

impl Default for StatusSet {
    /// Every status from 200 to 299.
    fn default() -> Self {
        StatusRange::success().into()
    }
}

impl From<StatusRange> for StatusSet {
    fn from(range: StatusRange) -> Self {
        Self(vec![range])
    }
}

impl fmt::Display for StatusSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, range) in self.0.iter().enumerate() {
            let before = match index {
                0 => "",
                n if n + 1 == self.0.len() => " or ",
                _ => ", ",
            };
            write!(f, "{before}{range}")?;
        }
        Ok(())
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
        StatusRange::try_from(status).map(Into::into).map_err(E::custom)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<StatusSet, E> {
        text.parse::<StatusRange>().map(Into::into).map_err(E::custom)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<StatusSet, A::Error> {
        let mut ranges = Vec::new();
        while let Some(range) = items.next_element()? {
            ranges.push(range);
        }
        if ranges.is_empty() {
            return Err(de::Error::custom("an empty list: expected at least one status, such as `[200, \"300-399\"]`"));
        }
        Ok(StatusSet(ranges))
    }
}

impl JsonSchema for StatusSet {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "StatusSet".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = StatusRange::json_schema(generator);
        let items = schema.clone();
        schema.insert("type".into(), ["integer", "string", "array"].into());
        schema.insert("items".into(), items.into());
        schema.insert("minItems".into(), 1.into());
        schema.insert("examples".into(), serde_json::json!([200, "200-299", [200, "300-399"]]));
        schema.insert(
            "patternErrorMessage".into(),
            "expected a number from 100 to 599, a range such as 200-299, or a list of both".into(),
        );
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
            (json!(204), json!(204), "204"),
            (json!("200-299"), json!("200-299"), "200-299"),
            (json!([204]), json!(204), "204"),
            (json!([200, "300-399"]), json!([200, "300-399"]), "200 or 300-399"),
            (json!([200, "302", 404]), json!([200, 302, 404]), "200, 302 or 404"),
        ];
        for (from, to, text) in rows {
            let set: StatusSet = parse(&from).unwrap();
            assert_eq!((serde_json::to_value(&set).unwrap(), set.to_string()), (to, text.to_owned()), "{from}");
        }
        let set: StatusSet = parse(&json!([200, "300-399"])).unwrap();
        assert!(set.contains(200) && set.contains(302) && !set.contains(201) && !set.contains(404));
    }

    #[test]
    fn mistakes_are_named_at_their_place() {
        let rows = [
            (json!([]), "", "an empty list"),
            (json!([200, 42]), "/1", "invalid status `42`"),
            (json!(["2xx"]), "/0", "invalid status `2xx`"),
            (json!([[200]]), "/0", "a number from 100 to 599"),
            (json!({"a": 1}), "", "a list of both"),
            (json!(-1), "", "invalid status `-1`"),
        ];
        for (from, pointer, message) in rows {
            let error = parse::<StatusSet>(&from).unwrap_err();
            assert!(error.pointer == pointer && error.message.contains(message), "{from}: {error}");
        }
    }
}
