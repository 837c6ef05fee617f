//! The schema of an object that has one of some keys.

use schemars::Schema;
use serde_json::{Value, json};

/// Says in the schema of an object that it has exactly one of these keys, which are among its properties.
pub fn exactly_one_of(schema: &mut Schema, keys: &[&str]) {
    schema.insert("oneOf".to_owned(), forms(keys));
}

/// Says in the schema of an object that it has at least one of these keys, which are among its properties.
pub fn at_least_one_of(schema: &mut Schema, keys: &[&str]) {
    schema.insert("anyOf".to_owned(), forms(keys));
}

fn forms(keys: &[&str]) -> Value {
    // Strict validators want what is required to be a property there, too. Null is the same as nothing.
    let form = |key: &&str| json!({ "required": [key], "properties": { *key: { "not": { "type": "null" } } } });
    keys.iter().map(form).collect()
}
