//! The command line of a node.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// A program and its arguments; there is no shell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<String>", into = "Vec<String>")]
pub struct NodeArgv(Vec<String>);

/// A command line without a program.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`argv` names no program; expected a list such as `[server, --port, \"8080\"]`")]
pub struct NodeArgvError;

impl NodeArgv {
    /// The program.
    pub fn program(&self) -> &str {
        self.0.first().map_or("", String::as_str)
    }

    /// Its arguments.
    pub fn arguments(&self) -> &[String] {
        self.0.get(1..).unwrap_or_default()
    }
}

impl TryFrom<Vec<String>> for NodeArgv {
    type Error = NodeArgvError;

    fn try_from(words: Vec<String>) -> Result<Self, NodeArgvError> {
        if words.is_empty() { Err(NodeArgvError) } else { Ok(Self(words)) }
    }
}

impl From<NodeArgv> for Vec<String> {
    fn from(argv: NodeArgv) -> Self {
        argv.0
    }
}

impl JsonSchema for NodeArgv {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "NodeArgv".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "array", "items": { "type": "string" }, "minItems": 1 })
    }
}
