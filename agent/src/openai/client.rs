//! Asks the server, and asks again where that may help.

use std::time::Duration;

use async_openai::{Client, config::OpenAIConfig, error::OpenAIError};
use chaos_core::{BoxFuture, Clock, Redactor, Secret};
use chaos_tls::ClientTls;
use reqwest::redirect;
use serde_json::Value;

use super::{attempt::Attempt, completion, config::OpenAiConfig, failure::Failure};
use crate::{
    error::AgentError,
    model::{Model, ModelRequest, ModelTurn},
};

/// A server that takes longer to accept a connection is as good as absent.
const CONNECT_TIME: Duration = Duration::from_secs(10);

/// A model behind an OpenAI-compatible chat server.
///
/// Redirects are not followed. Proxy variables of the environment count, except for a server on this machine.
#[derive(Debug)]
pub struct OpenAiModel {
    config: OpenAiConfig,
    client: Client<OpenAIConfig>,
    redactor: Redactor,
}

impl OpenAiModel {
    /// Prepares the client; nothing is sent yet.
    ///
    /// # Errors
    /// [`AgentError::Setting`] when the system's TLS or proxy settings cannot be used.
    pub fn new(config: OpenAiConfig) -> Result<Self, AgentError> {
        let unusable = |problem: String| AgentError::Setting {
            setting: "the HTTP client",
            problem: format!("cannot be set up: {problem}"),
        };
        let mut http = reqwest::Client::builder()
            .tls_backend_preconfigured(
                ClientTls::http1(config.may_use_tls()).config().map_err(|error| unusable(error.to_string()))?,
            )
            .redirect(redirect::Policy::none())
            .connect_timeout(CONNECT_TIME)
            // Minutes can lie between two turns; a kept connection would often be one that the server just closed.
            .pool_max_idle_per_host(0)
            .user_agent(concat!("squall/", env!("CARGO_PKG_VERSION")));
        if config.is_local() {
            http = http.no_proxy();
        }
        let http = http.build().map_err(|error| unusable(error.without_url().to_string()))?;
        let attempt = Attempt { http: http.clone(), with_key: config.api_key().is_some() };
        Ok(Self {
            // Not `with_config`, which makes a client of its own that asks for the process's TLS provider.
            client: Client::build(http, config.for_client()).with_http_service(attempt),
            redactor: Redactor::new(config.api_key().cloned()),
            config,
        })
    }

    async fn ask(&self, body: &Value, clock: &dyn Clock) -> Result<ModelTurn, AgentError> {
        let mut asked = Asked::default();
        let answer = self.ask_until_answered(body, clock, &mut asked);
        match clock.timeout(self.config.total_time, answer).await {
            Some(answer) => answer,
            None => Err(self.unavailable(&asked, "the time for one answer is over")),
        }
    }

    async fn ask_until_answered(
        &self,
        body: &Value,
        clock: &dyn Clock,
        asked: &mut Asked,
    ) -> Result<ModelTurn, AgentError> {
        loop {
            asked.attempts += 1;
            let failure = match self.attempt(body, clock).await {
                Ok(reply) => return completion::turn(&reply, asked.attempts),
                Err(failure) => failure,
            };
            if !failure.is_transient() {
                return Err(self.refusal(failure, asked.attempts));
            }
            asked.last = failure.to_string();
            if asked.attempts > self.config.retry.retries {
                return Err(self.unavailable(asked, &asked.last));
            }
            let wait = self.config.retry.wait(asked.attempts, failure.retry_after());
            clock.sleep(wait).await;
        }
    }

    async fn attempt(&self, body: &Value, clock: &dyn Clock) -> Result<Value, Failure> {
        let _real = clock.external();
        let reply: Value = self.client.chat().create_byot(body).await.map_err(typed)?;
        match Failure::inside_success(&reply) {
            Some(failure) => Err(failure),
            None => Ok(reply),
        }
    }

    fn refusal(&self, failure: Failure, attempts: u32) -> AgentError {
        match failure {
            Failure::Status { status, message, .. } => {
                AgentError::ModelRefused { status, message: self.redactor.text(&message) }
            }
            Failure::NotJson | Failure::TooLong(_) => AgentError::ModelReply { problem: failure.to_string() },
            Failure::Connect(_) | Failure::Transport(_) => {
                let last = failure.to_string();
                AgentError::ModelUnavailable { attempts, last }
            }
        }
    }

    fn unavailable(&self, asked: &Asked, why: &str) -> AgentError {
        let last = if asked.last.is_empty() || asked.last == why {
            why.to_owned()
        } else {
            format!("{why}; before that: {}", asked.last)
        };
        AgentError::ModelUnavailable { attempts: asked.attempts, last: self.redactor.text(&last) }
    }
}

/// How far the asking has come; kept outside, since a time limit drops the asking itself.
#[derive(Default)]
struct Asked {
    attempts: u32,
    last: String,
}

/// Gets our own failure back out of the client library's error.
fn typed(error: OpenAIError) -> Failure {
    match error {
        OpenAIError::Boxed(error) => match error.downcast::<Failure>() {
            Ok(failure) => *failure,
            Err(other) => Failure::Transport(other.to_string()),
        },
        OpenAIError::Reqwest(error) => Failure::of_transport(error),
        other => Failure::Transport(other.to_string()),
    }
}

impl Model for OpenAiModel {
    fn name(&self) -> &str {
        &self.config.model
    }

    fn reply<'a>(&'a self, request: ModelRequest<'a>) -> BoxFuture<'a, Result<ModelTurn, AgentError>> {
        Box::pin(async move {
            let clock = request.clock;
            let body = completion::body(&self.config.model, &self.config.extra, request);
            self.ask(&body, clock).await
        })
    }

    fn secrets(&self) -> Vec<Secret> {
        self.config.api_key().cloned().into_iter().collect()
    }
}
