//! Whose model a name is: OpenAI's own address has no other provider's.

use crate::error::AgentError;

/// Providers whose API is OpenAI's, at OpenAI's address or at one of their own.
const COMPATIBLE: [&str; 4] = ["openai", "openai-compatible", "openai_compatible", "custom"];
/// Providers that stand before a `/` in the names of a router's models.
const PREFIXES: [&str; 12] = [
    "anthropic",
    "azure",
    "bedrock",
    "cohere",
    "deepseek",
    "gemini",
    "google",
    "groq",
    "mistral",
    "ollama",
    "openrouter",
    "vertex_ai",
];
/// Families of models, and whose they are.
const FAMILIES: [(&str, &str); 6] = [
    ("claude", "anthropic"),
    ("gemini", "google"),
    ("mistral", "mistral"),
    ("deepseek", "deepseek"),
    ("command-r", "cohere"),
    ("grok", "xai"),
];

/// Checks that a model which is to be asked at OpenAI's own address is OpenAI's. Both come with their variable's name.
///
/// # Errors
/// [`AgentError::Setting`] when provider or model is another's; it says what to set.
pub(super) fn check(
    model: &(&'static str, String),
    provider: Option<&(&'static str, String)>,
) -> Result<(), AgentError> {
    let (setting, problem) = match provider {
        Some((_, provider)) if COMPATIBLE.contains(&provider.to_ascii_lowercase().as_str()) => return Ok(()),
        Some((setting, provider)) => (setting, format!("is `{provider}`")),
        None => match of_model(&model.1) {
            Some(provider) => (&model.0, format!("is `{}`, a model of `{provider}`", model.1)),
            None => return Ok(()),
        },
    };
    let problem = format!(
        "{problem}, but without OPENAI_BASE_URL the model is asked at OpenAI; name a server that speaks OpenAI's API \
         with OPENAI_BASE_URL, set CHAOS_MODEL to a model of OpenAI's and CHAOS_PROVIDER to `openai`, or use \
         `--offline` to ask no model"
    );
    Err(AgentError::Setting { setting, problem })
}

/// The provider that a model's name tells, unless it is OpenAI.
fn of_model(model: &str) -> Option<&'static str> {
    let model = model.to_ascii_lowercase();
    if let Some((prefix, _)) = model.split_once('/') {
        return PREFIXES.into_iter().find(|name| *name == prefix);
    }
    FAMILIES.iter().find(|(family, _)| model.starts_with(family)).map(|(_, provider)| *provider)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_openais_models_are_asked_at_openai() {
        let cases = [
            ("gpt-4o", None, None),
            ("o3-mini", None, None),
            ("ft:gpt-4o:me", None, None),
            ("claude-sonnet-4", None, Some("AGENT_MODEL is `claude-sonnet-4`, a model of `anthropic`, but")),
            ("anthropic/claude-3", None, Some("AGENT_MODEL is `anthropic/claude-3`, a model of `anthropic`, but")),
            ("gpt-4o", Some("anthropic"), Some("CHAOS_PROVIDER is `anthropic`, but")),
            ("gpt-4o", Some("OpenAI"), None),
            // The provider's word counts for more than a name.
            ("claude-like", Some("openai"), None),
        ];
        for (model, provider, problem) in cases {
            let provider = provider.map(|provider| ("CHAOS_PROVIDER", String::from(provider)));
            let checked =
                check(&("AGENT_MODEL", model.to_owned()), provider.as_ref()).map_err(|error| error.to_string());
            match problem {
                None => assert_eq!(checked, Ok(()), "{model}"),
                Some(problem) => {
                    let error = checked.expect_err(problem);
                    assert!(error.starts_with(problem) && error.contains("`--offline`"), "{error}");
                }
            }
        }
    }
}
