//! Behaviours of services that agents depend on.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A behaviour that agents meet at a model or a tool, in the shape that the real services have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
#[non_exhaustive]
pub enum HttpPreset {
    /// The model refuses: 429 with `Retry-After` and the headers of its rate limits.
    LlmRateLimited,
    /// The model has no capacity: 503, or 529 where it speaks as Anthropic's does.
    LlmOverloaded,
    /// A stream breaks off behind its second event, without its end mark.
    LlmCutStream,
    /// A tool call whose arguments are no JSON.
    LlmMalformedToolCall,
    /// An answer without choices.
    LlmEmptyChoices,
    /// The answer begins, and its first token comes 10 s later.
    LlmSlowFirstToken,
    /// The tool reports an error in its result.
    ToolError,
    /// The tool's result is well-formed and wrong: each number is one higher, each truth the other one.
    ToolWrongResult,
    /// The tool does its work and never answers.
    ToolTimeout,
}

impl HttpPreset {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::LlmRateLimited,
        Self::LlmOverloaded,
        Self::LlmCutStream,
        Self::LlmMalformedToolCall,
        Self::LlmEmptyChoices,
        Self::LlmSlowFirstToken,
        Self::ToolError,
        Self::ToolWrongResult,
        Self::ToolTimeout,
    ];

    /// Its name in a document.
    pub fn name(self) -> &'static str {
        match self {
            Self::LlmRateLimited => "llm_rate_limited",
            Self::LlmOverloaded => "llm_overloaded",
            Self::LlmCutStream => "llm_cut_stream",
            Self::LlmMalformedToolCall => "llm_malformed_tool_call",
            Self::LlmEmptyChoices => "llm_empty_choices",
            Self::LlmSlowFirstToken => "llm_slow_first_token",
            Self::ToolError => "tool_error",
            Self::ToolWrongResult => "tool_wrong_result",
            Self::ToolTimeout => "tool_timeout",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_documents() {
        for preset in HttpPreset::ALL {
            assert_eq!(serde_json::to_value(preset).unwrap(), preset.name());
        }
    }
}
