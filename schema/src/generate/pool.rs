//! Schemas on their way into one document.

use std::collections::BTreeMap;

use chaos_core::schemars::generate::SchemaSettings;
use chaos_core::schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

use super::flavour::Flavour;
use super::open::open;
use super::tidy::tidy;
use crate::marker::{BESIDE, MARKER};
use crate::walk::each_schema;

/// A node definition that is referred to.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) name: String,
    pub(crate) kind: String,
    pub(crate) beside: Map<String, Value>,
}

/// One generator, so that shared types get one definition, and the nodes that are referred to.
pub(crate) struct Pool {
    flavour: Flavour,
    generator: SchemaGenerator,
    known: BTreeMap<String, Map<String, Value>>,
    pending: BTreeMap<String, Node>,
}

impl Pool {
    pub(crate) fn new(flavour: Flavour) -> Self {
        let generator = SchemaSettings::draft07().into_generator();
        Self { flavour, generator, known: BTreeMap::new(), pending: BTreeMap::new() }
    }

    /// The finished schema of a type, with plug-in markers replaced.
    pub(crate) fn of<T: JsonSchema>(&mut self) -> Value {
        let value = self.shaped(T::json_schema);
        self.link(value, None)
    }

    /// Tidied and opened for placeholders, with the plug-in markers still in it.
    pub(crate) fn shaped(&mut self, schema: impl FnOnce(&mut SchemaGenerator) -> Schema) -> Value {
        let mut schema = schema(&mut self.generator);
        for transform in self.generator.transforms_mut() {
            transform.transform(&mut schema);
        }
        self.shape(schema.to_value())
    }

    fn shape(&self, mut value: Value) -> Value {
        tidy(&mut value);
        if self.flavour != Flavour::Filled {
            open(&mut value);
        }
        value
    }

    /// A reference to the definition of a node with those keys beside the plug-in's own.
    fn reference(&mut self, kind: &str, beside: Map<String, Value>) -> Value {
        // Editors print the name (`Expected "trigger"`); those of types are in camel case.
        let keys: String = beside.keys().flat_map(|key| ["-", key]).collect();
        let mut name = format!("{kind}{keys}");
        // The same key may mean something else beside another list of probes.
        while self.known.get(&name).is_some_and(|there| *there != beside) {
            name.push_str("-also");
        }
        if self.known.insert(name.clone(), beside.clone()).is_none() {
            self.pending.insert(name.clone(), Node { name: name.clone(), kind: kind.to_owned(), beside });
        }
        json!({ "$ref": format!("#/definitions/{name}") })
    }

    /// Replaces the markers in a schema by references; with `probes_are`, probes inside become nodes of that kind.
    pub(crate) fn link(&mut self, mut value: Value, probes_are: Option<&str>) -> Value {
        each_schema(&mut value, &mut |schema| {
            let Value::Object(map) = schema else { return };
            let Some(Value::String(kind)) = map.remove(MARKER) else { return };
            let beside = match map.remove(BESIDE) {
                Some(Value::Object(beside)) => beside,
                _ => Map::new(),
            };
            let beside = beside.into_iter().map(|(key, value)| (key, self.shape(value))).collect();
            let kind = probes_are.filter(|_| kind == "probe").unwrap_or(&kind);
            let reference = self.reference(kind, beside);
            // Siblings of `$ref` are ignored under draft-07.
            if map.is_empty() {
                *schema = reference;
            } else {
                map.insert("allOf".into(), json!([reference]));
            }
        });
        value
    }

    /// The definitions of shared types that were asked for since the last call.
    pub(crate) fn take_shared(&mut self) -> Map<String, Value> {
        let shared = self.generator.take_definitions(true);
        let finish = |(name, value)| {
            let value = self.shape(value);
            (name, self.link(value, None))
        };
        shared.into_iter().map(finish).collect()
    }

    /// The nodes that were referred to since the last call.
    pub(crate) fn take_nodes(&mut self) -> Vec<Node> {
        std::mem::take(&mut self.pending).into_values().collect()
    }
}
