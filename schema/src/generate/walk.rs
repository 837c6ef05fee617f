//! Visits every schema inside a schema, and nothing that only looks like one.

use serde_json::Value;

/// Keywords that hold one schema.
const ONE: [&str; 9] =
    ["items", "additionalItems", "additionalProperties", "contains", "propertyNames", "not", "if", "then", "else"];
/// Keywords that hold a list of schemas.
const LIST: [&str; 4] = ["allOf", "anyOf", "oneOf", "items"];
/// Keywords that hold schemas by name.
const NAMED: [&str; 5] = ["properties", "patternProperties", "definitions", "$defs", "dependencies"];

/// Calls `visit` for `schema` and every schema inside it, the inner ones first.
pub(crate) fn each_schema(schema: &mut Value, visit: &mut impl FnMut(&mut Value)) {
    if let Value::Object(map) = schema {
        for (keyword, inner) in map.iter_mut() {
            let keyword = keyword.as_str();
            match inner {
                Value::Array(items) if LIST.contains(&keyword) => {
                    for item in items.iter_mut() {
                        each_schema(item, visit);
                    }
                }
                Value::Object(named) if NAMED.contains(&keyword) => {
                    named.values_mut().for_each(|item| each_schema(item, visit));
                }
                Value::Object(_) if ONE.contains(&keyword) => each_schema(inner, visit),
                _ => {}
            }
        }
    }
    visit(schema);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_property_named_like_a_keyword_is_a_property() {
        let mut schema = json!({"properties": {"not": {"type": "string"}, "enum": {"items": [{"type": "null"}]}}});
        let mut seen = Vec::new();
        each_schema(&mut schema, &mut |s| seen.extend(s.get("type").cloned()));
        seen.sort_by_key(Value::to_string);
        assert_eq!(seen, vec![json!("null"), json!("string")]);
    }

    #[test]
    fn a_default_that_looks_like_a_schema_is_left_alone() {
        let mut schema = json!({"default": {"items": {"type": "x"}}, "const": {"not": {}}});
        let mut count = 0;
        each_schema(&mut schema, &mut |_| count += 1);
        assert_eq!(count, 1);
    }
}
