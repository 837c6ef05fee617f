//! The subset of JSON Schema that strict tools allow: every object closed, every property required.

use serde_json::{Map, Value, json};

use crate::walk::each_schema;

/// Keywords that may stand beside each other in a strict schema.
const STRICT: [&str; 18] = [
    "type",
    "properties",
    "required",
    "additionalProperties",
    "items",
    "enum",
    "const",
    "anyOf",
    "$ref",
    "definitions",
    "description",
    "pattern",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "minItems",
    "maxItems",
];

/// Keywords that say something to people only, or that the loader checks again.
const SILENT: [&str; 10] = [
    "default",
    "examples",
    "title",
    "format",
    "minLength",
    "maxLength",
    "enumDescriptions",
    "markdownDescription",
    "patternErrorMessage",
    "doNotSuggest",
];

/// The strict form, or `None` where there is none (open mappings, tuples, values of any type, rules).
pub(super) fn strictly(mut schema: Value) -> Option<Value> {
    schema.get("properties")?;
    let mut possible = true;
    each_schema(&mut schema, &mut |schema| possible = possible && strict_one(schema).is_some());
    rename_definitions(&mut schema);
    possible.then_some(schema)
}

fn strict_one(schema: &mut Value) -> Option<()> {
    let map = schema.as_object_mut()?;
    explain_default(map);
    explain_values(map);
    if let Some(branches) = map.remove("oneOf") {
        map.insert("anyOf".into(), branches);
    }
    if let Some(Value::Array(mut all)) = map.remove("allOf") {
        // The derive wraps a reference that has a description; siblings of a reference are allowed here.
        let (Some(Value::Object(only)), true) = (all.pop(), all.is_empty()) else { return None };
        map.extend(only);
    }
    map.retain(|keyword, _| !SILENT.contains(&keyword.as_str()));
    if map.keys().any(|keyword| !STRICT.contains(&keyword.as_str())) {
        return None;
    }
    let is = |map: &Map<String, Value>, name: &str| map.get("type").is_some_and(|t| t == name);
    if is(map, "array") && !map.get("items").is_some_and(Value::is_object) {
        return None;
    }
    if !["type", "enum", "const", "anyOf", "$ref"].iter().any(|keyword| map.contains_key(*keyword)) {
        return None;
    }
    if is(map, "object") {
        close(map)?;
    }
    Some(())
}

/// Every property required, the optional ones nullable.
fn close(map: &mut Map<String, Value>) -> Option<()> {
    if map.get("additionalProperties") != Some(&Value::Bool(false)) {
        return None;
    }
    let required = map.get("required").cloned().unwrap_or_else(|| json!([]));
    let required: Vec<&str> = required.as_array()?.iter().filter_map(Value::as_str).collect();
    let properties = map.get_mut("properties")?.as_object_mut()?;
    for (name, property) in properties.iter_mut() {
        if !required.contains(&name.as_str()) {
            nullable(property);
        }
    }
    let all: Vec<String> = properties.keys().cloned().collect();
    map.insert("required".into(), json!(all));
    Some(())
}

fn nullable(property: &mut Value) {
    let Value::Object(map) = property else { return };
    let listed = map.contains_key("enum") || map.contains_key("const");
    if let (Some(Value::String(one)), false) = (map.get("type"), listed) {
        let either = json!([one, "null"]);
        map.insert("type".into(), either);
        return;
    }
    let description = map.remove("description");
    let inner = std::mem::take(map);
    map.insert("anyOf".into(), json!([inner, { "type": "null" }]));
    if let Some(description) = description {
        map.insert("description".into(), description);
    }
}

/// Strict schemas have no keyword for a default: the description says it.
fn explain_default(map: &mut Map<String, Value>) {
    let Some(default) = map.remove("default") else { return };
    append(map, &format!("(null = {default})"));
}

fn explain_values(map: &mut Map<String, Value>) {
    let (Some(Value::Array(values)), Some(Value::Array(texts))) = (map.get("enum"), map.get("enumDescriptions")) else {
        return;
    };
    let line = |(value, text): (&Value, &Value)| match text.as_str() {
        Some(text) if !text.is_empty() => Some(format!("{value}: {text}")),
        _ => None,
    };
    let lines: Vec<String> = std::iter::zip(values, texts).filter_map(line).collect();
    append(map, &lines.join(" "));
}

fn append(map: &mut Map<String, Value>, text: &str) {
    let before = map.get("description").and_then(Value::as_str).unwrap_or_default();
    let joined = format!("{before} {text}").trim().to_owned();
    map.insert("description".into(), joined.into());
}

/// Strict tools know `$defs` only.
fn rename_definitions(schema: &mut Value) {
    each_schema(schema, &mut |schema| {
        let Value::Object(map) = schema else { return };
        if let Some(definitions) = map.remove("definitions") {
            map.insert("$defs".into(), definitions);
        }
        if let Some(Value::String(target)) = map.get_mut("$ref") {
            *target = target.replacen("#/definitions/", "#/$defs/", 1);
        }
    });
}

/// Any schema as parameters: an object at the top, without a choice beside its keys.
pub(super) fn loosely(mut schema: Value) -> Value {
    rename_definitions(&mut schema);
    if let Value::Object(map) = &mut schema {
        for keyword in ["oneOf", "anyOf", "allOf", "enum", "not", "description"] {
            map.remove(keyword);
        }
        map.insert("type".into(), "object".into());
        map.entry("properties").or_insert_with(|| json!({}));
    }
    schema
}
