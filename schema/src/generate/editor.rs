//! What only editors read: snippets, Markdown, messages; and the schema without it.

use chaos_core::AUTHOR_ONLY;
use serde_json::{Map, Value, json};

use crate::walk::each_schema;

/// Keywords that draft-07 does not know; strict validators refuse them.
const OURS: [&str; 9] = [
    AUTHOR_ONLY,
    "deprecated",
    "deprecationMessage",
    "enumDescriptions",
    "markdownDescription",
    "patternErrorMessage",
    "doNotSuggest",
    "defaultSnippets",
    "x-squall-examples",
];

/// Removes what only editors read.
pub(crate) fn strip(schema: &mut Value) {
    each_schema(schema, &mut |schema| {
        if let Value::Object(map) = schema {
            map.retain(|keyword, _| !OURS.contains(&keyword.as_str()));
        }
    });
}

/// Removes the examples that would become snippets.
pub(crate) fn strip_snippets(schema: &mut Value) {
    if let Value::Object(map) = schema {
        map.remove("x-squall-examples");
    }
}

/// Turns examples into snippets.
pub(crate) fn decorate(root: &mut Value, definitions: &mut Map<String, Value>) {
    for schema in std::iter::once(root).chain(definitions.values_mut()) {
        each_schema(schema, &mut |schema| {
            let Value::Object(map) = schema else { return };
            let Some(Value::Array(examples)) = map.remove("x-squall-examples") else { return };
            let snippets: Vec<Value> = examples.iter().map(snippet).collect();
            // Only while no `type` is chosen: else the snippet of one fault is offered inside another.
            let rule = json!({ "if": { "not": { "required": ["type"] } }, "then": { "defaultSnippets": snippets } });
            if let Some(Value::Array(arms)) = map.get_mut("allOf") {
                arms.push(rule);
            }
        });
    }
}

fn snippet(example: &Value) -> Value {
    let text = example["text"].as_str().unwrap_or_default().trim_end();
    // `$` and `}` have a meaning in snippets.
    let body = text.replace('\\', "\\\\").replace('$', "\\$").replace('}', "\\}");
    json!({ "label": example["label"], "description": example["description"], "body": body })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_property_with_a_keyword_for_a_name_stays() {
        let mut schema = json!({"properties": {"doNotSuggest": {"doNotSuggest": true, "type": "string"}}});
        strip(&mut schema);
        assert_eq!(schema, json!({"properties": {"doNotSuggest": {"type": "string"}}}));
    }

    #[test]
    fn snippet_signs_are_escaped() {
        let text = "type: x\nenv: \"${A}\"\n";
        assert_eq!(snippet(&json!({"text": text}))["body"], "type: x\nenv: \"\\${A\\}\"");
    }
}
