//! Null is the same as a key that is not there, except in what is the harness's own and where any value may stand.

use std::collections::HashSet;
use std::sync::OnceLock;

use serde_json::Value;

use super::foreign::foreign;
use super::kind::DocumentKind;
use crate::generate::{Flavour, build};
use crate::pointer::join;
use crate::walk::each_instance;

/// Keywords without which a schema takes any value.
const RULES: [&str; 10] = ["type", "enum", "const", "$ref", "allOf", "anyOf", "oneOf", "not", "if", "properties"];

/// Removes the keys that are null.
pub(crate) fn absent(value: &mut Value, kind: DocumentKind) {
    if !has_null(value) {
        return;
    }
    let free = Free::of(schema(kind), value);
    let (DocumentKind::Task, Value::Object(task)) = (kind, &mut *value) else { return free.strip(value, "") };
    task.retain(|_, item| !item.is_null());
    for (key, part) in task.iter_mut() {
        let at = join("", key);
        match part {
            Value::Array(items) if key == "verification_spec" => {
                for (index, item) in items.iter_mut().enumerate() {
                    free.strip_check(item, &join(&at, &index.to_string()));
                }
            }
            part => free.strip(part, &at),
        }
    }
}

fn schema(kind: DocumentKind) -> &'static Value {
    static SCHEMAS: [OnceLock<Value>; 4] = [const { OnceLock::new() }; 4];
    let schema = match kind {
        DocumentKind::Task => &SCHEMAS[0],
        DocumentKind::Entry => &SCHEMAS[1],
        DocumentKind::Experiment => &SCHEMAS[2],
        DocumentKind::Policy => &SCHEMAS[3],
    };
    schema.get_or_init(|| build(kind, Flavour::Filled))
}

fn has_null(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.iter().any(has_null),
        Value::Object(map) => map.values().any(has_null),
        _ => false,
    }
}

/// The places at which any value may stand, null too.
struct Free(HashSet<String>);

impl Free {
    fn of(schema: &Value, value: &Value) -> Self {
        let mut places = HashSet::new();
        each_instance(schema, schema, value, "", &mut |schema, _, at| {
            let free = RULES.iter().all(|rule| schema.get(*rule).is_none());
            if free {
                places.insert(at.to_owned());
            }
            !free
        });
        Self(places)
    }

    fn strip(&self, value: &mut Value, at: &str) {
        if self.0.contains(at) {
            return;
        }
        match value {
            Value::Object(map) => {
                map.retain(|key, item| !item.is_null() || self.0.contains(&join(at, key)));
                map.iter_mut().for_each(|(key, item)| self.strip(item, &join(at, key)));
            }
            Value::Array(items) => {
                let items = items.iter_mut().enumerate();
                items.for_each(|(index, item)| self.strip(item, &join(at, &index.to_string())));
            }
            _ => {}
        }
    }

    /// Keys in the body of a check that only the harness knows are the harness's.
    fn strip_check(&self, item: &mut Value, at: &str) {
        let Value::Object(item) = item else { return };
        item.retain(|_, value| !value.is_null());
        for key in ["check", "spec"] {
            if let Some(body) = item.get_mut(key).filter(|body| foreign(body).is_empty()) {
                self.strip(body, &join(at, key));
            }
        }
    }
}
