//! A program and its arguments, as a document names them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A program and its arguments.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<String>", into = "Vec<String>")]
pub struct Argv {
    program: String,
    arguments: Vec<String>,
}

/// A list without a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no program: expected a list such as `[pg_isready, --host, 127.0.0.1]`")]
pub struct EmptyArgv;

impl Argv {
    /// The program.
    pub fn program(&self) -> &str {
        &self.program
    }

    /// Its arguments.
    pub fn arguments(&self) -> &[String] {
        &self.arguments
    }
}

impl TryFrom<Vec<String>> for Argv {
    type Error = EmptyArgv;

    fn try_from(mut words: Vec<String>) -> Result<Self, EmptyArgv> {
        if words.is_empty() {
            return Err(EmptyArgv);
        }
        let program = words.remove(0);
        Ok(Self { program, arguments: words })
    }
}

impl From<Argv> for Vec<String> {
    fn from(argv: Argv) -> Self {
        std::iter::once(argv.program).chain(argv.arguments).collect()
    }
}

impl JsonSchema for Argv {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Argv".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "array", "items": { "type": "string" }, "minItems": 1 })
    }
}
