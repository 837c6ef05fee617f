//! The registries as JSON Schema, draft-07: for editors, for other validators, and for the check itself.

mod arms;
mod document;
mod editor;
mod open;
mod tidy;
mod walk;

use chaos_core::schemars::generate::SchemaSettings;
use chaos_core::schemars::{JsonSchema, Schema, SchemaGenerator};
use chaos_core::{ChaosSpec, Descriptor};
use serde_json::{Map, Value, json};

pub(crate) use arms::{kind_of_definition, known};
pub(crate) use editor::AUTHOR_ONLY;
pub(crate) use tidy::tidy;
pub(crate) use walk::each_schema;

/// The documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DocumentKind {
    /// A benchmark's own file that carries entries; open at its top.
    Task,
    /// One entry, closed.
    Entry,
    /// One experiment, closed.
    Experiment,
}

impl DocumentKind {
    /// The word for it in names and messages.
    pub fn word(self) -> &'static str {
        match self {
            Self::Task => "task",
            Self::Entry => "entry",
            Self::Experiment => "experiment",
        }
    }
}

/// Whom a schema is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Profile {
    /// Editors: with snippets, Markdown and messages, which strict validators refuse as unknown keywords.
    Editor,
    /// Every validator: keywords of the standard only.
    Plain,
}

/// What a schema holds beside the shapes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Flavour {
    /// As published in a profile: a placeholder may stand for a scalar.
    Published(Profile),
    /// For the check, which has filled the placeholders.
    Filled,
}

/// The JSON Schema of a document, written from what is registered in this program.
///
/// A placeholder (`{{NAME}}`) may stand wherever a scalar or a string with a pattern is expected.
pub fn schema(kind: DocumentKind, profile: Profile) -> Value {
    build(kind, Flavour::Published(profile))
}

pub(crate) fn build(kind: DocumentKind, flavour: Flavour) -> Value {
    let mut pool = Pool::new(flavour);
    let mut root = document::document(kind, &mut pool);
    let mut definitions = pool.definitions();
    match flavour {
        Flavour::Published(Profile::Editor) => editor::decorate(&mut root, &mut definitions),
        Flavour::Published(Profile::Plain) => {
            editor::strip(&mut root);
            definitions.values_mut().for_each(editor::strip);
        }
        // The check's own messages read what editors read.
        Flavour::Filled => definitions.values_mut().for_each(editor::strip_snippets),
    }
    if let Value::Object(map) = &mut root {
        map.insert("definitions".into(), Value::Object(definitions));
    }
    root
}

/// The schema of one check in `verification_spec`, as strict as `probes` are: tells whether all of it is ours.
pub(crate) fn build_probe() -> Value {
    let mut pool = Pool::new(Flavour::Filled);
    let mut root = pool.reference("probe", &Map::new());
    if let Value::Object(map) = &mut root {
        map.insert("definitions".into(), Value::Object(pool.definitions()));
    }
    root
}

/// Schemas on their way into one document: one generator, so that shared types get one definition.
pub(crate) struct Pool {
    flavour: Flavour,
    generator: SchemaGenerator,
    nodes: arms::Nodes,
    named: Map<String, Value>,
}

impl Pool {
    fn new(flavour: Flavour) -> Self {
        let generator = SchemaSettings::draft07().into_generator();
        Self { flavour, generator, nodes: arms::Nodes::default(), named: Map::new() }
    }

    /// The finished schema of a type, with plug-in markers replaced.
    fn of<T: JsonSchema>(&mut self) -> Value {
        self.finish(T::json_schema)
    }

    fn finish(&mut self, schema: impl FnOnce(&mut SchemaGenerator) -> Schema) -> Value {
        let value = self.shaped(schema);
        self.link(value)
    }

    /// Tidied and opened for placeholders, with the plug-in markers still in it.
    fn shaped(&mut self, schema: impl FnOnce(&mut SchemaGenerator) -> Schema) -> Value {
        let mut schema = schema(&mut self.generator);
        for transform in self.generator.transforms_mut() {
            transform.transform(&mut schema);
        }
        self.shape(schema.to_value())
    }

    fn shape(&self, mut value: Value) -> Value {
        tidy(&mut value);
        if self.flavour != Flavour::Filled {
            open::open(&mut value);
        }
        value
    }

    /// Gives a schema a name, and returns the reference to it.
    fn define(&mut self, name: &str, schema: Value) -> Value {
        self.named.insert(name.to_owned(), schema);
        json!({ "$ref": format!("#/definitions/{name}") })
    }

    /// All definitions: those of shared types, and those of plug-in nodes, which may ask for more of both.
    fn definitions(&mut self) -> Map<String, Value> {
        let mut all = std::mem::take(&mut self.named);
        loop {
            let shared = self.generator.take_definitions(true);
            let nodes = self.nodes.pending();
            if shared.is_empty() && nodes.is_empty() {
                return all;
            }
            for (name, value) in shared {
                let value = self.shape(value);
                let value = self.link(value);
                all.insert(name, value);
            }
            for node in nodes {
                let value = arms::definition(self, &node);
                all.insert(node.name, value);
            }
        }
    }
}

/// The entry's own shape, before the rules between its keys are added.
fn entry_shape(pool: &mut Pool) -> Value {
    pool.of::<ChaosSpec>()
}

/// The schema of a plug-in's own keys, standing alone; for tools, which know no placeholders and no `type`.
pub(crate) fn parameters_of<T: ?Sized>(descriptor: &'static Descriptor<T>) -> Value {
    let mut pool = Pool::new(Flavour::Filled);
    let root = arms::parameters(&mut pool, descriptor, None);
    let mut definitions = pool.definitions();
    definitions.values_mut().for_each(editor::strip_snippets);
    with_definitions(root, definitions)
}

/// The schema of a type, standing alone and without placeholders.
pub(crate) fn schema_of<T: JsonSchema>() -> Value {
    let mut pool = Pool::new(Flavour::Filled);
    let root = pool.of::<T>();
    let definitions = pool.definitions();
    with_definitions(root, definitions)
}

fn with_definitions(mut root: Value, definitions: Map<String, Value>) -> Value {
    if let Value::Object(map) = &mut root
        && !definitions.is_empty()
    {
        map.insert("definitions".into(), Value::Object(definitions));
    }
    root
}
