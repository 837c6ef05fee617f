//! One plug-in in a document: the `type` that chooses, and an arm for each registered plug-in.

use std::collections::{BTreeMap, BTreeSet};

use chaos_core::schemars::{Schema, SchemaGenerator};
use chaos_core::{Descriptor, FAULTS, Kind, PROBES, PlugIn, Registry, TRIGGERS};
use serde_json::{Map, Value, json};

use super::{Pool, each_schema};

/// The markers that `chaos_core::Configured` leaves where the arms belong.
const MARKER: &str = "x-squall-plugin";
const BESIDE: &str = "x-squall-beside";

/// The kind of a check in `verification_spec`: a probe, or anything that is not ours.
pub(crate) const CHECK: &str = "check";

/// A node definition that is referred to.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) name: String,
    kind: String,
    beside: Map<String, Value>,
}

/// Node definitions: those that were written, and those that are still to be.
#[derive(Debug, Default)]
pub(crate) struct Nodes {
    known: BTreeSet<String>,
    pending: BTreeMap<String, Node>,
}

impl Nodes {
    pub(crate) fn pending(&mut self) -> Vec<Node> {
        std::mem::take(&mut self.pending).into_values().collect()
    }
}

/// The kind of plug-in that a node definition of that name holds.
pub(crate) fn kind_of_definition(name: &str) -> Option<&'static str> {
    let kind = name.split('-').next()?;
    ["fault", "trigger", "probe", CHECK].into_iter().find(|known| *known == kind)
}

impl Pool {
    /// A reference to the definition of a node with those keys beside the plug-in's own.
    pub(crate) fn reference(&mut self, kind: &str, beside: &Map<String, Value>) -> Value {
        // Editors print the name (`Expected "trigger"`); those of types are in camel case.
        let keys: String = beside.keys().flat_map(|key| ["-", key]).collect();
        let name = format!("{kind}{keys}");
        if self.nodes.known.insert(name.clone()) {
            let node = Node { name: name.clone(), kind: kind.to_owned(), beside: beside.clone() };
            self.nodes.pending.insert(name.clone(), node);
        }
        json!({ "$ref": format!("#/definitions/{name}") })
    }

    /// Replaces the markers in a schema by references.
    pub(crate) fn link(&mut self, value: Value) -> Value {
        self.link_as(value, None)
    }

    /// With `probes_are`, probes inside become nodes of that kind.
    fn link_as(&mut self, mut value: Value, probes_are: Option<&str>) -> Value {
        each_schema(&mut value, &mut |schema| {
            let Value::Object(map) = schema else { return };
            let Some(Value::String(kind)) = map.remove(MARKER) else { return };
            let beside = match map.remove(BESIDE) {
                Some(Value::Object(beside)) => beside,
                _ => Map::new(),
            };
            let beside = beside.into_iter().map(|(key, value)| (key, self.shape(value))).collect();
            let kind = probes_are.filter(|_| kind == "probe").unwrap_or(&kind).to_owned();
            let reference = self.reference(&kind, &beside);
            // Siblings of `$ref` are ignored under draft-07.
            if map.is_empty() {
                *schema = reference;
            } else {
                map.insert("allOf".into(), json!([reference]));
            }
        });
        value
    }
}

/// The definition of a node.
pub(crate) fn definition(pool: &mut Pool, node: &Node) -> Value {
    match node.kind.as_str() {
        "fault" => closed(pool, node, &FAULTS),
        "trigger" => closed(pool, node, &TRIGGERS),
        "probe" => closed(pool, node, &PROBES),
        _ => check(pool),
    }
}

/// A `type` that must be registered, and its arm.
fn closed<T: PlugIn + ?Sized>(pool: &mut Pool, node: &Node, registry: &'static Registry<T>) -> Value {
    let mut names = Vec::new();
    let mut texts = Vec::new();
    let mut arms = Vec::new();
    for descriptor in registry.all() {
        names.push(descriptor.name);
        texts.push(descriptor.summary());
        for alias in descriptor.aliases {
            names.push(*alias);
            texts.push(format!("The same as `{}`.", descriptor.name));
        }
        arms.push(arm(pool, descriptor, &node.beside, None));
    }
    // An `enum` of nothing is no schema; a program that links no plug-in of a kind can't name one.
    let choice = if names.is_empty() { json!(false) } else { json!({ "enum": names, "enumDescriptions": texts }) };
    let node = json!({ "type": "object", "required": ["type"], "properties": { "type": choice } });
    with_arms(node, arms, examples(registry))
}

/// Any mapping; where its `type` is ours, the arm binds, with checks inside that may be foreign again.
fn check(pool: &mut Pool) -> Value {
    let arms: Vec<Value> = PROBES.all().iter().map(|d| arm(pool, d, &Map::new(), Some(CHECK))).collect();
    let text = "A probe of ours, or a check that only the harness knows.";
    let node = json!({ "type": "object", "properties": { "type": { "description": text } } });
    with_arms(node, arms, examples(&PROBES))
}

fn with_arms(mut node: Value, arms: Vec<Value>, examples: Value) -> Value {
    if let (Value::Object(map), false) = (&mut node, arms.is_empty()) {
        map.insert("allOf".into(), Value::Array(arms));
        map.insert("x-squall-examples".into(), examples);
    }
    node
}

fn arm<T: ?Sized>(
    pool: &mut Pool,
    descriptor: &'static Descriptor<T>,
    beside: &Map<String, Value>,
    probes_are: Option<&str>,
) -> Value {
    let names: Vec<&str> = std::iter::once(descriptor.name).chain(descriptor.aliases.iter().copied()).collect();
    let mut chosen = json!({ "description": descriptor.summary(), "markdownDescription": descriptor.docs() });
    let test = match names.as_slice() {
        [one] => json!({ "const": one }),
        many => json!({ "enum": many }),
    };
    merge(&mut chosen, &test);
    let mut shape = parameters(pool, descriptor, probes_are);
    let mut properties = Map::new();
    properties.insert("type".into(), chosen);
    properties.insert("name".into(), json!({ "type": "string", "description": "Name of it, for people." }));
    properties.extend(beside.clone());
    admit(&mut shape, &properties);
    json!({
        "if": { "type": "object", "required": ["type"], "properties": { "type": test } },
        "then": shape,
    })
}

/// The schema of a plug-in's own keys.
pub(crate) fn parameters<T: ?Sized>(
    pool: &mut Pool,
    descriptor: &'static Descriptor<T>,
    probes_are: Option<&str>,
) -> Value {
    let none = |_: &mut SchemaGenerator| Schema::default();
    let value = match descriptor.schema {
        Some(schema) => pool.shaped(schema),
        None => pool.shaped(none),
    };
    let mut value = pool.link_as(value, probes_are);
    if let Value::Object(map) = &mut value {
        map.remove("description");
    }
    value
}

/// Lets the keys of every plug-in into a closed object, or into each form of one.
fn admit(shape: &mut Value, properties: &Map<String, Value>) {
    let Value::Object(map) = shape else { return };
    for keyword in ["oneOf", "anyOf"] {
        if let Some(Value::Array(branches)) = map.get_mut(keyword) {
            for branch in branches.iter_mut() {
                admit(branch, properties);
            }
            return;
        }
    }
    let own = map.entry("properties").or_insert_with(|| json!({}));
    if let Value::Object(own) = own {
        own.extend(properties.clone());
    }
    let required = map.entry("required").or_insert_with(|| json!([]));
    if let Value::Array(required) = required {
        required.insert(0, "type".into());
    }
}

fn merge(into: &mut Value, from: &Value) {
    if let (Value::Object(into), Value::Object(from)) = (into, from) {
        into.extend(from.clone());
    }
}

/// Name, summary and example of each, for the snippets of editors.
fn examples<T: ?Sized>(registry: &'static Registry<T>) -> Value {
    let one = |d: &&'static Descriptor<T>| {
        let text = d.example().unwrap_or_else(|| format!("type: {}\n", d.name));
        json!({ "label": d.name, "description": d.summary(), "text": text })
    };
    registry.all().iter().map(one).collect()
}

/// The faults that run to their own end, by every name.
pub(crate) fn finite_faults() -> Vec<&'static str> {
    let finite = FAULTS.all().iter().filter(|d| d.span == Some(chaos_core::Span::Finite));
    finite.flat_map(|d| std::iter::once(d.name).chain(d.aliases.iter().copied())).collect()
}

/// The word for a kind of node, and the registry's names.
pub(crate) fn known(kind: Kind) -> Vec<&'static str> {
    match kind {
        Kind::Fault => FAULTS.names(),
        Kind::Trigger => TRIGGERS.names(),
        _ => PROBES.names(),
    }
}
