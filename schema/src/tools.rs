//! Faults as function tools of a language model.

mod author_only;
mod strict;

use chaos_core::schemars::JsonSchema;
use chaos_core::{DEFAULT_HOLD_SECONDS, Descriptor, DynFault, Seconds, Span};
use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use crate::generate::{parameters_of, schema_of};
pub use author_only::{author_only, authors_target};

/// Characters of a tool's description; the bound of the interface.
const MOST_DESCRIPTION: usize = 1024;

/// One function tool; serialized, it has the form of `tools` in a request to an OpenAI-compatible server.
///
/// A tool is `strict` when its parameters can be said in the subset of JSON Schema that strict tools allow; then every
/// optional parameter is required and may be null, and [`strip_nulls`] brings a reply back to what loads.
#[derive(Debug, Clone, PartialEq)]
pub struct FunctionTool {
    /// The name by which it is called.
    pub name: String,
    /// What it does and when to use it.
    pub description: String,
    /// Whether a reply keeps to `parameters` to the letter.
    pub strict: bool,
    /// JSON Schema of its arguments, an object.
    pub parameters: Value,
}

impl FunctionTool {
    /// A tool with these arguments: a draft-07 schema of an object, strict where that can be said.
    pub fn new(name: impl Into<String>, description: impl Into<String>, schema: Value) -> Self {
        let (strict, parameters) = match strict::strictly(schema.clone()) {
            Some(parameters) => (true, parameters),
            None => (false, strict::loosely(schema)),
        };
        Self { name: name.into(), description: description.into(), strict, parameters }
    }

    /// A tool whose arguments are a `T`.
    pub fn of<T: JsonSchema>(name: impl Into<String>, description: impl Into<String>) -> Self {
        Self::new(name, description, schema_of::<T>())
    }

    /// The tool that injects a fault: its name is the fault's `type`, its parameters are the fault's.
    ///
    /// Parameters that only an author may set are left out; a sustained fault takes `duration_seconds`, its entry's
    /// key, beside its own.
    pub fn of_fault(fault: &'static Descriptor<dyn DynFault>) -> Self {
        let mut schema = parameters_of(fault);
        author_only::remove(&mut schema);
        if let (Some(Span::Sustained), Some(Value::Object(properties))) = (fault.span, schema.get_mut("properties")) {
            properties.entry("duration_seconds").or_insert_with(|| {
                let mut seconds = schema_of::<Seconds>();
                let text = format!("Seconds for which the fault is held; default {DEFAULT_HOLD_SECONDS}.");
                seconds["description"] = text.into();
                seconds
            });
        }
        Self::new(fault.name, description(&fault.docs()), schema)
    }
}

impl Serialize for FunctionTool {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // Through a value: its keys are sorted, so that the text is the same wherever it is written.
        let Self { name, description, strict, parameters } = self;
        let function = json!({ "name": name, "description": description, "strict": strict, "parameters": parameters });
        json!({ "type": "function", "function": function }).serialize(serializer)
    }
}

/// The tools of these faults, one each.
pub fn tools(faults: impl IntoIterator<Item = &'static Descriptor<dyn DynFault>>) -> Vec<FunctionTool> {
    faults.into_iter().map(FunctionTool::of_fault).collect()
}

/// Removes null members at every depth: a strict tool's reply says null where a parameter was left out.
pub fn strip_nulls(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|_, item| !item.is_null());
            map.values_mut().for_each(strip_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(strip_nulls),
        _ => {}
    }
}

/// The documentation without its example, which is YAML and names the `type`.
fn description(docs: &str) -> String {
    let text = docs.split("# Example").next().unwrap_or_default().trim();
    let mut out = String::new();
    for paragraph in text.split("\n\n") {
        if out.chars().count() + paragraph.chars().count() + 2 > MOST_DESCRIPTION {
            break;
        }
        if !out.is_empty() {
            out.push_str("\n\n");
        }
        out.push_str(paragraph);
    }
    if out.is_empty() { text.chars().take(MOST_DESCRIPTION).collect() } else { out }
}
