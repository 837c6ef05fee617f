//! One plug-in in a document: the `type` that chooses, and an arm for each registered plug-in.

use chaos_core::schemars::{Schema, SchemaGenerator};
use chaos_core::{Descriptor, FAULTS, NODES, PROBES, PlugIn, Registry, SOURCES, STEPS, Status, TRIGGERS};
use serde_json::{Map, Value, json};

use super::pool::{Node, Pool};
use crate::marker::CHECK;
use crate::workflow::{CONTROLS, Control};

/// The definition of a node.
pub(crate) fn definition(pool: &mut Pool, node: &Node) -> Value {
    match node.kind.as_str() {
        "fault" => closed(pool, node, &FAULTS),
        "trigger" => closed(pool, node, &TRIGGERS),
        "probe" => closed(pool, node, &PROBES),
        "node" => closed(pool, node, &NODES),
        "source" => closed(pool, node, &SOURCES),
        "step" => step(pool, node),
        _ => check(pool),
    }
}

/// A `type` that must be registered, and its arm.
fn closed<T: PlugIn + ?Sized>(pool: &mut Pool, node: &Node, registry: &'static Registry<T>) -> Value {
    let beside = beside(pool, node);
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
        arms.push(arm(pool, descriptor, &beside, None));
    }
    // An empty `enum` is not a schema; a program that links no plug-in of a kind can't name one.
    let choice = if names.is_empty() { json!(false) } else { json!({ "enum": names, "enumDescriptions": texts }) };
    let node = json!({ "type": "object", "required": ["type"], "properties": { "type": choice } });
    with_arms(node, arms, examples(registry))
}

/// The keys beside the plug-in's own.
fn beside(pool: &mut Pool, node: &Node) -> Map<String, Value> {
    node.beside.iter().map(|(key, value)| (key.clone(), pool.link(value.clone(), None))).collect()
}

/// A leaf step that must be registered, or a control step; each has a name.
fn step(pool: &mut Pool, node: &Node) -> Value {
    let beside = beside(pool, node);
    let mut names: Vec<&str> = CONTROLS.iter().map(|control| control.name).collect();
    let mut texts: Vec<String> = CONTROLS.iter().map(|control| control.summary.to_owned()).collect();
    let mut arms: Vec<Value> = CONTROLS.iter().map(|control| control_arm(pool, control, &beside)).collect();
    for descriptor in STEPS.all() {
        for name in std::iter::once(descriptor.name).chain(descriptor.aliases.iter().copied()) {
            names.push(name);
            texts.push(descriptor.summary());
        }
        arms.push(arm(pool, descriptor, &beside, None));
    }
    let name = json!({
        "type": "string",
        "pattern": "^[A-Za-z0-9_-]+$",
        "patternErrorMessage": "letters, digits, `-` and `_`, as in `load-test`",
        "description": "Name of the step, which no other step of the workflow has.",
    });
    let choice = json!({ "enum": names, "enumDescriptions": texts });
    let node =
        json!({ "type": "object", "required": ["type", "name"], "properties": { "type": choice, "name": name } });
    let mut all: Vec<Value> = CONTROLS
        .iter()
        .map(|control| {
            let text = format!("type: {}\n{}", control.name, control.example);
            json!({ "label": control.name, "description": control.summary, "text": text })
        })
        .collect();
    if let Value::Array(leaves) = examples(&STEPS) {
        all.extend(leaves);
    }
    with_arms(node, arms, Value::Array(all))
}

/// The arm of a control step.
fn control_arm(pool: &mut Pool, control: &Control, beside: &Map<String, Value>) -> Value {
    let value = pool.shaped(control.schema);
    let mut shape = pool.link(value, None);
    if let Value::Object(map) = &mut shape {
        map.remove("description");
        map.remove("title");
    }
    let mut properties = Map::new();
    properties.insert("type".into(), json!({ "description": control.summary, "const": control.name }));
    properties.insert("name".into(), json!({ "type": "string", "description": "Name of it, for people." }));
    properties.extend(beside.clone());
    admit(&mut shape, &properties);
    json!({
        "if": { "type": "object", "required": ["type"], "properties": { "type": { "const": control.name } } },
        "then": shape,
    })
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
    if let Status::Deprecated(successor) = descriptor.status {
        merge(&mut chosen, &json!({ "deprecated": true, "deprecationMessage": successor.to_string() }));
    }
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
    let mut value = pool.link(value, probes_are);
    if let Value::Object(map) = &mut value {
        map.remove("description");
    }
    value
}

/// Lets the keys of every plug-in into a closed object, or into each form of one.
fn admit(shape: &mut Value, properties: &Map<String, Value>) {
    let Value::Object(map) = shape else { return };
    // Forms of one object only say which of its keys go together.
    let keywords: &[&str] = if map.contains_key("properties") { &[] } else { &["oneOf", "anyOf"] };
    for keyword in keywords {
        if let Some(Value::Array(branches)) = map.get_mut(*keyword) {
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
