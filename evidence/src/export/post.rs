//! Sends a run's trace to a receiver: OTLP over HTTP, protobuf.

use std::time::Duration;

use chaos_tls::{ClientTls, cause_in_words};
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use prost::Message;
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::{Client, Response, StatusCode, Url, redirect};

use super::otlp::trace_requests;
use super::run_trace::TracedRun;

/// Longest time for one request.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Waits before the second and third attempt: the end of a run is not to wait for a receiver that is gone.
const PAUSES: [Duration; 2] = [Duration::from_millis(500), Duration::from_millis(1500)];

/// Longest wait that a receiver may ask for with `Retry-After`.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Most bytes of an answer that are read.
const MOST_ANSWER: usize = 64 * 1024;

/// The type of the body.
const PROTOBUF: &str = "application/x-protobuf";

/// Where traces are sent.
#[derive(Debug, Clone)]
pub struct OtlpEndpoint {
    url: Url,
    client: Client,
}

/// A URL that names no receiver.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid OTLP endpoint: {0}; give it as `http://host:4318`")]
pub struct BadOtlpUrl(String);

/// A trace that was not taken, or not all of it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NotPosted {
    /// The receiver could not be reached.
    #[error("`{0}` was not reached: {1}")]
    Unreached(String, String),
    /// It answered with an error.
    #[error("`{0}` answered {1}")]
    Refused(String, String),
    /// It took a part.
    #[error("`{0}` rejected {1} spans: {2}")]
    Partly(String, i64, String),
}

impl OtlpEndpoint {
    /// A receiver at a URL; without a path it is that of the standard, `/v1/traces`.
    ///
    /// # Errors
    /// The text is not an `http` or `https` URL, or no client can be made.
    pub fn new(text: &str) -> Result<Self, BadOtlpUrl> {
        let mut url = Url::parse(text).map_err(|error| BadOtlpUrl(error.to_string()))?;
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            return Err(BadOtlpUrl(format!("`{}` is not `http` or `https`", url.scheme())));
        }
        if matches!(url.path(), "" | "/") {
            url.set_path("/v1/traces");
        }
        let tls = ClientTls::http1(url.scheme() == "https").config().map_err(|error| BadOtlpUrl(error.to_string()))?;
        let client = Client::builder()
            .tls_backend_preconfigured(tls)
            .timeout(TIMEOUT)
            .redirect(redirect::Policy::none())
            .no_proxy()
            .build()
            .map_err(|error| BadOtlpUrl(cause_in_words(&error)))?;
        Ok(Self { url, client })
    }

    /// The URL that requests go to, without credentials.
    pub fn shown(&self) -> String {
        let mut url = self.url.clone();
        // Both only fail on a URL without a host, which was refused before.
        let _ = url.set_username("");
        let _ = url.set_password(None);
        url.to_string()
    }

    /// Sends a trace; an error that may pass is tried again, three times in all. Gives how many spans were taken.
    ///
    /// # Errors
    /// The first part of the trace that was not taken; the parts after it are not sent.
    pub async fn send(&self, run: &TracedRun) -> Result<usize, NotPosted> {
        for request in trace_requests(run) {
            self.post(&request).await?;
        }
        Ok(run.spans.len())
    }

    async fn post(&self, request: &ExportTraceServiceRequest) -> Result<(), NotPosted> {
        let body = request.encode_to_vec();
        let mut pauses = PAUSES.into_iter();
        loop {
            let sent =
                self.client.post(self.url.clone()).header(CONTENT_TYPE, PROTOBUF).body(body.clone()).send().await;
            let (failed, wait) = match sent {
                Ok(answer) if answer.status().is_success() => return self.taken(answer).await,
                Ok(answer) => {
                    let refused = NotPosted::Refused(self.shown(), answer.status().to_string());
                    if !may_pass(answer.status()) {
                        return Err(refused);
                    }
                    (refused, retry_after(&answer))
                }
                Err(error) => (NotPosted::Unreached(self.shown(), cause_in_words(&error)), None),
            };
            let Some(pause) = pauses.next() else { return Err(failed) };
            tokio::time::sleep(wait.unwrap_or(pause)).await;
        }
    }

    /// What an answer of success says: it may have taken a part only.
    async fn taken(&self, mut answer: Response) -> Result<(), NotPosted> {
        let mut body = Vec::new();
        while let Ok(Some(chunk)) = answer.chunk().await {
            if body.len() + chunk.len() > MOST_ANSWER {
                return Ok(());
            }
            body.extend_from_slice(&chunk);
        }
        // An answer that can't be read takes nothing back.
        let decoded = ExportTraceServiceResponse::decode(body.as_slice()).unwrap_or_default();
        match decoded.partial_success {
            Some(partial) if partial.rejected_spans > 0 => {
                Err(NotPosted::Partly(self.shown(), partial.rejected_spans, partial.error_message))
            }
            _ => Ok(()),
        }
    }
}

/// The answers after which the protocol lets a client try again.
fn may_pass(status: StatusCode) -> bool {
    matches!(status.as_u16(), 429 | 502 | 503 | 504)
}

fn retry_after(answer: &Response) -> Option<Duration> {
    let seconds = answer.headers().get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds).min(LONGEST_PAUSE))
}

#[cfg(test)]
mod tests;
