//! Visits every schema inside a schema, alone or together with the values that it describes.

use serde_json::Value;

use crate::pointer;

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

/// Calls `visit` with each schema that applies to `value` or to a part of it, that part, and its JSON pointer.
///
/// Where `visit` says no, nothing inside is visited. References are looked up in `root`.
pub(crate) fn each_instance<'v>(
    root: &Value,
    schema: &Value,
    value: &'v Value,
    at: &str,
    visit: &mut dyn FnMut(&Value, &'v Value, &str) -> bool,
) {
    if !schema.is_object() || !visit(schema, value, at) {
        return;
    }
    let target = schema.get("$ref").and_then(Value::as_str).and_then(|target| root.pointer(target.strip_prefix('#')?));
    let lists = ["allOf", "anyOf", "oneOf"].into_iter().filter_map(|keyword| schema.get(keyword)?.as_array()).flatten();
    let branch = schema.get("if").and_then(|test| schema.get(if holds(test, value) { "then" } else { "else" }));
    for same in target.into_iter().chain(lists).chain(branch) {
        each_instance(root, same, value, at, visit);
    }
    match value {
        Value::Object(map) => {
            for (key, item) in map {
                let own = schema.get("properties").and_then(|properties| properties.get(key));
                if let Some(inner) = own.or_else(|| schema.get("additionalProperties")) {
                    each_instance(root, inner, item, &pointer::join(at, key), visit);
                }
            }
        }
        Value::Array(items) => {
            if let Some(inner) = schema.get("items") {
                for (index, item) in items.iter().enumerate() {
                    each_instance(root, inner, item, &pointer::join(at, &index.to_string()), visit);
                }
            }
        }
        _ => {}
    }
}

/// Whether a value passes the test of an `if`, as far as the keywords go that our own schemas use there.
fn holds(test: &Value, value: &Value) -> bool {
    let listed = |values: &Value| values.as_array().is_some_and(|values| values.contains(value));
    let required = test.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    let properties = test.get("properties").and_then(Value::as_object).into_iter().flatten();
    test.get("const").is_none_or(|constant| constant == value)
        && test.get("enum").is_none_or(listed)
        && test
            .get("type")
            .is_none_or(|name| (*name != "object" || value.is_object()) && (*name != "null" || value.is_null()))
        && required.into_iter().all(|key| value.get(key).is_some())
        && properties.into_iter().all(|(key, test)| value.get(key).is_none_or(|value| holds(test, value)))
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

    #[test]
    fn a_value_is_visited_with_the_arm_that_its_type_chooses() {
        let schema = json!({
            "properties": {"list": {"items": {"$ref": "#/definitions/node"}}},
            "definitions": {"node": {"allOf": [
                {"if": {"required": ["type"], "properties": {"type": {"const": "a"}}}, "then": {"properties": {"x": {"title": "A"}}}},
                {"if": {"required": ["type"], "properties": {"type": {"enum": ["b"]}}}, "then": {"properties": {"x": {"title": "B"}}}},
            ]}},
        });
        let value = json!({"list": [{"type": "b", "x": 1}, {"type": "a", "x": 2}, {"x": 3}]});
        let mut seen = Vec::new();
        each_instance(&schema, &schema, &value, "", &mut |schema, value, at| {
            seen.extend(schema.get("title").map(|title| format!("{at} {title} {value}")));
            true
        });
        assert_eq!(seen, ["/list/0/x \"B\" 1", "/list/1/x \"A\" 2"]);
    }
}
