//! One target, and one request to it.

use std::error::Error;
use std::time::Duration;

use chaos_core::{Clock, HttpUrl, PluginError, RunContext};
use chaos_tls::{ClientTls, in_words};
use reqwest::header::{ACCEPT, CONTENT_TYPE};
use reqwest::{Client, Response, redirect};

/// Bytes of an answer that are read.
pub(super) const MAX_BYTES: usize = 16 * 1024 * 1024;
/// What we read, the best first.
const ACCEPTED: &str = "application/openmetrics-text;version=1.0.0;q=0.6,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";

/// A target.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) name: String,
    url: HttpUrl,
    client: Client,
    timeout: Duration,
}

/// What a target answered.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) body: Vec<u8>,
    /// Whether it is OpenMetrics.
    pub(super) is_open: bool,
    /// Whether there was more of it.
    pub(super) is_cut: bool,
}

/// Why a target could not be scraped.
#[derive(Debug, thiserror::Error)]
pub(super) enum ScrapeError {
    #[error("{0}")]
    Unanswered(String),
    #[error("it answered {0}")]
    Status(u16),
    #[error("it did not answer within {0} s")]
    Late(f64),
}

impl From<reqwest::Error> for ScrapeError {
    fn from(error: reqwest::Error) -> Self {
        let innermost = std::iter::successors(Some(&error as &(dyn Error + 'static)), |&error| error.source()).last();
        Self::Unanswered(innermost.map_or_else(String::new, in_words))
    }
}

impl Target {
    /// A target at the addresses that the policy allows for its host.
    pub(super) async fn new(
        name: &str,
        url: &HttpUrl,
        timeout: Duration,
        cx: &RunContext,
    ) -> Result<Self, PluginError> {
        let addresses = cx.allowed_addresses(url.host()).await?;
        let failed = |why: String| PluginError::failed(format!("the target `{name}` can't be asked: {why}"));
        let tls = ClientTls::http1(url.is_tls()).config().map_err(|error| failed(error.to_string()))?;
        let host = reqwest::Url::parse(url.as_str()).map_err(|error| failed(error.to_string()))?;
        let client = Client::builder()
            .tls_backend_preconfigured(tls)
            .redirect(redirect::Policy::none())
            .no_proxy()
            .resolve_to_addrs(host.host_str().unwrap_or_default(), &addresses)
            .user_agent(concat!("squall/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| failed(error.to_string()))?;
        Ok(Self { name: name.to_owned(), url: url.clone(), client, timeout })
    }

    pub(super) async fn scrape(&self, clock: &dyn Clock) -> Result<Answer, ScrapeError> {
        let late = ScrapeError::Late(self.timeout.as_secs_f64());
        clock.timeout(self.timeout, self.ask()).await.unwrap_or(Err(late))
    }

    async fn ask(&self) -> Result<Answer, ScrapeError> {
        let response = self.client.get(self.url.as_str()).header(ACCEPT, ACCEPTED).send().await?;
        if !response.status().is_success() {
            return Err(ScrapeError::Status(response.status().as_u16()));
        }
        let kind = response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let is_open = kind.trim_start().starts_with("application/openmetrics-text");
        let (body, is_cut) = read(response).await?;
        Ok(Answer { body, is_open, is_cut })
    }
}

/// The body up to the bound and its last whole line, and whether there was more.
async fn read(mut response: Response) -> reqwest::Result<(Vec<u8>, bool)> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        let room = MAX_BYTES - body.len();
        body.extend_from_slice(chunk.get(..room).unwrap_or(&chunk));
        if chunk.len() > room {
            body.truncate(body.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1));
            return Ok((body, true));
        }
    }
    Ok((body, false))
}
