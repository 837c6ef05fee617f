//! Readers that are private otherwise, for the fuzzer alone.

use std::error::Error;

use serde_json::Value;

use crate::{
    arguments,
    message::{self, Assistant},
    model::ModelTurn,
    openai,
    tool::Tool,
    tool_set::ToolSet,
};

/// What a model's message asks for, and the message as it goes into the history.
#[derive(Debug, PartialEq)]
pub struct MessageRead {
    /// For the history.
    pub message: Value,
    /// What it says.
    pub text: String,
    /// Names of tools, and their arguments as they came.
    pub calls: Vec<(String, Value)>,
}

/// Reads the body of a successful answer of a model server, JSON or a stream of events.
///
/// # Errors
/// Why it holds no turn.
pub fn turn(content_type: Option<&str>, body: &[u8]) -> Result<ModelTurn, Box<dyn Error + Send + Sync>> {
    openai::read_turn(content_type, body)
}

/// Reads a model's message in a loop with these tools.
///
/// # Errors
/// Why the message is not one of a model.
pub fn message(message: Value, tools: &[&dyn Tool]) -> Result<MessageRead, Box<dyn Error + Send + Sync>> {
    let tools = ToolSet::new(tools)?;
    let Assistant { message, text, calls } = message::read_assistant(message, 1, &tools)?;
    let calls = calls.into_iter().map(|call| (call.tool, call.arguments)).collect();
    Ok(MessageRead { message, text, calls })
}

/// Reads a call's arguments by the schema of its tool.
///
/// # Errors
/// Why they are none.
pub fn arguments(raw: &Value, schema: &Value) -> Result<Value, Box<dyn Error + Send + Sync>> {
    Ok(arguments::decode(raw, schema)?)
}
