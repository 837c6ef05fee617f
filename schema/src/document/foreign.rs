//! What in a check is not ours, and so can be evaluated by the harness only.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use chaos_core::schemars::generate::SchemaSettings;
use chaos_core::{Kind, PROBES};
use serde_json::Value;

use crate::marker::MARKER;
use crate::pointer;
use crate::walk::each_instance;

/// A probe in a check that is not ours.
#[derive(Debug, PartialEq)]
pub(crate) struct Foreign<'v> {
    /// From the body to the `type`, or to the probe that has none.
    pub(crate) pointer: String,
    /// Its `type`, if it has one.
    pub(crate) name: Option<&'v str>,
}

/// Everything in the body of a check that is not ours: each `type` that is not registered, or not there.
pub(crate) fn foreign(body: &Value) -> Vec<Foreign<'_>> {
    let mut found = Vec::new();
    if body.is_null() {
        found.push(Foreign { pointer: String::new(), name: None });
    }
    probe(body, "", &mut found);
    found
}

fn probe<'v>(body: &'v Value, at: &str, found: &mut Vec<Foreign<'v>>) {
    let Value::Object(map) = body else { return };
    let Some(tag) = map.get("type") else {
        found.push(Foreign { pointer: at.to_owned(), name: None });
        return;
    };
    let name = tag.as_str();
    let Some(ours) = name.and_then(|name| PROBES.get(name).ok()) else {
        found.push(Foreign { pointer: pointer::join(at, "type"), name });
        return;
    };
    let Some(schema) = schemas().get(ours.name) else { return };
    let probes = serde_json::to_value(Kind::Probe).unwrap_or_default();
    each_instance(schema, schema, body, at, &mut |schema, value, at| {
        let nested = schema.get(MARKER) == Some(&probes);
        if nested {
            probe(value, at, found);
        }
        !nested
    });
}

/// The schemas of the probes, with the markers where further probes stand.
fn schemas() -> &'static BTreeMap<&'static str, Value> {
    static SCHEMAS: OnceLock<BTreeMap<&'static str, Value>> = OnceLock::new();
    SCHEMAS.get_or_init(|| {
        let schema = |emit: fn(&mut _) -> _| {
            let mut generator = SchemaSettings::draft07().into_generator();
            let mut schema = chaos_core::schemars::Schema::to_value(emit(&mut generator));
            schema["definitions"] = Value::Object(generator.take_definitions(true));
            schema
        };
        PROBES.all().iter().filter_map(|probe| Some((probe.name, schema(probe.schema?)))).collect()
    })
}
