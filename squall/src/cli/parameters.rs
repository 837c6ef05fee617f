//! The parameters of a plug-in, read from its JSON Schema.

use serde::Serialize;
use serde_json::Value;

/// Deeper parameters are described by their parent's text; recursive schemas (checks in checks) have no end.
const DEPTH: usize = 3;

/// One parameter; a nested one has a dotted name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Parameter {
    pub(crate) name: String,
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) required: bool,
    #[serde(skip_serializing_if = "Value::is_null")]
    pub(crate) default: Value,
    pub(crate) description: String,
}

/// The parameters that a schema describes, in its order, each followed by its own.
pub(crate) fn parameters(schema: &Value) -> Vec<Parameter> {
    let mut found = Vec::new();
    collect(schema, schema, "", DEPTH, &mut found);
    found
}

fn collect(root: &Value, schema: &Value, prefix: &str, depth: usize, found: &mut Vec<Parameter>) {
    let schema = resolve(root, schema);
    let required = |name: &str| schema["required"].as_array().is_some_and(|all| all.iter().any(|one| one == name));
    for (name, own) in schema["properties"].as_object().into_iter().flatten() {
        let target = resolve(root, own);
        let own_text = own["description"].as_str().or_else(|| target["description"].as_str());
        found.push(Parameter {
            name: format!("{prefix}{name}"),
            kind: kind(root, own, 2),
            required: required(name),
            default: own.get("default").cloned().unwrap_or_default(),
            description: own_text.unwrap_or_default().replace('\n', " "),
        });
        if depth > 1 {
            collect(root, own, &format!("{prefix}{name}."), depth - 1, found);
        }
    }
}

/// Follows `$ref`, a lone `allOf`, and the part of an `anyOf` that is not null.
fn resolve<'a>(root: &'a Value, schema: &'a Value) -> &'a Value {
    let mut at = schema;
    // A chain of references longer than this is a loop.
    for _ in 0..8 {
        let target = at["$ref"].as_str().and_then(|name| name.strip_prefix('#')).and_then(|name| root.pointer(name));
        let next = target.or_else(|| only(&at["allOf"])).or_else(|| only(&at["anyOf"]));
        match next {
            Some(next) => at = next,
            None => break,
        }
    }
    at
}

/// The only member of a list that is not `null`.
fn only(list: &Value) -> Option<&Value> {
    let mut others = list.as_array()?.iter().filter(|one| one["type"] != "null");
    others.next().filter(|_| others.next().is_none())
}

/// The type of a parameter in words.
fn kind(root: &Value, own: &Value, depth: usize) -> String {
    let schema = resolve(root, own);
    if let Some(values) = schema["enum"].as_array().or_else(|| schema["oneOf"].as_array()) {
        let words = values.iter().map(|value| value.get("const").unwrap_or(value));
        let words: Vec<String> = words.filter(|value| !value.is_object()).map(code).collect();
        return if words.is_empty() { "see text".to_owned() } else { words.join(" or ") };
    }
    if let Some(several) = schema["anyOf"].as_array() {
        return several.iter().map(|one| kind(root, one, depth)).collect::<Vec<_>>().join(" or ");
    }
    let name = match &schema["type"] {
        Value::String(name) => name.clone(),
        Value::Array(names) => {
            let names: Vec<&str> = names.iter().filter_map(Value::as_str).filter(|name| *name != "null").collect();
            names.join(" or ")
        }
        _ => last_of_reference(own).unwrap_or_else(|| "any".to_owned()),
    };
    if name == "array" && depth > 0 {
        return format!("list of {}", kind(root, &schema["items"], depth - 1));
    }
    name + &bounds(schema)
}

/// A schema that says nothing of its type is known by the name under which it is referred to.
fn last_of_reference(schema: &Value) -> Option<String> {
    let name = schema["$ref"].as_str()?.rsplit('/').next()?;
    Some(name.to_lowercase())
}

/// Bounds beyond this are those of a machine's integer, not the author's.
const WIDE: f64 = 4_294_967_295.0;

fn bounds(schema: &Value) -> String {
    let least = schema["minimum"].as_f64().or_else(|| schema["exclusiveMinimum"].as_f64());
    let least = least.map(|least| {
        let strict = schema["exclusiveMinimum"].is_number() && !schema["minimum"].is_number();
        format!("{} {least}", if strict { ">" } else { "≥" })
    });
    let most = schema["maximum"].as_f64().filter(|most| *most < WIDE).map(|most| format!("≤ {most}"));
    let both: Vec<String> = [least, most].into_iter().flatten().collect();
    if both.is_empty() { String::new() } else { format!(" ({})", both.join(", ")) }
}

fn code(value: &Value) -> String {
    match value {
        Value::String(text) => format!("`{text}`"),
        other => format!("`{other}`"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn schema() -> Value {
        json!({
            "properties": {
                "target": {"allOf": [{"$ref": "#/definitions/Target"}], "description": "Where to."},
                "engine": {"enum": ["auto", "fortio"], "default": "auto"},
                "argv": {"type": "array", "items": {"type": "string"}},
                "checks": {"type": "array", "items": {"$ref": "#/definitions/Probe"}},
                "pid": {"type": ["integer", "null"], "minimum": 2, "maximum": 9},
            },
            "required": ["target"],
            "definitions": {"Probe": {"allOf": [{"if": {}}, {"if": {}}]}, "Target": {
                "type": "object",
                "properties": {"qps": {"anyOf": [{"type": "integer", "minimum": 1}, {"type": "null"}]}}
            }}
        })
    }

    #[test]
    fn references_unions_and_bounds_become_words() {
        let found = parameters(&schema());
        let rows: Vec<_> = found.iter().map(|p| (p.name.as_str(), p.kind.as_str(), p.required)).collect();
        assert_eq!(
            rows,
            [
                ("argv", "list of string", false),
                ("checks", "list of probe", false),
                ("engine", "`auto` or `fortio`", false),
                ("pid", "integer (≥ 2, ≤ 9)", false),
                ("target", "object", true),
                ("target.qps", "integer (≥ 1)", false),
            ]
        );
        assert_eq!(found[2].default, "auto");
        assert_eq!(found[4].description, "Where to.");
    }

    #[test]
    fn a_schema_that_holds_itself_ends() {
        let root = json!({
            "properties": {"checks": {"type": "array", "items": {"$ref": "#/definitions/Loop"}},
                           "again": {"$ref": "#/definitions/Loop"}},
            "definitions": {"Loop": {"properties": {"again": {"$ref": "#/definitions/Loop"}}}}
        });
        let names: Vec<_> = parameters(&root).into_iter().map(|p| p.name).collect();
        assert_eq!(names, ["again", "again.again", "again.again.again", "checks"]);
        assert!(parameters(&json!({"$ref": "#"})).is_empty(), "a reference to itself");
    }
}
