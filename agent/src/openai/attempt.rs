//! One HTTP attempt: sent once, its reply bounded, its failure typed.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use async_openai::{error::OpenAIError, middleware::HttpRequestFactory};
use reqwest::{
    Response,
    header::{AUTHORIZATION, CONTENT_TYPE},
};
use serde::de::IgnoredAny;

use super::{failure::Failure, stream};

/// Longest reply that is read: a chat completion is a few kilobytes.
const MAX_REPLY_BYTES: usize = 4 * 1024 * 1024;
/// Longest stream that is read: each token comes with some 200 bytes around it.
const MAX_STREAM_BYTES: usize = 16 * 1024 * 1024;
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
            let mut body = Vec::new();
            let _ = read(&mut response, &mut body, MAX_ERROR_BYTES).await;
            return Err(Failure::of_status(status, response.headers(), &body));
        }
        let body = completion(&mut response).await?;
        Ok(Response::from(http::Response::new(body)))
    }
}

/// The reply as JSON that the client library can parse: it logs a body that it cannot, so it never gets one.
async fn completion(response: &mut Response) -> Result<Vec<u8>, Failure> {
    let content_type = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let mut body = Vec::new();
    let mut is_stream = false;
    loop {
        let from = body.len();
        let limit = if is_stream { MAX_STREAM_BYTES } else { MAX_REPLY_BYTES };
        let more = read_chunk(response, &mut body, limit).await?;
        is_stream = stream::is_stream(content_type.as_deref(), without_mark(&body));
        if !more || (is_stream && stream::is_done(&body, from)) {
            break;
        }
    }
    whole(is_stream, &body)
}

/// A whole body as JSON.
pub(super) fn whole(is_stream: bool, body: &[u8]) -> Result<Vec<u8>, Failure> {
    let body = without_mark(body);
    if is_stream {
        return Ok(stream::assemble(&String::from_utf8_lossy(body))?.to_string().into_bytes());
    }
    if body.trim_ascii().is_empty() {
        return Err(Failure::NoAnswer("reply is empty"));
    }
    if serde_json::from_slice::<IgnoredAny>(body).is_err() {
        return Err(Failure::not_json(&String::from_utf8_lossy(body)));
    }
    Ok(body.to_vec())
}

/// JSON after a byte order mark, which RFC 8259 (8.1) lets a reader ignore.
fn without_mark(body: &[u8]) -> &[u8] {
    body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body)
}

async fn read(response: &mut Response, body: &mut Vec<u8>, limit: usize) -> Result<(), Failure> {
    while read_chunk(response, body, limit).await? {}
    Ok(())
}

/// Reads some more; false at the end.
async fn read_chunk(response: &mut Response, body: &mut Vec<u8>, limit: usize) -> Result<bool, Failure> {
    let Some(chunk) = response.chunk().await.map_err(Failure::of_transport)? else { return Ok(false) };
    if body.len() + chunk.len() > limit {
        return Err(Failure::TooLong(limit));
    }
    body.extend_from_slice(&chunk);
    Ok(true)
}
