//! Parameters that only the author of a document may set: files, programs, TLS, another engine.

use chaos_core::{AUTHOR_ONLY, Descriptor, DynFault};
use serde_json::{Map, Value};

use crate::generate::parameters_of;
use crate::walk::{each_instance, each_schema};

fn is_author_only(property: &Value) -> bool {
    property.get(AUTHOR_ONLY) == Some(&Value::Bool(true))
}

/// Removes the properties that carry the attribute, and the definitions that only they needed.
pub(super) fn remove(schema: &mut Value) {
    each_schema(schema, &mut |schema| {
        let Value::Object(map) = schema else { return };
        let Some(Value::Object(properties)) = map.get_mut("properties") else { return };
        let before = properties.len();
        properties.retain(|_, property| !is_author_only(property));
        let kept: Vec<String> = properties.keys().cloned().collect();
        if let (true, Some(Value::Array(required))) = (kept.len() < before, map.get_mut("required")) {
            required.retain(|name| kept.iter().any(|kept| name == kept));
        }
        if kept.len() < before {
            // Forms that need what is gone say nothing any more.
            for keyword in FORMS {
                let gone = forms(map, keyword).any(|name| !kept.iter().any(|kept| kept == name));
                if gone {
                    map.remove(keyword);
                }
            }
        }
    });
    remove_unused_definitions(schema);
}

/// The keywords under which the forms of one object say which keys they need.
const FORMS: [&str; 2] = ["oneOf", "anyOf"];

/// The keys that the forms of an object need.
fn forms<'s>(object: &'s Map<String, Value>, keyword: &str) -> impl Iterator<Item = &'s str> {
    let forms = object.get(keyword).and_then(Value::as_array).into_iter().flatten();
    forms.filter_map(|form| form.get("required")?.as_array()).flatten().filter_map(Value::as_str)
}

fn remove_unused_definitions(schema: &mut Value) {
    loop {
        let text = schema.to_string();
        let Some(Value::Object(definitions)) = schema.get_mut("definitions") else { return };
        let before = definitions.len();
        definitions.retain(|name, _| text.contains(&format!("\"#/definitions/{name}\"")));
        if definitions.len() == before {
            return;
        }
    }
}

/// The JSON pointer of the first parameter in `parameters` that only the author of a document may set.
///
/// A model's tools do not offer such parameters; this finds one in a call that was made all the same.
pub fn author_only(fault: &'static Descriptor<dyn DynFault>, parameters: &Value) -> Option<String> {
    find(&parameters_of(fault), parameters)
}

/// A parameter that a fault can't do without and only the author of a document may set: its target on this machine.
///
/// A model can use such a fault only where the author has written it.
pub fn authors_target(fault: &'static Descriptor<dyn DynFault>) -> Option<String> {
    target(&parameters_of(fault))
}

fn target(schema: &Value) -> Option<String> {
    let is_authors = |name: &&str| schema["properties"].get(*name).is_some_and(is_author_only);
    let required = schema.get("required").and_then(Value::as_array).into_iter().flatten();
    let mut always = required.filter_map(Value::as_str);
    if let Some(name) = always.find(is_authors) {
        return Some(name.to_owned());
    }
    // Or each of its forms needs one.
    let object = schema.as_object()?;
    let mut forms = FORMS.into_iter().map(|keyword| forms(object, keyword).collect::<Vec<_>>());
    let needed = forms.find(|names| !names.is_empty() && names.iter().all(is_authors))?;
    needed.first().map(|name| (*name).to_owned())
}

fn find(schema: &Value, parameters: &Value) -> Option<String> {
    let mut found = None;
    each_instance(schema, schema, parameters, "", &mut |schema, value, at| {
        if is_author_only(schema) && !value.is_null() {
            found.get_or_insert_with(|| at.to_owned());
        }
        found.is_none()
    });
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn schema() -> Value {
        json!({
            "type": "object",
            "properties": {
                "engine": {"type": "string", "x-author-only": true},
                "target": {"allOf": [{"$ref": "#/definitions/Target"}]},
                "list": {"type": "array", "items": {"$ref": "#/definitions/Target"}},
            },
            "required": ["engine", "target"],
            "definitions": {
                "Target": {"properties": {
                    "url": {"type": "string"},
                    "tls": {"allOf": [{"$ref": "#/definitions/Tls"}], "x-author-only": true},
                }},
                "Tls": {"properties": {"file": {"$ref": "#/definitions/File"}}},
                "File": {"type": "string"},
            },
        })
    }

    #[test]
    fn what_carries_the_attribute_goes_with_what_only_it_needs() {
        let mut schema = schema();
        remove(&mut schema);
        let target = json!({"properties": {"url": {"type": "string"}}});
        assert_eq!(schema["definitions"], json!({ "Target": target }));
        assert_eq!((&schema["required"], schema["properties"].get("engine")), (&json!(["target"]), None));
    }

    #[test]
    fn a_target_is_what_is_required_and_the_authors() {
        let mut schema = schema();
        assert_eq!(target(&schema).as_deref(), Some("engine"));
        schema["required"] = json!(["target"]);
        assert_eq!(target(&schema), None);
    }

    #[test]
    fn a_call_is_searched_at_every_depth() {
        let rows = [
            (json!({"target": {"url": "x", "tls": null}}), None),
            (json!({"engine": "x"}), Some("/engine")),
            (json!({"target": {"tls": {}}}), Some("/target/tls")),
            (json!({"list": [{"url": "x"}, {"tls": {}}]}), Some("/list/1/tls")),
            (json!({"unknown": {"tls": {}}}), None),
        ];
        for (value, want) in rows {
            let schema = schema();
            assert_eq!(find(&schema, &value).as_deref(), want, "{value}");
        }
    }
}
