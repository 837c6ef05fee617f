//! Asks the server, and asks again where that may help.

use std::{
    mem,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use async_openai::{Client, config::OpenAIConfig, error::OpenAIError};
use chaos_core::{BoxFuture, Clock, Redactor, Secret};
use chaos_tls::ClientTls;
use reqwest::redirect;
use serde_json::Value;

use super::{
    attempt::Attempt,
    completion,
    config::{OpenAiConfig, TIMEOUT},
    failure::Failure,
    history,
};
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
    /// Set once the server has refused what another vendor added to the history.
    plain_history: AtomicBool,
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
            plain_history: AtomicBool::new(false),
            config,
        })
    }

    async fn ask(&self, body: Value, clock: &dyn Clock) -> Result<ModelTurn, AgentError> {
        let mut asked = Asked::default();
        let answer = self.ask_until_answered(body, clock, &mut asked);
        if let Some(answer) = clock.timeout(self.config.total_time, answer).await {
            return answer;
        }
        let why = format!("no answer within {} s (`{TIMEOUT}`)", self.config.total_time.as_secs_f64());
        Err(self.unavailable(&asked, &why))
    }

    async fn ask_until_answered(
        &self,
        mut body: Value,
        clock: &dyn Clock,
        asked: &mut Asked,
    ) -> Result<ModelTurn, AgentError> {
        if self.plain_history.load(Ordering::Relaxed) {
            history::drop_additions(&mut body);
        }
        let mut retries = 0;
        loop {
            asked.attempts += 1;
            let failure = match self.attempt(&body, clock).await {
                Ok(mut turn) => {
                    turn.attempts = asked.attempts;
                    turn.failed_attempts = mem::take(&mut asked.failed);
                    return Ok(turn);
                }
                Err(failure) => failure,
            };
            if let Some(names) = refused_additions(&failure, &body) {
                history::drop_additions(&mut body);
                self.plain_history.store(true, Ordering::Relaxed);
                asked.failed.push(self.redactor.text(&format!("{failure}; asked again without {names}")));
                continue;
            }
            if !failure.is_transient() {
                return Err(self.refusal(failure, asked.attempts));
            }
            asked.failed.push(self.redactor.text(&failure.to_string()));
            if retries == self.config.retry.retries {
                return Err(self.unavailable(asked, &failure.to_string()));
            }
            retries += 1;
            let wish = failure.retry_after().map(|wish| wish.from(clock.wall()));
            clock.sleep(self.config.retry.wait(retries, wish)).await;
        }
    }

    async fn attempt(&self, body: &Value, clock: &dyn Clock) -> Result<ModelTurn, Failure> {
        let _real = clock.external();
        let reply: Value = self.client.chat().create_byot(body).await.map_err(typed)?;
        turn_in(&reply)
    }

    fn refusal(&self, failure: Failure, attempts: u32) -> AgentError {
        match failure {
            Failure::Status(told) => {
                let hint = if told.status == 404 { self.config.not_found_hint(&told.message) } else { String::new() };
                let message = self.redactor.text(&format!("{}{hint}", told.message));
                AgentError::ModelRefused { status: told.status, message }
            }
            Failure::NotJson(_) => {
                let problem = format!("{failure}{}", self.config.not_found_hint(""));
                AgentError::ModelReply { problem: self.redactor.text(&problem) }
            }
            Failure::TooLong(_) | Failure::Shape(_) => AgentError::ModelReply { problem: failure.to_string() },
            Failure::Connect(_) | Failure::Transport(_) | Failure::NoAnswer(_) => {
                let last = failure.to_string();
                AgentError::ModelUnavailable { attempts, last }
            }
        }
    }

    fn unavailable(&self, asked: &Asked, why: &str) -> AgentError {
        let last = match asked.failed.last() {
            Some(last) if last != why => format!("{why}; before that: {last}"),
            _ => why.to_owned(),
        };
        AgentError::ModelUnavailable { attempts: asked.attempts, last: self.redactor.text(&last) }
    }
}

/// How far the asking has come; kept outside, since a time limit drops the asking itself.
#[derive(Default)]
struct Asked {
    attempts: u32,
    /// What each failed attempt met, masked.
    failed: Vec<String>,
}

/// Names the members beyond OpenAI's API that a server refuses to take, if that is what its error says.
fn refused_additions(failure: &Failure, body: &Value) -> Option<String> {
    let Failure::Status(told) = failure else { return None };
    if !matches!(told.status, 400 | 422) {
        return None;
    }
    let additions = history::additions(body);
    additions.iter().any(|name| history::names(&told.body, name)).then(|| {
        let quoted: Vec<String> = additions.iter().map(|name| format!("`{name}`")).collect();
        quoted.join(", ")
    })
}

/// The turn in a successful answer, which may hold an error all the same.
pub(super) fn turn_in(reply: &Value) -> Result<ModelTurn, Failure> {
    match Failure::inside_success(reply) {
        Some(failure) => Err(failure),
        None => completion::turn(reply),
    }
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
            self.ask(body, clock).await
        })
    }

    fn answer_time(&self) -> Duration {
        self.config.total_time
    }

    fn secrets(&self) -> Vec<Secret> {
        self.config.api_key().cloned().into_iter().collect()
    }
}
