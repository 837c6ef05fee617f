//! The standard client: hyper, for HTTP/2, redirects and compressed answers.

use std::cell::RefCell;
use std::error::Error as _;
use std::io::Write as _;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use flate2::write::MultiGzDecoder;
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::{http1, http2};
use hyper::header::HeaderValue;
use hyper::rt::Executor;
use hyper::{HeaderMap, Method, Request, Response, Version, header};
use hyper_util::rt::TokioIo;
use url::Url;

use crate::alarm::Alarm;
use crate::call::{ConnectionReport, Outcome, is_ok};
use crate::clock::since;
use crate::destination::Destination;
use crate::failure::{Failure, FailureKind};
use crate::random::Random;
use crate::request::UUID_MARK;
use crate::standard_plan::{self, StandardPlan};
use crate::trace_context::{self, TraceIds};

/// Redirects that are followed, as Go's client has it.
const MAX_REDIRECTS: usize = 10;

/// Header lines that an answer may have, as curl takes them.
const MAX_HEADERS: usize = 5000;

/// An open connection on which requests can be sent.
struct Sender {
    protocol: Protocol,
    /// Why the connection ended, as soon as it has.
    cause: Rc<RefCell<Option<Failure>>>,
}

enum Protocol {
    One(http1::SendRequest<Full<Bytes>>),
    Two(http2::SendRequest<Full<Bytes>>),
}

/// A request that failed before the head of an answer.
struct Unanswered {
    failure: Failure,
    /// What is known of the server's part in it.
    taken: Taken,
}

/// Whether a request that failed may have been acted on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Taken {
    /// Not a byte of it went out.
    Unsent,
    /// It went out, and the server said or showed that it did not look at it.
    No,
    /// It may have been.
    Perhaps,
}

/// One step of a request that may be redirected.
struct Hop {
    url: Url,
    path: String,
    method: Method,
    with_body: bool,
}

/// One kept connection of the standard client.
pub(crate) struct StandardClient {
    destination: Arc<Destination>,
    plan: Arc<StandardPlan>,
    alarm: Option<Alarm>,
    sender: Option<Sender>,
    random: Random,
    /// What the ids of traces are drawn from, where requests carry some.
    traces: Option<Random>,
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
    /// The ids that every request of this call carries, redirected or repeated.
    trace: Option<TraceIds>,
    report: &'a mut ConnectionReport,
    sent: u64,
    seen: u64,
    retried: bool,
}

impl StandardClient {
    pub(crate) fn new(destination: Arc<Destination>, plan: Arc<StandardPlan>, index: usize) -> Self {
        let random = Random::new(destination.seed, index as u64);
        let (traces, report) = (destination.traces(index), destination.report(index));
        Self { destination, plan, alarm: None, sender: None, random, traces, report }
    }

    pub(crate) fn into_report(self) -> ConnectionReport {
        self.report
    }

    /// Makes one request, redirects included.
    pub(crate) async fn call(&mut self, start: Instant) -> Outcome {
        let Self { destination, plan, alarm, sender, random, traces, report } = self;
        let trace = traces.as_mut().map(TraceIds::draw);
        let deadline = start + destination.timeout;
        let alarm = alarm.get_or_insert_with(|| Alarm::new(deadline));
        alarm.set(deadline);
        let mut attempt =
            Attempt { destination, plan, sender, random, trace, report, sent: 0, seen: 0, retried: false };
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
                // A refused stream of HTTP/2 says nothing about the others.
                if failure.kind != FailureKind::StreamRefused {
                    *sender = None;
                }
                Outcome::failed(failure, seen)
            }
        };
        if !destination.keep_alive && !plan.h2 {
            *sender = None;
        }
        outcome.sent = sent;
        outcome.retried = retried;
        outcome.trace = trace;
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
        let plan = self.plan;
        let mut hop =
            Hop { url: plan.url.clone(), path: plan.path.clone(), method: plan.method.clone(), with_body: true };
        for _ in 0..=MAX_REDIRECTS {
            let response = self.exchange(&hop).await?;
            let status = response.status().as_u16();
            let next = plan.follow.then(|| redirect(&hop.url, status, response.headers())).flatten();
            let zipped = plan.compression && is_gzip(response.headers());
            let last = is_last(&response);
            self.drain(response, zipped).await?;
            if last {
                *self.sender = None;
            }
            let Some((url, path)) = next else { return Ok(status) };
            // Another host would have to be looked up, and may not be allowed.
            if url.origin() != hop.url.origin() {
                let text = format!("the redirect leads to another host ({})", crate::url_text::authority(&url));
                return Err(Failure::new(FailureKind::Redirects, text));
            }
            if status <= 303 && hop.method != Method::HEAD {
                hop.with_body &= hop.method == Method::GET;
                hop.method = Method::GET;
            }
            (hop.url, hop.path) = (url, path);
        }
        Err(Failure::new(FailureKind::Redirects, format!("stopped after {MAX_REDIRECTS} redirects")))
    }

    /// Sends a request. Where a kept connection turns out closed before a byte of it went out, another one takes it;
    /// where the server showed that it did not look at the request, it is sent once more. A server that took the request
    /// and did not answer is a failure: sending it again would hide that.
    async fn exchange(&mut self, hop: &Hop) -> Result<Response<Incoming>, Failure> {
        loop {
            let kept = self.sender.is_some();
            let Unanswered { failure, taken } = match self.send(hop).await {
                Ok(response) => return Ok(response),
                Err(unanswered) => unanswered,
            };
            let again = match taken {
                Taken::Unsent => kept,
                Taken::No => {
                    let safe = failure.kind == FailureKind::StreamRefused || kept && hop.method.is_idempotent();
                    safe && !std::mem::replace(&mut self.retried, true)
                }
                Taken::Perhaps => false,
            };
            if !again {
                return Err(failure);
            }
            if failure.kind != FailureKind::StreamRefused {
                *self.sender = None;
            }
        }
    }

    async fn send(&mut self, hop: &Hop) -> Result<Response<Incoming>, Unanswered> {
        let unsent = |failure| Unanswered { failure, taken: Taken::Unsent };
        if self.sender.is_none() {
            *self.sender = Some(open(self.destination, self.plan, self.report).await.map_err(unsent)?);
        }
        let two = matches!(self.sender, Some(Sender { protocol: Protocol::Two(_), .. }));
        let request = self.request(hop, two).map_err(unsent)?;
        let Some(Sender { protocol, cause }) = self.sender.as_mut() else {
            return Err(unsent(Failure::new(FailureKind::Closed, "the connection is gone")));
        };
        let sent = match protocol {
            Protocol::One(sender) => {
                sender.ready().await.map_err(|error| unsent(caused(&error, cause)))?;
                sender.try_send_request(request).await
            }
            Protocol::Two(sender) => {
                sender.ready().await.map_err(|error| unsent(caused(&error, cause)))?;
                sender.try_send_request(request).await
            }
        };
        sent.map_err(|mut error| {
            let returned = error.take_message().is_some();
            let failure = caused(error.error(), cause);
            let taken = match failure {
                _ if returned => Taken::Unsent,
                Failure { untaken: true, .. } | Failure { kind: FailureKind::StreamRefused, .. } => Taken::No,
                _ => Taken::Perhaps,
            };
            Unanswered { failure, taken }
        })
    }

    fn request(&mut self, hop: &Hop, two: bool) -> Result<Request<Full<Bytes>>, Failure> {
        let path = self.fill(hop.path.as_bytes());
        let path = String::from_utf8_lossy(&path).into_owned();
        let host = self.plan.headers.get(header::HOST).and_then(|host| host.to_str().ok());
        // HTTP/2 names the host in the target, HTTP/1 in a header.
        let target = match host {
            _ if !two => path,
            Some(host) => format!("{}://{host}{path}", hop.url.scheme()),
            None => format!("{}://{}{path}", hop.url.scheme(), crate::url_text::authority(&hop.url)),
        };
        let body = if hop.with_body { self.fill(&self.destination.body) } else { Vec::new() };
        self.sent += body.len() as u64;
        let built = Request::builder().method(hop.method.clone()).uri(target).body(Full::new(Bytes::from(body)));
        let mut request = built.map_err(|error| Failure::new(FailureKind::Io, error.to_string()))?;
        let headers = request.headers_mut();
        headers.clone_from(&self.plan.headers);
        if let Some(value) = self.trace.and_then(|ids| HeaderValue::from_bytes(&ids.value()).ok()) {
            headers.insert(trace_context::HEADER, value);
        }
        if !hop.with_body {
            for of_body in [header::CONTENT_LENGTH, header::CONTENT_TYPE, header::TRANSFER_ENCODING] {
                headers.remove(of_body);
            }
        }
        if two {
            headers.remove(header::HOST);
            headers.remove(header::CONNECTION);
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
        let mut unzip = None;
        let bad = |error: std::io::Error| Failure::new(FailureKind::BadAnswer, format!("not gzip: {error}"));
        self.seen = 0;
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| cut_short(failure(&error)))?;
            let Some(data) = frame.data_ref().filter(|data| !data.is_empty()) else { continue };
            // Without a body there is nothing to unzip, whatever the head says.
            if zipped {
                let unzip = unzip.get_or_insert_with(|| MultiGzDecoder::new(Counting(0)));
                unzip.write_all(data).map_err(bad)?;
                self.seen = unzip.get_ref().0;
            } else {
                self.seen += data.len() as u64;
            }
        }
        if let Some(unzip) = unzip {
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
    let cause = Rc::default();
    if two {
        let (sender, connection) = http2::handshake(OnThisThread, io).await.map_err(|error| failure(&error))?;
        spawn(connection, &cause);
        return Ok(Sender { protocol: Protocol::Two(sender), cause });
    }
    let mut builder = http1::Builder::new();
    builder.max_headers(MAX_HEADERS).allow_spaces_after_header_name_in_responses(true);
    builder.allow_obsolete_multiline_headers_in_responses(true);
    let (sender, connection) = builder.handshake(io).await.map_err(|error| failure(&error))?;
    spawn(connection, &cause);
    Ok(Sender { protocol: Protocol::One(sender), cause })
}

/// Drives a connection to its end and keeps why it ended.
fn spawn(connection: impl Future<Output = Result<(), hyper::Error>> + 'static, cause: &Rc<RefCell<Option<Failure>>>) {
    let cause = Rc::clone(cause);
    tokio::task::spawn_local(async move {
        if let Err(error) = connection.await {
            cause.replace(Some(failure(&error)));
        }
    });
}

/// Where an answer leads, with the path as the server wrote it; `None` when it is not a redirect that can be followed.
fn redirect(url: &Url, status: u16, headers: &HeaderMap) -> Option<(Url, String)> {
    if !matches!(status, 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    let location = headers.get(header::LOCATION)?.to_str().ok()?;
    let next = url.join(location).ok()?;
    let absolute = location.starts_with('/') && !location.starts_with("//");
    let path = if absolute { crate::url_text::target(location) } else { crate::url_text::path(&next) };
    Some((next, standard_plan::target(&path)))
}

/// Whether the server closes the connection behind this answer.
fn is_last(response: &Response<Incoming>) -> bool {
    let lines = response.headers().get_all(header::CONNECTION);
    let says = |word: &str| {
        let words = lines.iter().filter_map(|line| line.to_str().ok()).flat_map(|line| line.split(','));
        words.into_iter().any(|one| one.trim().eq_ignore_ascii_case(word))
    };
    match response.version() {
        Version::HTTP_10 => !says("keep-alive"),
        Version::HTTP_11 => says("close"),
        _ => false,
    }
}

fn is_gzip(headers: &HeaderMap) -> bool {
    headers.get(header::CONTENT_ENCODING).is_some_and(|coding| coding.as_bytes().eq_ignore_ascii_case(b"gzip"))
}

/// Inside a body an early end does not mean a dead connection.
fn cut_short(failure: Failure) -> Failure {
    if failure.kind == FailureKind::Closed { Failure { kind: FailureKind::Truncated, ..failure } } else { failure }
}

/// Names a failure by what ended its connection, where hyper only says that it did.
fn caused(error: &hyper::Error, cause: &RefCell<Option<Failure>>) -> Failure {
    match cause.borrow().as_ref() {
        Some(known) if error.is_canceled() || error.is_closed() => known.clone(),
        _ => failure(error),
    }
}

/// Names a failure of hyper's by what caused it.
fn failure(error: &hyper::Error) -> Failure {
    let mut text = error.to_string();
    let mut kind = if error.is_incomplete_message() {
        FailureKind::Closed
    } else if error.is_closed() || error.is_canceled() {
        FailureKind::Reset
    } else if error.is_parse() {
        FailureKind::BadAnswer
    } else {
        FailureKind::Io
    };
    let mut cause = error.source();
    while let Some(inner) = cause {
        let more = inner.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        if let Some(io) = inner.downcast_ref::<std::io::Error>() {
            return Failure { detail: text, ..Failure::from(io) };
        }
        if let Some(h2) = inner.downcast_ref::<h2::Error>() {
            kind = match h2.reason() {
                Some(h2::Reason::REFUSED_STREAM) => FailureKind::StreamRefused,
                Some(_) if h2.is_reset() && h2.is_remote() => FailureKind::Reset,
                _ if h2.is_go_away() && h2.is_remote() => FailureKind::Closed,
                Some(_) => FailureKind::BadAnswer,
                None => kind,
            };
            if let Some(io) = h2.get_io() {
                return Failure { detail: text, ..Failure::from(io) };
            }
        }
        cause = inner.source();
    }
    Failure::new(kind, text)
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
        assert_eq!(redirect(&url, 302, &headers), Some((Url::parse("http://h:1/x").unwrap(), "/x".to_owned())));
        headers.insert(header::LOCATION, "/a/../b%2e?'c'".parse().unwrap());
        assert_eq!(redirect(&url, 302, &headers).map(|(_, path)| path).as_deref(), Some("/a/../b%2e?'c'"));
        assert_eq!(redirect(&url, 304, &headers), None);
    }
}
