//! The standard client: hyper, for HTTP/2, redirects and compressed answers.

use std::error::Error as _;
use std::io::Write as _;
use std::sync::Arc;
use std::time::Instant;

use flate2::write::GzDecoder;
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::{http1, http2};
use hyper::rt::Executor;
use hyper::{HeaderMap, Method, Request, Response, header};
use hyper_util::rt::TokioIo;
use url::Url;

use crate::alarm::Alarm;
use crate::call::{ConnectionReport, Outcome, is_ok};
use crate::clock::since;
use crate::destination::Destination;
use crate::failure::{Failure, FailureKind};
use crate::random::Random;
use crate::request::UUID_MARK;
use crate::standard_plan::StandardPlan;

/// Redirects that are followed, as Go's client has it.
const MAX_REDIRECTS: usize = 10;

/// An open connection on which requests can be sent.
enum Sender {
    One(http1::SendRequest<Full<Bytes>>),
    Two(http2::SendRequest<Full<Bytes>>),
}

/// One kept connection of the standard client.
pub(crate) struct StandardClient {
    destination: Arc<Destination>,
    plan: Arc<StandardPlan>,
    alarm: Option<Alarm>,
    sender: Option<Sender>,
    random: Random,
    report: ConnectionReport,
}

/// Runs what hyper wants to have run on the worker's own thread.
#[derive(Debug, Clone, Copy)]
struct OnThisThread;

impl<F: Future + 'static> Executor<F> for OnThisThread {
    fn execute(&self, future: F) {
        tokio::task::spawn_local(async move {
            future.await;
        });
    }
}

/// The state of one request that a deadline must be able to end anywhere.
struct Attempt<'a> {
    destination: &'a Destination,
    plan: &'a StandardPlan,
    sender: &'a mut Option<Sender>,
    random: &'a mut Random,
    report: &'a mut ConnectionReport,
    sent: u64,
    seen: u64,
    retried: bool,
}

impl StandardClient {
    pub(crate) fn new(destination: Arc<Destination>, plan: Arc<StandardPlan>, index: usize) -> Self {
        let random = Random::new(destination.seed, index as u64);
        let report = destination.report(index);
        Self { destination, plan, alarm: None, sender: None, random, report }
    }

    pub(crate) fn into_report(self) -> ConnectionReport {
        self.report
    }

    /// Makes one request, redirects included.
    pub(crate) async fn call(&mut self, start: Instant) -> Outcome {
        let Self { destination, plan, alarm, sender, random, report } = self;
        let deadline = start + destination.timeout;
        let alarm = alarm.get_or_insert_with(|| Alarm::new(deadline));
        alarm.set(deadline);
        let mut attempt = Attempt { destination, plan, sender, random, report, sent: 0, seen: 0, retried: false };
        let result = alarm.guard(attempt.run()).await;
        let (sent, seen, retried) = (attempt.sent, attempt.seen, attempt.retried);
        let result = if let Some(result) = result {
            result
        } else {
            report.abandoned(since(start));
            Err(Failure::new(FailureKind::Timeout, "no complete answer in time"))
        };
        let mut outcome = match result {
            Ok(status) => answered(status, seen),
            Err(failure) => {
                *sender = None;
                Outcome::failed(failure, seen)
            }
        };
        if !destination.keep_alive && !plan.h2 {
            *sender = None;
        }
        outcome.sent = sent;
        outcome.retried = retried;
        outcome
    }
}

/// An answer's outcome; sizes are those of bodies, and an error keeps the connection.
fn answered(status: u16, size: u64) -> Outcome {
    let mut outcome = Outcome::answered(i32::from(status), size);
    if !is_ok(status) {
        outcome.failure = Some(Failure::new(FailureKind::Status(status), format!("HTTP status {status}")));
    }
    outcome
}

impl Attempt<'_> {
    async fn run(&mut self) -> Result<u16, Failure> {
        let mut url = self.plan.url.clone();
        let mut method = self.plan.method.clone();
        for _ in 0..=MAX_REDIRECTS {
            let response = self.exchange(&url, &method).await?;
            let status = response.status().as_u16();
            let next = self.plan.follow.then(|| redirect(&url, status, response.headers())).flatten();
            let zipped = self.plan.compression && is_gzip(response.headers());
            self.drain(response, zipped).await?;
            let Some(next) = next else { return Ok(status) };
            // Another host would have to be looked up, and may not be allowed.
            if next.origin() != url.origin() {
                let text = format!("the redirect leads to another host ({})", crate::request::authority(&next));
                return Err(Failure::new(FailureKind::Redirects, text));
            }
            if status <= 303 && method != Method::HEAD {
                method = Method::GET;
            }
            url = next;
        }
        Err(Failure::new(FailureKind::Redirects, format!("stopped after {MAX_REDIRECTS} redirects")))
    }

    /// Sends a request; a kept connection that is dead is replaced once.
    async fn exchange(&mut self, url: &Url, method: &Method) -> Result<Response<Incoming>, Failure> {
        let kept = self.sender.is_some();
        match self.send(url, method).await {
            Err(failure) if kept && self.seen == 0 && failure.is_dead_connection() => {
                self.retried = true;
                *self.sender = None;
                self.send(url, method).await
            }
            result => result,
        }
    }

    async fn send(&mut self, url: &Url, method: &Method) -> Result<Response<Incoming>, Failure> {
        if self.sender.is_none() {
            *self.sender = Some(open(self.destination, self.plan, self.report).await?);
        }
        let two = matches!(self.sender, Some(Sender::Two(_)));
        let request = self.request(url, method, two)?;
        let response = match self.sender.as_mut() {
            Some(Sender::One(sender)) => {
                sender.ready().await.map_err(|error| failure(&error))?;
                sender.send_request(request).await
            }
            Some(Sender::Two(sender)) => {
                sender.ready().await.map_err(|error| failure(&error))?;
                sender.send_request(request).await
            }
            None => return Err(Failure::new(FailureKind::Closed, "the connection is gone")),
        };
        response.map_err(|error| failure(&error))
    }

    fn request(&mut self, url: &Url, method: &Method, two: bool) -> Result<Request<Full<Bytes>>, Failure> {
        let path = crate::request::path(url);
        let path = self.fill(path.as_bytes());
        let path = String::from_utf8_lossy(&path).into_owned();
        // HTTP/2 names the host in the target, HTTP/1 in a header.
        let target = if two { format!("{}://{}{path}", url.scheme(), crate::request::authority(url)) } else { path };
        let body = if *method == Method::GET && *method != self.plan.method {
            Vec::new()
        } else {
            self.fill(&self.destination.body)
        };
        self.sent += body.len() as u64;
        let built = Request::builder().method(method.clone()).uri(target).body(Full::new(Bytes::from(body)));
        let mut request = built.map_err(|error| Failure::new(FailureKind::Io, error.to_string()))?;
        *request.headers_mut() = self.plan.headers.clone();
        if two {
            request.headers_mut().remove(header::HOST);
            request.headers_mut().remove(header::CONNECTION);
        }
        Ok(request)
    }

    /// Replaces each mark by a fresh UUID.
    fn fill(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mark = UUID_MARK.as_bytes();
        let mut filled = Vec::with_capacity(bytes.len());
        let mut rest = bytes;
        while let Some(first) = rest.first() {
            if let Some(after) = rest.strip_prefix(mark) {
                filled.extend_from_slice(self.random.uuid().as_bytes());
                rest = after;
            } else {
                filled.push(*first);
                rest = &rest[1..];
            }
        }
        filled
    }

    /// Reads the body to its end, counting its bytes as they were before compression.
    async fn drain(&mut self, response: Response<Incoming>, zipped: bool) -> Result<(), Failure> {
        let mut body = response.into_body();
        let mut unzip = zipped.then(|| GzDecoder::new(Counting(0)));
        self.seen = 0;
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| cut_short(failure(&error)))?;
            let Some(data) = frame.data_ref() else { continue };
            if let Some(unzip) = &mut unzip {
                let bad = |error: std::io::Error| Failure::new(FailureKind::BadAnswer, format!("not gzip: {error}"));
                unzip.write_all(data).map_err(bad)?;
                self.seen = unzip.get_ref().0;
            } else {
                self.seen += data.len() as u64;
            }
        }
        if let Some(unzip) = unzip {
            let bad = |error: std::io::Error| Failure::new(FailureKind::BadAnswer, format!("not gzip: {error}"));
            self.seen = unzip.finish().map_err(bad)?.0;
        }
        Ok(())
    }
}

/// Counts bytes and drops them.
struct Counting(u64);

impl std::io::Write for Counting {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

async fn open(
    destination: &Destination,
    plan: &StandardPlan,
    report: &mut ConnectionReport,
) -> Result<Sender, Failure> {
    let wire = destination.connect(report).await?;
    // Over TLS both sides agree on a version; in clear HTTP/2 is simply spoken.
    #[cfg(feature = "tls")]
    let two = plan.h2 && (plan.url.scheme() == "http" || wire.agreed_on_h2());
    #[cfg(not(feature = "tls"))]
    let two = plan.h2;
    let io = TokioIo::new(wire);
    if two {
        let (sender, connection) = http2::handshake(OnThisThread, io).await.map_err(|error| failure(&error))?;
        tokio::task::spawn_local(connection);
        return Ok(Sender::Two(sender));
    }
    let (sender, connection) = http1::handshake(io).await.map_err(|error| failure(&error))?;
    tokio::task::spawn_local(connection);
    Ok(Sender::One(sender))
}

/// Where an answer leads; `None` when it is not a redirect that can be followed.
fn redirect(url: &Url, status: u16, headers: &HeaderMap) -> Option<Url> {
    if !matches!(status, 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    url.join(headers.get(header::LOCATION)?.to_str().ok()?).ok()
}

fn is_gzip(headers: &HeaderMap) -> bool {
    headers.get(header::CONTENT_ENCODING).is_some_and(|coding| coding.as_bytes().eq_ignore_ascii_case(b"gzip"))
}

/// Inside a body an early end does not mean a dead connection.
fn cut_short(failure: Failure) -> Failure {
    if failure.kind == FailureKind::Closed { Failure { kind: FailureKind::Truncated, ..failure } } else { failure }
}

/// Names a failure of hyper's by what caused it.
fn failure(error: &hyper::Error) -> Failure {
    let mut cause = error.source();
    while let Some(inner) = cause {
        if let Some(io) = inner.downcast_ref::<std::io::Error>() {
            return Failure::from(std::io::Error::new(io.kind(), error.to_string()));
        }
        cause = inner.source();
    }
    let kind = if error.is_incomplete_message() {
        FailureKind::Closed
    } else if error.is_closed() || error.is_canceled() {
        FailureKind::Reset
    } else if error.is_parse() {
        FailureKind::BadAnswer
    } else {
        FailureKind::Io
    };
    Failure::new(kind, error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirects_lead_where_their_location_says() {
        let url = Url::parse("http://h:1/a/b?c").unwrap();
        let mut headers = HeaderMap::new();
        assert_eq!(redirect(&url, 302, &headers), None);
        headers.insert(header::LOCATION, "../x".parse().unwrap());
        assert_eq!(redirect(&url, 302, &headers).map(String::from).as_deref(), Some("http://h:1/x"));
        assert_eq!(redirect(&url, 304, &headers), None);
    }
}
