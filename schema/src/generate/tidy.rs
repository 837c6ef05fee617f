//! What the derive emits, as every validator and editor reads it best.

use serde_json::{Map, Value, json};

use crate::walk::each_schema;

/// The largest whole number that all JSON tools agree on, 2^53 - 1.
const SAFE: i64 = 9_007_199_254_740_991;

/// Tidies a schema and all schemas inside it.
///
/// Nulls go (an optional key is left out, not null), a list of documented constants becomes an `enum`, the width of
/// an integer becomes its bounds (no validator knows the format `uint32`), titles go (editors offer them as keys).
pub(crate) fn tidy(schema: &mut Value) {
    each_schema(schema, &mut |schema| {
        if let Value::Object(map) = schema {
            map.remove("title");
            map.remove("$schema");
            if map.get("default") == Some(&Value::Null) {
                map.remove("default");
            }
            drop_null(map);
            constants(map);
            bounds(map);
        }
    });
}

fn drop_null(map: &mut Map<String, Value>) {
    if let Some(Value::Array(types)) = map.get_mut("type") {
        types.retain(|t| t != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            map.insert("type".into(), only);
        }
    }
    if let Some(Value::Array(values)) = map.get_mut("enum") {
        values.retain(|v| !v.is_null());
    }
    for keyword in ["anyOf", "oneOf"] {
        let Some(Value::Array(branches)) = map.get_mut(keyword) else { continue };
        branches.retain(|branch| *branch != json!({"type": "null"}));
        if let [only] = branches.as_slice() {
            let only = only.clone();
            map.remove(keyword);
            merge(map, only);
        }
    }
}

/// Puts the one branch that is left into its parent, whose own description stays.
fn merge(map: &mut Map<String, Value>, branch: Value) {
    let Value::Object(branch) = branch else { return };
    if branch.contains_key("$ref") && !map.is_empty() {
        map.insert("allOf".into(), json!([branch]));
        return;
    }
    for (key, value) in branch {
        map.entry(key).or_insert(value);
    }
}

fn constants(map: &mut Map<String, Value>) {
    let Some(Value::Array(branches)) = map.get("oneOf") else { return };
    let values = |branch: &Value| match (branch.get("const"), branch.get("enum")) {
        (Some(value), _) => Some(vec![value.clone()]),
        (None, Some(Value::Array(values))) => Some(values.clone()),
        _ => None,
    };
    let Some(groups) = branches.iter().map(values).collect::<Option<Vec<_>>>() else { return };
    let described = |branch: &Value| branch.get("description").cloned().unwrap_or_else(|| "".into());
    let texts: Vec<Value> = std::iter::zip(branches, &groups)
        .flat_map(|(branch, group)| std::iter::repeat_n(described(branch), group.len()))
        .collect();
    let values: Vec<Value> = groups.into_iter().flatten().collect();
    map.remove("oneOf");
    if values.iter().all(Value::is_string) {
        map.insert("type".into(), "string".into());
    }
    map.insert("enum".into(), Value::Array(values));
    if texts.iter().any(|text| text != "") {
        map.insert("enumDescriptions".into(), Value::Array(texts));
    }
}

fn bounds(map: &mut Map<String, Value>) {
    let Some(format) = map.remove("format") else { return };
    let (least, most) = match format.as_str().unwrap_or_default() {
        "uint8" => (0, 255),
        "uint16" => (0, 65_535),
        "uint32" => (0, i64::from(u32::MAX)),
        "uint64" | "uint" | "uint128" => (0, SAFE),
        "int8" => (-128, 127),
        "int16" => (-32_768, 32_767),
        "int32" => (i64::from(i32::MIN), i64::from(i32::MAX)),
        "int64" | "int" | "int128" => (-SAFE, SAFE),
        _ => return,
    };
    let below = map.get("minimum").and_then(Value::as_f64).is_none_or(|min| beyond(least, min));
    if below && !map.contains_key("exclusiveMinimum") {
        map.insert("minimum".into(), least.into());
    }
    let above = map.get("maximum").and_then(Value::as_f64).is_none_or(|max| beyond(-most, -max));
    if above && !map.contains_key("exclusiveMaximum") {
        map.insert("maximum".into(), most.into());
    }
}

#[expect(clippy::cast_precision_loss, reason = "every bound is within 2^53, which f64 counts exactly")]
fn beyond(bound: i64, given: f64) -> bool {
    given < bound as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_oddity_is_tidied() {
        let rows = [
            (json!({"type": ["string", "null"], "default": null, "title": "T"}), json!({"type": "string"})),
            (json!({"anyOf": [{"$ref": "#/definitions/A"}, {"type": "null"}]}), json!({"$ref": "#/definitions/A"})),
            (
                json!({"description": "d", "anyOf": [{"$ref": "#/definitions/A"}, {"type": "null"}]}),
                json!({"description": "d", "allOf": [{"$ref": "#/definitions/A"}]}),
            ),
            (
                json!({"oneOf": [{"const": "a", "description": "A."}, {"enum": ["b", "c"]}]}),
                json!({"type": "string", "enum": ["a", "b", "c"], "enumDescriptions": ["A.", "", ""]}),
            ),
            (
                json!({"type": "integer", "format": "uint32", "minimum": 1}),
                json!({"type": "integer", "minimum": 1, "maximum": 4_294_967_295_u32}),
            ),
            (
                json!({"type": "integer", "format": "int8", "maximum": 5}),
                json!({"type": "integer", "minimum": -128, "maximum": 5}),
            ),
            (json!({"type": "number", "format": "double"}), json!({"type": "number"})),
            (json!({"enum": ["a", null]}), json!({"enum": ["a"]})),
        ];
        for (mut schema, want) in rows {
            tidy(&mut schema);
            assert_eq!(schema, want);
        }
    }

    #[test]
    fn a_property_named_title_stays() {
        let mut schema = json!({"properties": {"title": {"type": "string", "title": "T"}}});
        tidy(&mut schema);
        assert_eq!(schema, json!({"properties": {"title": {"type": "string"}}}));
    }
}
