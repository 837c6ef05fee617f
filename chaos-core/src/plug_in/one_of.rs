//! The schema of an object that has one of some keys.

use schemars::Schema;
use serde_json::{Value, json};

/// Says in the schema of an object that it has exactly one of these keys, which are among its properties.
pub fn exactly_one_of(schema: &mut Schema, keys: &[&str]) {
    let forms = forms(schema, keys);
    schema.insert("oneOf".to_owned(), forms);
}

/// Says in the schema of an object that it has at least one of these keys, which are among its properties.
pub fn at_least_one_of(schema: &mut Schema, keys: &[&str]) {
    let forms = forms(schema, keys);
    schema.insert("anyOf".to_owned(), forms);
}

fn forms(schema: &Schema, keys: &[&str]) -> Value {
    let type_of = |key: &str| schema.get("properties").and_then(|all| all.get(key)).and_then(|one| one.get("type"));
    let form = |key: &&str| {
        // Strict validators want what is required to be a property there too; what type it is says nothing new.
        let kind = type_of(key).cloned().unwrap_or_else(|| json!("object"));
        json!({ "required": [key], "properties": { *key: { "type": kind } } })
    };
    keys.iter().map(form).collect()
}
