//! One HTTP attempt: sent once, its reply bounded, its failure typed.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use async_openai::{error::OpenAIError, middleware::HttpRequestFactory};
use reqwest::{Response, header::AUTHORIZATION};
use serde::de::IgnoredAny;

use super::failure::Failure;

/// Longest reply that is read: a chat completion is a few kilobytes.
const MAX_REPLY_BYTES: usize = 4 * 1024 * 1024;
/// Longest error body that is read.
const MAX_ERROR_BYTES: usize = 64 * 1024;

/// Takes the place of the client library's own transport, which retries by its own rules and waits for as long as a
/// server's `Retry-After` says.
#[derive(Clone, Debug)]
pub(super) struct Attempt {
    pub(super) http: reqwest::Client,
    /// Without a key no `Authorization` header is sent; the library would send an empty one.
    pub(super) with_key: bool,
}

impl tower_service::Service<HttpRequestFactory> for Attempt {
    type Response = Response;
    type Error = OpenAIError;
    type Future = Pin<Box<dyn Future<Output = Result<Response, OpenAIError>> + Send>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), OpenAIError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, factory: HttpRequestFactory) -> Self::Future {
        let attempt = self.clone();
        Box::pin(async move {
            let mut request = factory.build().await?;
            if !attempt.with_key {
                request.headers_mut().remove(AUTHORIZATION);
            }
            attempt.send(request).await.map_err(|failure| OpenAIError::Boxed(Box::new(failure)))
        })
    }
}

impl Attempt {
    async fn send(&self, request: reqwest::Request) -> Result<Response, Failure> {
        let mut response = self.http.execute(request).await.map_err(Failure::of_transport)?;
        let status = response.status();
        if !status.is_success() {
            // What was read before a break still tells more than the break.
            let body = read(&mut response, MAX_ERROR_BYTES).await.unwrap_or_default();
            return Err(Failure::of_status(status, response.headers(), &body));
        }
        let body = read(&mut response, MAX_REPLY_BYTES).await?;
        // The library logs a body that it cannot parse; so it never gets one.
        if serde_json::from_slice::<IgnoredAny>(&body).is_err() {
            return Err(Failure::NotJson);
        }
        Ok(Response::from(http::Response::new(body)))
    }
}

async fn read(response: &mut Response, limit: usize) -> Result<Vec<u8>, Failure> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(Failure::of_transport)? {
        if body.len() + chunk.len() > limit {
            return Err(Failure::TooLong(limit));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}
