//! Who asks for the load: a configured model, or the offline planner.

use std::time::Duration;

use chaos_agent::{Model, OfflinePlanner};
use chaos_core::{PluginError, RunContext};
use serde_json::json;

use super::load_tool::{self, LoadArguments};
use super::offer::{Chooses, Offer};

/// Who asks for the load.
#[derive(Debug)]
pub(super) enum Planner {
    /// Makes the planned call.
    Offline,
    /// A model behind an OpenAI-compatible server.
    #[cfg(feature = "openai")]
    OpenAi(Box<chaos_agent::OpenAiConfig>),
}

impl Planner {
    /// Reads the run's environment; connects to nothing.
    #[cfg(feature = "openai")]
    pub(super) fn of(cx: &RunContext) -> Result<Self, PluginError> {
        let config = chaos_agent::OpenAiConfig::from_lookup(|name| cx.env(name).map(str::to_owned));
        let config = config.map_err(|error| PluginError::failed(error.to_string()))?;
        Ok(config.map_or(Self::Offline, |config| Self::OpenAi(Box::new(config))))
    }

    /// Reads the run's environment; a model that cannot be asked is an error, never a silent offline run.
    #[cfg(not(feature = "openai"))]
    pub(super) fn of(cx: &RunContext) -> Result<Self, PluginError> {
        for name in ["CHAOS_MODEL", "AGENT_MODEL"] {
            if cx.env(name).is_some_and(|value| !value.trim().is_empty()) {
                let why = format!("`{name}` names a model, but this build has no client for one (feature `openai`)");
                return Err(PluginError::failed(format!("{why}; unset it for the offline planner")));
            }
        }
        Ok(Self::Offline)
    }

    /// Who chooses the length of a load that has none.
    pub(super) fn chooses(&self) -> Chooses {
        match self {
            Self::Offline => Chooses::Nobody,
            #[cfg(feature = "openai")]
            Self::OpenAi(_) => Chooses::Model,
        }
    }

    /// Time that a conversation may take beside the load; `None` where nobody is asked.
    pub(super) fn conversation_time(&self) -> Option<Duration> {
        match self {
            Self::Offline => None,
            #[cfg(feature = "openai")]
            Self::OpenAi(config) => {
                Some(chaos_agent::Limits::for_planned(Duration::ZERO).with_answer_time(config.total_time).total_time)
            }
        }
    }

    /// The model to run the conversation with.
    #[cfg_attr(
        not(feature = "openai"),
        expect(clippy::unnecessary_wraps, reason = "only a real client can fail to be set up")
    )]
    pub(super) fn model(self, offer: &Offer) -> Result<Box<dyn Model>, PluginError> {
        match self {
            Self::Offline => Ok(Box::new(OfflinePlanner::new(load_tool::NAME, json!(LoadArguments::of(offer))))),
            #[cfg(feature = "openai")]
            Self::OpenAi(config) => {
                let model = chaos_agent::OpenAiModel::new(*config);
                Ok(Box::new(model.map_err(|error| PluginError::failed(error.to_string()))?))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::test_context::TestContext;
    use super::*;

    #[test]
    fn without_a_model_the_offline_planner_asks() {
        for env in [&[][..], &[("CHAOS_MODEL", " "), ("AGENT_MODEL", "")]] {
            let place = TestContext::new(env);
            assert_eq!(Planner::of(&place.cx()).unwrap().chooses(), Chooses::Nobody);
        }
    }

    #[cfg(feature = "openai")]
    #[test]
    fn a_named_model_chooses_and_unusable_settings_are_told() {
        let place = TestContext::new(&[("AGENT_MODEL", "m"), ("OPENAI_BASE_URL", "http://127.0.0.1:1/v1")]);
        assert_eq!(Planner::of(&place.cx()).unwrap().chooses(), Chooses::Model);
        let settings = [("AGENT_MODEL", "m"), ("OPENAI_BASE_URL", "http://127.0.0.1:1/v1")];
        let place = TestContext::new(&[settings[0], settings[1], ("CHAOS_MODEL_TIMEOUT_SECONDS", "600")]);
        // The load's call has 20 s more than the load, and each of 8 answers its 600 s.
        let time = Planner::of(&place.cx()).unwrap().conversation_time();
        assert_eq!(time, Some(Duration::from_secs(8 * 600 + 20)));
        let place = TestContext::new(&[("CHAOS_MODEL", "m")]);
        let error = Planner::of(&place.cx()).unwrap_err().to_string();
        assert!(error.starts_with("OPENAI_API_KEY is not set"), "{error}");
    }

    #[cfg(not(feature = "openai"))]
    #[test]
    fn a_model_that_cannot_be_asked_is_an_error() {
        let place = TestContext::new(&[("AGENT_MODEL", "m")]);
        let error = Planner::of(&place.cx()).unwrap_err().to_string();
        assert!(error.starts_with("`AGENT_MODEL` names a model, but this build has no client"), "{error}");
    }
}
