//! The top-level keys of a task that are ours; all others belong to the harness.

use std::sync::OnceLock;

use chaos_core::schemars::SchemaGenerator;
use serde_json::Value;

use crate::document::TaskDocument;

/// The keys, sorted.
pub(super) fn task_keys() -> impl Iterator<Item = &'static str> {
    static KEYS: OnceLock<Vec<String>> = OnceLock::new();
    let keys = KEYS.get_or_init(|| {
        let schema = SchemaGenerator::default().into_root_schema_for::<TaskDocument>();
        let properties = schema.get("properties").and_then(Value::as_object);
        let own = properties.into_iter().flatten().map(|(key, _)| key.clone());
        std::iter::once("$schema".to_owned()).chain(own).collect()
    });
    keys.iter().map(String::as_str)
}

/// Whether a top-level key is ours.
pub(super) fn is_task_key(key: &str) -> bool {
    task_keys().any(|ours| ours == key)
}

/// The top-level key of ours that a foreign key was most likely meant to be.
pub(super) fn near_key(key: &str) -> Option<&'static str> {
    // `names`, `need` and `speed` are words of their own: short keys of ours take no part.
    const LONG: usize = 6;
    let plain = |text: &str| text.replace(['_', '-'], "").to_lowercase();
    task_keys()
        .filter(|ours| ours.len() >= LONG && *ours != "$schema" && *ours != key)
        .find(|ours| plain(ours) == plain(key) || strsim::osa_distance(ours, key) == 1)
}
