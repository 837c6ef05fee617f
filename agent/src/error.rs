//! Everything that can go wrong around the tool loop, as one typed error.

use std::path::PathBuf;

/// Says what failed, where, and what would be right.
///
/// Nothing here ever holds a key or the payload of a message.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AgentError {
    /// A tool's name is not one that a model can call.
    #[error("tool name `{name}` is not usable; use 1 to 64 of the characters a-z, A-Z, 0-9, `_` and `-`")]
    ToolName {
        /// The name as the tool gave it.
        name: String,
    },
    /// Two tools of one loop have the same name.
    #[error("two tools are named `{name}`; give each its own name")]
    DuplicateTool {
        /// The shared name.
        name: String,
    },
    /// A tool's parameters are not described by a schema of an object.
    #[error("parameters of tool `{name}` are not the JSON Schema of an object; start from `{{\"type\": \"object\"}}`")]
    ToolParameters {
        /// The tool's name.
        name: String,
    },
    /// A setting for the model is absent or unusable.
    #[error("{setting} {problem}")]
    Setting {
        /// The variable or setting, for instance `OPENAI_BASE_URL`.
        setting: &'static str,
        /// What is wrong with it and what would be right.
        problem: String,
    },
    /// The model's server answered with an error that asking again cannot cure.
    #[error("model server refused with status {status}: {message}")]
    ModelRefused {
        /// HTTP status.
        status: u16,
        /// The server's own words, shortened, without the key.
        message: String,
    },
    /// The model's server could not be made to answer.
    #[error("model server did not answer after {attempts} attempts: {last}")]
    ModelUnavailable {
        /// Requests that were made.
        attempts: u32,
        /// What the last of them met.
        last: String,
    },
    /// The model's answer has not the shape of a chat completion.
    #[error("model reply is not a chat completion: {problem}")]
    ModelReply {
        /// The part that is absent or wrong.
        problem: String,
    },
    /// The model's own code panicked.
    #[error("model client panicked: {message}")]
    ModelPanicked {
        /// The panic's message.
        message: String,
    },
    /// The transcript could not be opened, written or read.
    #[error("failed to {action} transcript `{}`", path.display())]
    TranscriptFile {
        /// What was tried: `create`, `write` or `read`.
        action: &'static str,
        /// The file, or `-` for a writer without a file.
        path: PathBuf,
        /// The cause given by the system.
        #[source]
        source: std::io::Error,
    },
    /// A line of a transcript is not what a transcript holds there.
    #[error("transcript line {line}: {problem}")]
    TranscriptLine {
        /// Line number, from 1.
        line: usize,
        /// What is wrong with it.
        problem: String,
    },
    /// The loop asked for a turn that was never recorded.
    #[error("transcript holds {recorded} replies, but one more was asked for")]
    ReplayExhausted {
        /// Replies in the transcript.
        recorded: usize,
    },
    /// A replay made other calls than the recorded run.
    #[error("replay differs at call {call}: recorded {recorded}, replayed {replayed}")]
    ReplayDiffers {
        /// Number of the call, from 1.
        call: usize,
        /// The recorded call, or `nothing`.
        recorded: String,
        /// The replayed call, or `nothing`.
        replayed: String,
    },
}
