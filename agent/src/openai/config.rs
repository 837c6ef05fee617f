//! Where the model's server is, and how patiently it is asked.

use std::{fmt, net::IpAddr, time::Duration};

use chaos_core::Secret;
use reqwest::{Url, header::HeaderValue};
use serde_json::{Map, Value};

use super::provider;
use crate::error::AgentError;

/// Where OpenAI's own models are; every other server is named by `OPENAI_BASE_URL`.
const OPENAI_BASE_URL: &str = async_openai::config::OPENAI_API_BASE;

/// Seconds that one answer may take.
pub(super) const TIMEOUT: &str = "CHAOS_MODEL_TIMEOUT_SECONDS";
/// A day: longer is a mistake.
const MAX_TIMEOUT_SECONDS: f64 = 86_400.0;

/// Settings of one model behind an OpenAI-compatible server.
#[derive(Clone)]
#[non_exhaustive]
pub struct OpenAiConfig {
    /// The model's name as the server knows it.
    pub model: String,
    /// Members that go into every request as they are, for instance a vendor's own switches. They cannot replace
    /// `model`, `messages`, `tools` or `stream`.
    pub extra: Map<String, Value>,
    /// Which failures are tried again, and when.
    pub retry: RetryPolicy,
    /// Time for one answer, retries and their waits included. Default 120 s; `CHAOS_MODEL_TIMEOUT_SECONDS` sets it.
    pub total_time: Duration,
    /// Without a slash at its end, as the client wants it.
    base_url: String,
    /// Whether that is on this machine.
    local: bool,
    api_key: Option<Secret>,
    organization: Option<String>,
    project: Option<String>,
}

/// How often and how soon a failed request is made again.
///
/// Tried again are: no connection, status 408, 429 unless the quota is used up, 5xx, the same inside a success, and a
/// success without an answer in it (empty, `choices` null). Nothing else is, since a second try would meet the same
/// answer or could double the cost. A 400 that names a member which another vendor added to the history is not a retry
/// of this policy: the request is made once more without such members.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RetryPolicy {
    /// Requests after the first. Default 3.
    pub retries: u32,
    /// Wait before the first retry; each later one waits twice as long. Default 250 ms.
    pub first_wait: Duration,
    /// Longest wait of our own choice. Default 8 s.
    pub max_wait: Duration,
    /// Longest wait that a server can impose, by `Retry-After` and its kin or in an error's text. Default 20 s.
    pub max_retry_after: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            retries: 3,
            first_wait: Duration::from_millis(250),
            max_wait: Duration::from_secs(8),
            max_retry_after: Duration::from_secs(20),
        }
    }
}

impl RetryPolicy {
    /// Gives the wait after so many requests; a server's wish counts up to its cap.
    pub(super) fn wait(&self, attempts: u32, retry_after: Option<Duration>) -> Duration {
        match retry_after {
            Some(asked) => asked.min(self.max_retry_after),
            None => self.first_wait.saturating_mul(2_u32.saturating_pow(attempts.saturating_sub(1))).min(self.max_wait),
        }
    }
}

impl OpenAiConfig {
    /// Names a model at OpenAI's own address, without a key.
    pub fn new(model: impl Into<String>) -> Self {
        Self {
            model: model.into(),
            extra: Map::new(),
            retry: RetryPolicy::default(),
            total_time: Duration::from_mins(2),
            base_url: OPENAI_BASE_URL.to_owned(),
            local: false,
            api_key: None,
            organization: None,
            project: None,
        }
    }

    /// Reads `CHAOS_MODEL` (or else `AGENT_MODEL`), `CHAOS_PROVIDER` (or else `AGENT_PROVIDER`), `OPENAI_BASE_URL`,
    /// `OPENAI_API_KEY`, `OPENAI_ORG_ID`, `OPENAI_PROJECT_ID` and `CHAOS_MODEL_TIMEOUT_SECONDS`. Empty values count as
    /// unset. `None` when no model is named.
    ///
    /// # Errors
    /// [`AgentError::Setting`] for a value that cannot be used, and for OpenAI's own address without a key or with the
    /// model of another provider.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Result<Option<Self>, AgentError> {
        let get = |name: &str| lookup(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
        let first = |names: [&'static str; 2]| names.into_iter().find_map(|name| Some((name, get(name)?)));
        let Some(model) = first(["CHAOS_MODEL", "AGENT_MODEL"]) else {
            return Ok(None);
        };
        let base_url = get("OPENAI_BASE_URL");
        if base_url.is_none() {
            provider::check(&model, first(["CHAOS_PROVIDER", "AGENT_PROVIDER"]).as_ref())?;
        }
        let mut config = Self::new(model.1);
        if let Some(seconds) = get(TIMEOUT) {
            config.total_time = timeout(&seconds)?;
        }
        if let Some(base_url) = &base_url {
            config = config.with_base_url(base_url)?;
        }
        if let Some(key) = get("OPENAI_API_KEY") {
            config = config.with_api_key(&key)?;
        } else if base_url.is_none() {
            return Err(AgentError::Setting {
                setting: "OPENAI_API_KEY",
                problem:
                    "is not set; set it, name your own server with OPENAI_BASE_URL, or use `--offline` to ask no model"
                        .into(),
            });
        }
        config.organization = header_value("OPENAI_ORG_ID", get("OPENAI_ORG_ID"))?;
        config.project = header_value("OPENAI_PROJECT_ID", get("OPENAI_PROJECT_ID"))?;
        Ok(Some(config))
    }

    /// Sets the server's address, the path up to before `/chat/completions` included.
    ///
    /// # Errors
    /// [`AgentError::Setting`] when it is not an http or https URL, or holds a user name or password.
    pub fn with_base_url(mut self, base_url: &str) -> Result<Self, AgentError> {
        let wrong = |problem: &str| AgentError::Setting {
            setting: "OPENAI_BASE_URL",
            problem: format!("{problem}; expected something like http://127.0.0.1:8000/v1"),
        };
        let url = Url::parse(base_url).map_err(|error| wrong(&format!("is not a URL: {error}")))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(wrong("is neither http nor https"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(wrong("holds a user name or password"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(wrong("holds a query or a fragment"));
        }
        self.local = is_local(&url);
        url.as_str().trim_end_matches('/').clone_into(&mut self.base_url);
        Ok(self)
    }

    /// Sets the key that is sent as a bearer token.
    ///
    /// # Errors
    /// [`AgentError::Setting`] when it cannot stand in a header.
    pub fn with_api_key(mut self, key: &str) -> Result<Self, AgentError> {
        self.api_key = header_value("OPENAI_API_KEY", Some(key.to_owned()))?.map(Secret::new);
        Ok(self)
    }

    /// What to say beside a 404, or a reply that is not the API's: which URL gave it, and what to try. Nothing more where
    /// the server's words are about the model.
    pub(super) fn not_found_hint(&self, message: &str) -> String {
        let url = format!("{}/chat/completions", self.base_url);
        let last = self.base_url.rsplit('/').next().unwrap_or_default();
        let has_version = last.strip_prefix('v').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
        let message = message.to_ascii_lowercase();
        if has_version || message.contains("model") {
            return format!(" (from {url})");
        }
        format!(" (from {url}; most servers need a `/v1`: try OPENAI_BASE_URL={}/v1)", self.base_url)
    }

    /// Whether the server is on this machine, where no proxy has any business.
    pub(super) fn is_local(&self) -> bool {
        self.local
    }

    /// Whether a request can meet TLS: at the server, or at a proxy on the way to it.
    pub(super) fn may_use_tls(&self) -> bool {
        !self.local || self.base_url.starts_with("https:")
    }

    /// The key, if there is one.
    pub(super) fn api_key(&self) -> Option<&Secret> {
        self.api_key.as_ref()
    }

    /// The settings as the client takes them. Each is set, since it reads the process environment for the others.
    pub(super) fn for_client(&self) -> async_openai::config::OpenAIConfig {
        async_openai::config::OpenAIConfig::new()
            .with_api_base(&self.base_url)
            .with_api_key(self.api_key().map_or("", Secret::expose))
            .with_org_id(self.organization.clone().unwrap_or_default())
            .with_project_id(self.project.clone().unwrap_or_default())
    }
}

fn timeout(seconds: &str) -> Result<Duration, AgentError> {
    let usable = |seconds: &f64| *seconds > 0.0 && *seconds <= MAX_TIMEOUT_SECONDS;
    seconds.parse().ok().filter(usable).map(Duration::from_secs_f64).ok_or_else(|| AgentError::Setting {
        setting: TIMEOUT,
        problem: format!("is `{seconds}`; expected a number of seconds above 0 and up to {MAX_TIMEOUT_SECONDS}"),
    })
}

fn is_local(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost") || address.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Checks what the client would otherwise panic on.
fn header_value(setting: &'static str, value: Option<String>) -> Result<Option<String>, AgentError> {
    match &value {
        Some(text) if HeaderValue::from_str(text).is_err() => {
            Err(AgentError::Setting { setting, problem: "holds characters that no HTTP header may hold".into() })
        }
        _ => Ok(value),
    }
}

impl fmt::Debug for OpenAiConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenAiConfig")
            .field("model", &self.model)
            .field("base_url", &self.base_url)
            .field("api_key", &self.api_key)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(settings: &[(&str, &str)]) -> Result<Option<OpenAiConfig>, AgentError> {
        let settings: Vec<(String, String)> =
            settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        OpenAiConfig::from_lookup(|name| {
            settings.iter().find(|(other, _)| other == name).map(|(_, value)| value.clone())
        })
    }

    #[test]
    fn no_named_model_means_no_configuration() {
        for settings in [vec![("OPENAI_API_KEY", "k")], vec![("CHAOS_MODEL", ""), ("AGENT_MODEL", "  ")]] {
            assert!(from(&settings).expect("not an error").is_none());
        }
    }

    #[test]
    fn the_models_name_falls_back() {
        let cases = [
            (vec![("CHAOS_MODEL", "a"), ("AGENT_MODEL", "b")], "a"),
            (vec![("CHAOS_MODEL", ""), ("AGENT_MODEL", "b")], "b"),
        ];
        for (mut settings, model) in cases {
            settings.push(("OPENAI_API_KEY", "k"));
            let config = from(&settings).expect("usable").expect("named");
            assert_eq!(config.model, model);
            assert_eq!(config.base_url, OPENAI_BASE_URL);
        }
    }

    #[test]
    fn a_model_of_another_provider_needs_a_server_that_is_named() {
        let mut settings = vec![("AGENT_MODEL", "claude-3"), ("AGENT_PROVIDER", "anthropic"), ("OPENAI_API_KEY", "k")];
        let error = from(&settings).expect_err("not OpenAI's").to_string();
        assert!(error.starts_with("AGENT_PROVIDER is `anthropic`, but without OPENAI_BASE_URL"), "{error}");
        settings.push(("OPENAI_BASE_URL", "http://127.0.0.1:4000/v1"));
        assert_eq!(from(&settings).expect("usable").expect("named").model, "claude-3");
    }

    #[test]
    fn a_server_of_ones_own_needs_no_key() {
        let settings = [("CHAOS_MODEL", "m"), ("OPENAI_BASE_URL", "http://[::1]:8000/v1/")];
        let config = from(&settings).expect("usable").expect("named");
        assert_eq!(config.base_url, "http://[::1]:8000/v1");
        assert!(config.is_local());
        assert_eq!(config.api_key(), None);
    }

    #[test]
    fn unusable_settings_say_what_would_be_right() {
        let cases: [(&[(&str, &str)], &str); 8] = [
            (
                &[],
                "OPENAI_API_KEY is not set; set it, name your own server with OPENAI_BASE_URL, or use `--offline` to ask no model",
            ),
            (
                &[("OPENAI_API_KEY", "k"), ("CHAOS_MODEL_TIMEOUT_SECONDS", "soon")],
                "CHAOS_MODEL_TIMEOUT_SECONDS is `soon`; expected a number of seconds above 0 and up to 86400",
            ),
            (
                &[("OPENAI_API_KEY", "k"), ("CHAOS_MODEL_TIMEOUT_SECONDS", "0")],
                "CHAOS_MODEL_TIMEOUT_SECONDS is `0`; expected a number of seconds above 0 and up to 86400",
            ),
            (
                &[("OPENAI_BASE_URL", "127.0.0.1:80")],
                "OPENAI_BASE_URL is not a URL: relative URL without a base; expected something like http://127.0.0.1:8000/v1",
            ),
            (
                &[("OPENAI_BASE_URL", "ftp://127.0.0.1/")],
                "OPENAI_BASE_URL is neither http nor https; expected something like http://127.0.0.1:8000/v1",
            ),
            (
                &[("OPENAI_BASE_URL", "http://me:secret@127.0.0.1/")],
                "OPENAI_BASE_URL holds a user name or password; expected something like http://127.0.0.1:8000/v1",
            ),
            (
                &[("OPENAI_BASE_URL", "http://127.0.0.1/v1?key=secret")],
                "OPENAI_BASE_URL holds a query or a fragment; expected something like http://127.0.0.1:8000/v1",
            ),
            (&[("OPENAI_API_KEY", "two\nlines")], "OPENAI_API_KEY holds characters that no HTTP header may hold"),
        ];
        for (settings, message) in cases {
            let mut settings = settings.to_vec();
            settings.push(("CHAOS_MODEL", "m"));
            let error = from(&settings).expect_err(message);
            assert_eq!(error.to_string(), message);
        }
    }

    #[test]
    fn waits_double_up_to_their_cap_and_retry_after_has_its_own() {
        let policy = RetryPolicy::default();
        let waits: Vec<u128> = (1..8).map(|n| policy.wait(n, None).as_millis()).collect();
        assert_eq!(waits, [250, 500, 1000, 2000, 4000, 8000, 8000]);
        assert_eq!(policy.wait(u32::MAX, None), policy.max_wait);
        for (asked, given) in [(0, 0), (7, 7), (3600, 20)] {
            let asked = Some(Duration::from_secs(asked));
            assert_eq!(policy.wait(1, asked), Duration::from_secs(given));
        }
    }

    #[test]
    fn only_this_machine_is_local() {
        for (base, local) in [
            ("http://localhost:1/v1", true),
            ("http://127.8.9.10/v1", true),
            ("http://10.0.0.1/v1", false),
            ("https://localhost.example.com/v1", false),
        ] {
            let config = OpenAiConfig::new("m").with_base_url(base).expect("usable");
            assert_eq!(config.is_local(), local, "{base}");
        }
    }

    #[test]
    fn the_time_for_one_answer_is_a_setting() {
        let base = [("CHAOS_MODEL", "m"), ("OPENAI_BASE_URL", "http://127.0.0.1:1/v1")];
        assert_eq!(from(&base).expect("usable").expect("named").total_time, Duration::from_mins(2));
        let config = from(&[base[0], base[1], ("CHAOS_MODEL_TIMEOUT_SECONDS", "600")]);
        assert_eq!(config.expect("usable").expect("named").total_time, Duration::from_mins(10));
    }

    #[test]
    fn a_404_says_which_url_gave_it_and_what_to_try() {
        let hint = |base: &str, message: &str| {
            OpenAiConfig::new("m").with_base_url(base).expect("usable").not_found_hint(message)
        };
        let cases = [
            (
                "http://127.0.0.1:8000",
                "Not Found",
                " (from http://127.0.0.1:8000/chat/completions; most servers need a `/v1`: try OPENAI_BASE_URL=http://127.0.0.1:8000/v1)",
            ),
            ("http://h/v1", "Not Found", " (from http://h/v1/chat/completions)"),
            ("http://h/v1beta", "", " (from http://h/v1beta/chat/completions)"),
            ("http://h", "model `m` not found", " (from http://h/chat/completions)"),
        ];
        for (base, message, expected) in cases {
            assert_eq!(hint(base, message), expected);
        }
    }

    #[test]
    fn debug_shows_no_key() {
        let config = OpenAiConfig::new("m").with_api_key("sk-1").expect("usable");
        assert!(!format!("{config:?}").contains("sk-1"));
    }
}
