//! Null is the same as a key that is not there, except in what is the harness's own.

use serde_json::Value;

use super::foreign::foreign;
use super::kind::DocumentKind;
use crate::tools::strip_nulls;

/// Removes the keys that are null.
pub(crate) fn absent(value: &mut Value, kind: DocumentKind) {
    let (DocumentKind::Task, Value::Object(task)) = (kind, &mut *value) else { return strip_nulls(value) };
    task.retain(|_, item| !item.is_null());
    for (key, part) in task.iter_mut() {
        match part {
            Value::Array(items) if key == "verification_spec" => items.iter_mut().for_each(check),
            part => strip_nulls(part),
        }
    }
}

/// Keys in the body of a check that only the harness knows are the harness's.
fn check(item: &mut Value) {
    let Value::Object(item) = item else { return };
    item.retain(|_, value| !value.is_null());
    for key in ["check", "spec"] {
        if let Some(body) = item.get_mut(key).filter(|body| foreign(body).is_empty()) {
            strip_nulls(body);
        }
    }
}
