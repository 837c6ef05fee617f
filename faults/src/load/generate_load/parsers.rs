//! Readers that are private otherwise, for the fuzzer alone.

use std::error::Error;

use super::command;

/// Reads the command line that a model wrote: its words, and what it asks for.
///
/// # Errors
/// Why it is not allowed.
pub fn command(text: &str) -> Result<(Vec<String>, String), Box<dyn Error + Send + Sync>> {
    let words = command::split(text)?;
    let asked = command::read(&words, Some("/home/user"))?;
    Ok((words, format!("{asked:?}")))
}
