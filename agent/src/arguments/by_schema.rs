//! Decodes values that a model wrote as text where the tool's schema wants another type.

use serde_json::{Map, Number, Value};

/// How deep schema and value are followed, `$ref` and `anyOf` included.
const MOST_LEVELS: usize = 32;

/// Turns text into the number, boolean, list or object that the schema asks for, at every depth, where the text is the
/// JSON of one; and a number such as `300.0` into an integer. Whatever a schema lets be text stays.
pub(super) fn follow(value: &mut Value, schema: &Value) {
    member(value, schema, schema, MOST_LEVELS);
}

fn member(value: &mut Value, schema: &Value, root: &Value, levels: usize) {
    let Some(levels) = levels.checked_sub(1) else { return };
    let mut types = Types::default();
    types.collect(schema, root, levels);
    if let Value::String(text) = value
        && !types.admit("string")
        && let Some(parsed) = types.parse(text)
    {
        *value = parsed;
    }
    match value {
        Value::Number(number) if !types.admit("number") && types.admit("integer") => {
            if let Some(whole) = whole(number) {
                *number = whole;
            }
        }
        Value::Object(object) => {
            let names: Vec<String> = object.keys().cloned().collect();
            for name in names {
                if let Some(schema) = property(schema, &name, object, root, levels)
                    && let Some(value) = object.get_mut(&name)
                {
                    member(value, schema, root, levels);
                }
            }
        }
        Value::Array(items) => {
            if let Some(schema) = keyword(schema, "items", root, levels) {
                for item in items {
                    member(item, schema, root, levels);
                }
            }
        }
        _ => {}
    }
}

/// The types that a schema admits; all of them where it does not say.
#[derive(Default)]
struct Types {
    named: Vec<String>,
    all: bool,
}

impl Types {
    fn collect(&mut self, schema: &Value, root: &Value, levels: usize) {
        let schema = resolved(schema, root, levels);
        let named = match &schema["type"] {
            Value::String(name) => vec![name.clone()],
            Value::Array(names) => names.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            _ => Vec::new(),
        };
        if !named.is_empty() {
            self.named.extend(named);
            return;
        }
        let values = schema["enum"].as_array().map_or(&[][..], Vec::as_slice);
        let values: Vec<&Value> = values.iter().chain(schema.get("const")).collect();
        let branches = branches(schema);
        if (values.is_empty() && branches.is_empty()) || levels == 0 {
            self.all = true;
            return;
        }
        self.named.extend(values.into_iter().map(|value| kind(value).to_owned()));
        for branch in branches {
            self.collect(branch, root, levels - 1);
        }
    }

    fn admit(&self, name: &str) -> bool {
        self.all || self.named.iter().any(|other| other == name)
    }

    fn parse(&self, text: &str) -> Option<Value> {
        let text = text.trim();
        let parsed = match text {
            "" => Value::Null,
            "True" => Value::Bool(true),
            "False" => Value::Bool(false),
            text => serde_json::from_str(text).ok()?,
        };
        let kind = kind(&parsed);
        let as_integer = || parsed.as_number().is_some_and(|number| whole(number).is_some()) && self.admit("integer");
        (self.admit(kind) || (kind == "integer" && self.admit("number")) || as_integer()).then_some(parsed)
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// A float without a fraction as an integer, as far as floats are exact.
fn whole(number: &Number) -> Option<Number> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let float = number.as_f64().filter(|float| number.is_f64() && float.fract() == 0.0 && float.abs() <= EXACT)?;
    format!("{float:.0}").parse::<i64>().ok().map(Number::from)
}

fn branches(schema: &Value) -> Vec<&Value> {
    ["anyOf", "oneOf", "allOf"].into_iter().filter_map(|word| schema[word].as_array()).flatten().collect()
}

fn resolved<'s>(schema: &'s Value, root: &'s Value, levels: usize) -> &'s Value {
    let mut schema = schema;
    for _ in 0..levels {
        let target = schema["$ref"].as_str().and_then(|name| root.pointer(name.strip_prefix('#')?));
        match target {
            Some(target) => schema = target,
            None => break,
        }
    }
    schema
}

fn keyword<'s>(schema: &'s Value, word: &str, root: &'s Value, levels: usize) -> Option<&'s Value> {
    let levels = levels.checked_sub(1)?;
    let schema = resolved(schema, root, levels);
    let own = schema.get(word).filter(|value| value.is_object());
    own.or_else(|| branches(schema).into_iter().find_map(|branch| keyword(branch, word, root, levels)))
}

/// The schema of a member, in the branch whose `type` member, where there is one, is the object's.
fn property<'s>(
    schema: &'s Value,
    name: &str,
    object: &Map<String, Value>,
    root: &'s Value,
    levels: usize,
) -> Option<&'s Value> {
    let levels = levels.checked_sub(1)?;
    let schema = resolved(schema, root, levels);
    let tag = &schema["properties"]["type"]["const"];
    if !tag.is_null() && object.get("type").is_some_and(|own| own != tag) {
        return None;
    }
    let own =
        schema["properties"].get(name).or_else(|| schema.get("additionalProperties").filter(|one| one.is_object()));
    own.or_else(|| branches(schema).into_iter().find_map(|branch| property(branch, name, object, root, levels)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn text_becomes_what_the_schema_asks_for() {
        let schema = json!({
            "type": "object",
            "$defs": {"Point": {"type": "object", "properties": {"x": {"type": "number"}}}},
            "properties": {
                "qps": {"type": "integer", "enum": [300]},
                "ratio": {"type": "number"},
                "on": {"type": "boolean"},
                "maybe": {"type": ["integer", "null"]},
                "name": {"type": "string"},
                "either": {"type": ["string", "integer"]},
                "any": {"description": "nothing said"},
                "one": {"const": 1},
                "steps": {"type": "array", "items": {"type": "integer"}},
                "point": {"anyOf": [{"$ref": "#/$defs/Point"}, {"type": "null"}]},
                "fault": {"oneOf": [
                    {"type": "object", "properties": {"type": {"const": "a"}, "pid": {"type": "string"}}},
                    {"type": "object", "properties": {"type": {"const": "b"}, "pid": {"type": "integer"}}},
                ]},
            },
        });
        let cases = [
            (json!({"qps": "300"}), json!({"qps": 300})),
            (json!({"qps": 300.0}), json!({"qps": 300})),
            (json!({"qps": "300; id"}), json!({"qps": "300; id"})),
            (json!({"qps": "1.5"}), json!({"qps": "1.5"})),
            (json!({"ratio": "2"}), json!({"ratio": 2})),
            (json!({"ratio": 2.0}), json!({"ratio": 2.0})),
            (json!({"on": "true"}), json!({"on": true})),
            (json!({"on": "False"}), json!({"on": false})),
            (json!({"on": "yes"}), json!({"on": "yes"})),
            (json!({"maybe": "null"}), json!({"maybe": null})),
            (json!({"maybe": ""}), json!({"maybe": null})),
            (json!({"name": "5"}), json!({"name": "5"})),
            (json!({"name": "{}"}), json!({"name": "{}"})),
            (json!({"either": "5"}), json!({"either": "5"})),
            (json!({"any": "5"}), json!({"any": "5"})),
            (json!({"one": "1"}), json!({"one": 1})),
            (json!({"steps": "[1, \"2\"]"}), json!({"steps": [1, 2]})),
            (json!({"steps": ["1", 2.0]}), json!({"steps": [1, 2]})),
            (json!({"point": "{\"x\": \"1.5\"}"}), json!({"point": {"x": 1.5}})),
            (json!({"fault": "{\"type\": \"b\", \"pid\": \"7\"}"}), json!({"fault": {"type": "b", "pid": 7}})),
            (json!({"fault": {"type": "a", "pid": "7"}}), json!({"fault": {"type": "a", "pid": "7"}})),
            (json!({"unknown": "5"}), json!({"unknown": "5"})),
        ];
        for (written, expected) in cases {
            let mut value = written.clone();
            follow(&mut value, &schema);
            assert_eq!(value, expected, "{written}");
        }
    }

    #[test]
    fn a_schema_that_refers_to_itself_ends() {
        let schema = json!({"$ref": "#"});
        let mut value = json!({"a": "1"});
        follow(&mut value, &schema);
        let schema = json!({"anyOf": [{"$ref": "#"}]});
        follow(&mut value, &schema);
        assert_eq!(value, json!({"a": "1"}));
    }
}
