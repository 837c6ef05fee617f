//! Null where a key may be left out: programs that write documents write null for what they leave out.

use serde_json::{Map, Value, json};

use crate::walk::each_schema;

/// Lets null stand for every key that is not required.
pub(crate) fn nullable(schema: &mut Value) {
    each_schema(schema, &mut |schema| {
        let Value::Object(map) = schema else { return };
        let required = map.get("required").and_then(Value::as_array).cloned().unwrap_or_default();
        let Some(Value::Object(properties)) = map.get_mut("properties") else { return };
        for (key, property) in properties.iter_mut().filter(|(key, _)| !required.contains(&json!(key))) {
            // `$schema` and `type` are no keys of a plug-in.
            if key != "$schema" && key != "type" {
                admit_null(property);
            }
        }
    });
}

fn admit_null(property: &mut Value) {
    match property {
        // A key that is ruled out may still be null.
        Value::Bool(false) => *property = json!({ "type": "null" }),
        Value::Object(map) => admit_in(map),
        _ => {}
    }
}

fn admit_in(map: &mut Map<String, Value>) {
    // A test of an `if`, or free in any case.
    let closed = ["type", "enum", "const", "$ref", "allOf", "anyOf", "oneOf", "not"];
    if !closed.iter().any(|keyword| map.contains_key(*keyword)) {
        return;
    }
    let combined = ["$ref", "allOf", "anyOf", "oneOf", "const", "not"].iter().any(|keyword| map.contains_key(*keyword));
    match map.get_mut("type") {
        Some(Value::String(one)) if !combined => {
            let types = json!([one.clone(), "null"]);
            map.insert("type".into(), types);
        }
        Some(Value::Array(types)) if !combined => {
            if !types.contains(&json!("null")) {
                types.push(json!("null"));
            }
        }
        None if !combined => {}
        _ => {
            // No `anyOf`, so that messages stay exact.
            const TEXTS: [&str; 4] = ["description", "markdownDescription", "doNotSuggest", "default"];
            let mut outer = Map::new();
            for keyword in TEXTS {
                if let Some(text) = map.remove(keyword) {
                    outer.insert(keyword.into(), text);
                }
            }
            let inner = Value::Object(std::mem::take(map));
            outer.insert("if".into(), json!({ "type": "null" }));
            outer.insert("else".into(), inner);
            *map = outer;
            return;
        }
    }
    if let Some(Value::Array(values)) = map.get_mut("enum") {
        values.push(Value::Null);
        if let Some(Value::Array(texts)) = map.get_mut("enumDescriptions") {
            texts.push("The same as leaving the key out.".into());
        }
    }
}
