//! Opens a schema for placeholders: `{{NAME}}` may stand where a scalar is expected.

use serde_json::{Map, Value, json};

use crate::placeholder::PATTERN;
use crate::walk::each_schema;

/// Opens a schema and all schemas inside it.
pub(crate) fn open(schema: &mut Value) {
    each_schema(schema, &mut |schema| {
        if let Value::Object(map) = schema {
            open_one(map);
        }
    });
}

fn lone() -> String {
    format!("^{PATTERN}$")
}

fn open_one(map: &mut Map<String, Value>) {
    let types: Vec<String> = match map.get("type") {
        Some(Value::String(one)) => vec![one.clone()],
        Some(Value::Array(many)) => many.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ if map.contains_key("enum") || map.contains_key("const") => Vec::new(),
        _ => return,
    };
    let is = |name: &str| types.iter().any(|t| t == name);
    let scalar = types.iter().all(|t| matches!(t.as_str(), "integer" | "number" | "boolean" | "string"));
    let closed = ["enum", "const", "maxLength", "format"].iter().any(|keyword| map.contains_key(*keyword));
    if closed && scalar {
        beside(map);
    } else if is("string") {
        if let Some(Value::String(pattern)) = map.get_mut("pattern") {
            *pattern = format!("(?:{pattern})|{PATTERN}");
        }
    } else if is("integer") || is("number") || is("boolean") {
        // No `anyOf`: `minimum` binds numbers only and `pattern` strings only, and messages stay exact.
        let types: Vec<&str> = types.iter().map(String::as_str).chain(["string"]).collect();
        map.insert("pattern".into(), lone().into());
        map.entry("patternErrorMessage").or_insert_with(|| format!("must be {}", words(&types)).into());
        map.insert("type".into(), json!(types));
    }
}

/// A closed list keeps its constraint for everything but a placeholder.
fn beside(map: &mut Map<String, Value>) {
    const CONSTRAINTS: [&str; 8] =
        ["type", "enum", "const", "maxLength", "minLength", "format", "pattern", "enumDescriptions"];
    let mut branch = Map::new();
    for keyword in CONSTRAINTS {
        if let Some(value) = map.remove(keyword) {
            branch.insert(keyword.into(), value);
        }
    }
    map.insert("anyOf".into(), json!([branch, { "type": "string", "pattern": lone() }]));
}

fn words(types: &[&str]) -> String {
    let word = |name: &&str| match *name {
        "integer" => "an integer",
        "number" => "a number",
        "boolean" => "true or false",
        "string" => "a placeholder such as {{NAME}}",
        _ => "another value",
    };
    types.iter().map(word).collect::<Vec<_>>().join(" or ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepts(schema: &Value, value: &Value) -> bool {
        jsonschema::draft7::is_valid(schema, value)
    }

    #[test]
    fn a_placeholder_stands_for_a_scalar_and_bounds_still_bind() {
        let rows = [
            (json!({"type": "integer", "minimum": 1}), vec![json!(1), json!("{{A}}")], vec![json!(0), json!("1")]),
            (json!({"type": "boolean"}), vec![json!(true), json!("{{ A }}")], vec![json!("true"), json!("x{{A}}")]),
            (json!({"type": "string", "pattern": "^a+$"}), vec![json!("aa"), json!("b{{A}}")], vec![json!("b")]),
            (json!({"type": "string", "enum": ["a"]}), vec![json!("a"), json!("{{A}}")], vec![json!("b"), json!(1)]),
            (json!({"type": "string", "maxLength": 2}), vec![json!("a"), json!("{{A}}")], vec![json!("abc")]),
            (
                json!({"type": ["integer", "string"], "pattern": "^a$"}),
                vec![json!(1), json!("{{A}}")],
                vec![json!("b")],
            ),
        ];
        for (mut schema, good, bad) in rows {
            open(&mut schema);
            for value in good {
                assert!(accepts(&schema, &value), "{value} in {schema}");
            }
            for value in bad {
                assert!(!accepts(&schema, &value), "{value} in {schema}");
            }
        }
    }

    #[test]
    fn mappings_and_lists_stay_closed() {
        for closed in [json!({"type": "object"}), json!({"type": "array"}), json!({}), json!({"type": "string"})] {
            let mut schema = closed.clone();
            open(&mut schema);
            assert_eq!(schema, closed);
        }
    }
}
