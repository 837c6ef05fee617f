//! The registries as JSON Schema, draft-07: for editors, for other validators, and for the check itself.

mod arms;
mod document;
mod editor;
mod flavour;
mod nullable;
mod open;
mod pool;
mod tidy;

use chaos_core::Descriptor;
use chaos_core::schemars::JsonSchema;
use serde_json::{Map, Value};

use crate::document::DocumentKind;
use crate::marker::ENTRY;
use pool::Pool;

pub(crate) use flavour::Flavour;
pub use flavour::Profile;

/// The JSON Schema of a document, written from what is registered in this program.
///
/// A placeholder (`{{NAME}}`) may stand wherever a scalar or a string with a pattern is expected.
pub fn schema(kind: DocumentKind, profile: Profile) -> Value {
    build(kind, Flavour::Published(profile))
}

pub(crate) fn build(kind: DocumentKind, flavour: Flavour) -> Value {
    let mut pool = Pool::new(flavour);
    let mut root = document::document(kind, &mut pool);
    let mut definitions = definitions(&mut pool);
    nullable::nullable(&mut root);
    definitions.values_mut().for_each(nullable::nullable);
    match flavour {
        Flavour::Published(Profile::Editor) => editor::decorate(&mut root, &mut definitions),
        Flavour::Published(Profile::Plain) => {
            editor::strip(&mut root);
            definitions.values_mut().for_each(editor::strip);
        }
        // The check's own messages read what editors read.
        Flavour::Filled => definitions.values_mut().for_each(editor::strip_snippets),
    }
    with_definitions(root, definitions)
}

/// All definitions: those of shared types, and those of nodes, which may ask for more of both.
fn definitions(pool: &mut Pool) -> Map<String, Value> {
    let mut all = Map::new();
    loop {
        let before = all.len();
        all.extend(pool.take_shared());
        for node in pool.take_nodes() {
            let definition = if node.kind == ENTRY { document::entry(pool) } else { arms::definition(pool, &node) };
            all.insert(node.name, definition);
        }
        if all.len() == before {
            return all;
        }
    }
}

fn with_definitions(mut root: Value, definitions: Map<String, Value>) -> Value {
    if let Value::Object(map) = &mut root
        && !definitions.is_empty()
    {
        map.insert("definitions".into(), Value::Object(definitions));
    }
    root
}

/// A schema that stands alone, without placeholders.
fn alone(schema: impl FnOnce(&mut Pool) -> Value) -> Value {
    let mut pool = Pool::new(Flavour::Filled);
    let root = schema(&mut pool);
    let mut definitions = definitions(&mut pool);
    definitions.values_mut().for_each(editor::strip_snippets);
    with_definitions(root, definitions)
}

/// The schema of a plug-in's own keys; for tools, which know no placeholders and no `type`.
pub(crate) fn parameters_of<T: ?Sized>(descriptor: &'static Descriptor<T>) -> Value {
    alone(|pool| arms::parameters(pool, descriptor, None))
}

/// The schema of a type.
pub(crate) fn schema_of<T: JsonSchema>() -> Value {
    alone(Pool::of::<T>)
}
