//! The plan of a run: what is requested, how often, and when it stops.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use percent_encoding::percent_decode_str;
use url::Url;

use crate::error::LoadError;
use crate::header;
use crate::histogram::Histogram;
use crate::trace_context;
use crate::url_text::{authority, typed_path};

/// Largest number of connections that one run may hold.
const MAX_CONNECTIONS: usize = 100_000;

/// Fastest rate that a plan may ask for, in requests per second; due times are
/// kept in whole nanoseconds, so a higher one could not be told apart.
const MAX_QPS: f64 = 1e9;

/// Longest run with an end, 400 days: due times stay far from overflow.
const MAX_DURATION: Duration = Duration::from_hours(400 * 24);

/// How many requests a second are asked for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Rate {
    /// Requests per second over all connections, above zero.
    Qps(f64),
    /// As fast as the connections go, one request after the other.
    Max,
}

impl Rate {
    /// Requests a second; `None` at full speed.
    pub fn qps(self) -> Option<f64> {
        match self {
            Self::Qps(qps) => Some(qps),
            Self::Max => None,
        }
    }
}

/// When a run ends by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// After this time.
    After(Duration),
    /// After exactly this many requests (or, in fortio's model without catch-up, slots).
    Count(u64),
    /// Never; somebody cancels it.
    Never,
}

/// Which rule decides when a request starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoadModel {
    /// fortio's rule: each connection has a schedule of its own and falls
    /// behind alone.
    Fortio {
        /// Starts the connections one after the other instead of together.
        uniform: bool,
        /// Varies each wait by up to 10 % either way.
        jitter: bool,
        /// Skips requests whose time has passed instead of making them up.
        nocatchup: bool,
    },
    /// One schedule for the whole run (call `i` is due at `i / qps`); any idle
    /// connection takes the next request, and connections grow up to the plan's
    /// number. What waits for a connection is charged to the response time.
    Open,
}

/// Which addresses of a name are connected to; an address in the URL is taken as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AddressFamily {
    /// Those of IPv4, or where there is none those of IPv6.
    #[default]
    PreferIpv4,
    /// Those of IPv4.
    Ipv4,
    /// Those of IPv6.
    Ipv6,
    /// All of them, in turn.
    Any,
}

/// Which requests come before the run, uncounted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Warmup {
    /// None.
    None,
    /// One on each connection, all at once.
    Parallel,
    /// One on each connection, one after the other.
    Sequential,
}

/// The coarse buckets of [`Histograms`](crate::Histograms); exact latencies don't depend on them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Buckets {
    /// Width of the smallest bucket, in seconds.
    pub resolution: f64,
    /// Start of the first bucket.
    pub offset: Duration,
}

impl Default for Buckets {
    fn default() -> Self {
        Self { resolution: 0.001, offset: Duration::ZERO }
    }
}

impl Buckets {
    /// Makes an empty histogram of times.
    pub fn histogram(&self) -> Histogram {
        Histogram::new(self.offset.as_secs_f64(), self.resolution)
    }
}

/// How the standard client and TLS go about it; the default is the fast client.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
#[expect(clippy::struct_excessive_bools, reason = "each one is a switch of fortio's, independent of the rest")]
pub struct Transport {
    /// Uses the standard client (feature `std-client`).
    pub standard: bool,
    /// Speaks HTTP/2; implies the standard client.
    pub h2: bool,
    /// Follows redirects; implies the standard client.
    pub follow_redirects: bool,
    /// Asks for compressed answers; the standard client only.
    pub compression: bool,
    /// Speaks HTTP/1.0 without a Host header.
    pub http10: bool,
    /// Closes the sending half after each request of a connection that is not kept.
    pub half_close: bool,
    /// Does not check certificates.
    pub insecure: bool,
    /// Certificate of the authority to trust, instead of the system's.
    pub ca_cert: Option<PathBuf>,
    /// Client certificate.
    pub cert: Option<PathBuf>,
    /// Its key.
    pub key: Option<PathBuf>,
}

/// A plan of load on one URL.
///
/// [`LoadPlan::to`] gives fortio's defaults (8 calls a second, 4 connections, 5
/// seconds, 3 seconds of timeout), except for the model, which is
/// [`LoadModel::Open`]; change the fields from there.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct LoadPlan {
    /// What is requested: `http`, `https` (with the feature `tls`) or `tcp`.
    pub url: Url,
    /// Path and query as they are sent: as they were typed in the URL, dots, case and all.
    pub path: String,
    /// How often.
    pub rate: Rate,
    /// Connections; for [`LoadModel::Open`] the most that may be opened.
    pub connections: NonZeroUsize,
    /// When the run ends.
    pub stop: Stop,
    /// How connections share the schedule.
    pub model: LoadModel,
    /// Request headers in order; `Host` and `User-Agent` replace the default
    /// ones, an empty `User-Agent` removes it.
    pub headers: Vec<(String, String)>,
    /// Method; by default `GET`, or `POST` where there is a body or a content type.
    pub method: Option<String>,
    /// Body of each request; `{uuid}` in it is replaced each time.
    pub body: Vec<u8>,
    /// Content type of the body; `application/octet-stream` by default.
    pub content_type: Option<String>,
    /// Name and password for basic authentication; never shown in a result.
    pub user: Option<(String, String)>,
    /// Longest time for one request, connecting included.
    pub timeout: Duration,
    /// Keeps connections open between requests.
    pub keep_alive: bool,
    /// Addresses to connect to, in turn. When it is not empty no name is
    /// looked up, and no other address can be reached.
    pub resolve: Vec<SocketAddr>,
    /// Which addresses are taken where a name is looked up.
    pub family: AddressFamily,
    /// Socket file to connect to instead of an address.
    pub unix_socket: Option<PathBuf>,
    /// Fewest and most requests on one connection before it is replaced.
    pub reuse: Option<(u64, u64)>,
    /// Client and TLS.
    pub transport: Transport,
    /// Requests before the run.
    pub warmup: Warmup,
    /// Time at the beginning that settles: where it is above zero, the result has the calls behind it apart, as `measured`.
    pub settle: Duration,
    /// Continues when a warm-up request fails.
    pub allow_initial_errors: bool,
    /// Status that stops the run; -1 stands for a request without an answer.
    pub abort_on: Option<i32>,
    /// Worker threads; by default one, or at rates that one cannot hold (and
    /// without a rate) as many as there are cores and connections.
    pub threads: Option<NonZeroUsize>,
    /// Seed of every random choice.
    pub seed: u64,
    /// Gives each request a W3C `traceparent` header with ids of its own, drawn from this seed; `None` sends no such
    /// header. The same seed gives the same ids again, which a trace store would take for one trace: choose another for
    /// each run.
    pub trace_context: Option<u64>,
    /// Buckets of the result's histograms.
    pub buckets: Buckets,
}

impl LoadPlan {
    /// Plans fortio's default load on a URL.
    ///
    /// # Errors
    ///
    /// The URL does not parse, has no host, or has a scheme other than `http`,
    /// `https` and `tcp`.
    pub fn to(url: &str) -> Result<Self, LoadError> {
        let path = typed_path(url);
        let mut url = parse_url(url)?;
        let user = take_user(&mut url);
        Ok(Self {
            url,
            path,
            rate: Rate::Qps(8.0),
            connections: NonZeroUsize::MIN.saturating_add(3),
            stop: Stop::After(Duration::from_secs(5)),
            model: LoadModel::Open,
            headers: Vec::new(),
            method: None,
            body: Vec::new(),
            content_type: None,
            user,
            timeout: Duration::from_secs(3),
            keep_alive: true,
            resolve: Vec::new(),
            family: AddressFamily::default(),
            unix_socket: None,
            reuse: None,
            transport: Transport::default(),
            warmup: Warmup::None,
            settle: Duration::ZERO,
            allow_initial_errors: false,
            abort_on: None,
            threads: None,
            seed: 0,
            trace_context: None,
            buckets: Buckets::default(),
        })
    }

    /// Checks the numbers of the plan, touching nothing.
    ///
    /// # Errors
    ///
    /// The first number that is out of range, with what would be right.
    pub fn check(&self) -> Result<(), LoadError> {
        let bad = |field, given: String, expected| Err(LoadError::BadPlan { field, given, expected });
        if let Rate::Qps(qps) = self.rate
            && !(qps > 0.0 && qps <= MAX_QPS)
        {
            return bad("rate", qps.to_string(), "it must be above 0 and at most 1e9 a second");
        }
        if self.connections.get() > MAX_CONNECTIONS {
            return bad("connections", self.connections.to_string(), "at most 100000 are possible");
        }
        if self.timeout.is_zero() || self.timeout > MAX_DURATION {
            return bad("timeout", format!("{:?}", self.timeout), "it must be above 0 and at most 400 days");
        }
        match self.stop {
            Stop::After(time) if time.is_zero() || time > MAX_DURATION => {
                return bad("stop", format!("{time:?}"), "it must be above 0 and at most 400 days");
            }
            Stop::Count(0) => return bad("stop", "0 calls".to_owned(), "it must be at least 1"),
            _ => {}
        }
        if let Some((name, _)) = self.headers.iter().find(|(name, value)| !header::is_header(name, value)) {
            let given = name.escape_debug().to_string();
            return bad("headers", given, "a name or value holds characters that no header may have");
        }
        if self.trace_context.is_some() {
            self.check_trace_context()?;
        }
        if let Some(kind) = self.content_type.as_ref().filter(|kind| !header::is_header("Content-Type", kind)) {
            let given = kind.escape_debug().to_string();
            return bad("content_type", given, "it holds characters that no header may have");
        }
        if let Some(method) = self.method.as_ref().filter(|method| !header::is_token(method)) {
            return bad("method", method.escape_debug().to_string(), "it must be a word such as GET");
        }
        if let Some((least, most)) = self.reuse
            && (least == 0 || least > most)
        {
            return bad(
                "reuse",
                format!("{least}:{most}"),
                "it must be at least 1, and the first not above the second",
            );
        }
        let transport = &self.transport;
        if let (Some(path), None) | (None, Some(path)) = (&transport.cert, &transport.key) {
            return bad(
                "cert",
                path.display().to_string(),
                "a client certificate needs its key, and a key its certificate",
            );
        }
        let resolution = self.buckets.resolution;
        if !(resolution > 0.0 && resolution.is_finite()) {
            return bad("resolution", resolution.to_string(), "it must be above 0");
        }
        Ok(())
    }

    fn check_trace_context(&self) -> Result<(), LoadError> {
        let bad = |given: &str, expected| {
            Err(LoadError::BadPlan { field: "trace_context", given: given.to_owned(), expected })
        };
        if self.url.scheme() == "tcp" {
            return bad("tcp", "only requests of `http` and `https` have headers that carry it");
        }
        match self.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case(trace_context::HEADER)) {
            Some((name, _)) => bad(name, "the header is set by hand as well; remove one of them"),
            None => Ok(()),
        }
    }

    /// The URL with its path as it was typed, without credentials.
    pub fn typed_url(&self) -> String {
        format!("{}://{}{}", self.url.scheme(), authority(&self.url), self.path)
    }

    /// Whether the fast client cannot serve the plan, so that the feature `std-client` is needed.
    pub fn needs_standard_client(&self) -> bool {
        let transport = &self.transport;
        self.url.scheme() != "tcp" && (transport.standard || transport.h2 || transport.follow_redirects)
    }

    /// Gives the time that the plan takes when the target keeps up.
    ///
    /// `None` when it has no end, or no rate to tell it from.
    pub fn planned_duration(&self) -> Option<Duration> {
        match (self.stop, self.rate) {
            (Stop::After(time), _) => Some(time),
            #[expect(clippy::cast_precision_loss, reason = "a duration needs no more than 52 bits")]
            (Stop::Count(calls), Rate::Qps(qps)) => Duration::try_from_secs_f64(calls as f64 / qps).ok(),
            _ => None,
        }
    }
}

/// Takes the credentials out of a URL, so that no result can show them.
fn take_user(url: &mut Url) -> Option<(String, String)> {
    if url.username().is_empty() && url.password().is_none() {
        return None;
    }
    let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let user = (decoded(url.username()), decoded(url.password().unwrap_or_default()));
    // Both only fail on a URL without a host, which was refused before.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    Some(user)
}

fn parse_url(text: &str) -> Result<Url, LoadError> {
    let bad = |url: String, reason: String| Err(LoadError::BadUrl { url, reason });
    let mut url = match Url::parse(text) {
        Ok(url) => url,
        Err(error) => {
            let shown = if text.contains('@') { "…".to_owned() } else { text.to_owned() };
            return bad(shown, format!("{error}; give it as `http://host:port/path`"));
        }
    };
    if url.host_str().is_none_or(str::is_empty) {
        return bad(text.to_owned(), "it names no host; give it as `http://host:port/path`".to_owned());
    }
    match url.scheme() {
        "http" | "https" => {}
        "tcp" if url.port().is_some() => {}
        "tcp" => {
            return bad(text.to_owned(), "it names no port; give it as `tcp://host:port`".to_owned());
        }
        other => {
            let reason = format!("the scheme `{other}` is not one of http, https, tcp");
            return bad(text.to_owned(), reason);
        }
    }
    url.set_fragment(None);
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(change: impl FnOnce(&mut LoadPlan)) -> &'static str {
        let mut load = LoadPlan::to("http://h/").unwrap();
        change(&mut load);
        match load.check() {
            Err(LoadError::BadPlan { field, .. }) => field,
            other => panic!("expected a refusal, got {other:?}"),
        }
    }

    #[test]
    fn numbers_out_of_range_are_refused_by_the_name_of_their_field() {
        assert_eq!(refused(|load| load.rate = Rate::Qps(0.0)), "rate");
        assert_eq!(refused(|load| load.rate = Rate::Qps(f64::NAN)), "rate");
        assert_eq!(refused(|load| load.rate = Rate::Qps(f64::INFINITY)), "rate");
        assert_eq!(refused(|load| load.connections = NonZeroUsize::MAX), "connections");
        assert_eq!(refused(|load| load.timeout = Duration::ZERO), "timeout");
        assert_eq!(refused(|load| load.stop = Stop::After(Duration::MAX)), "stop");
        assert_eq!(refused(|load| load.stop = Stop::Count(0)), "stop");
        assert_eq!(refused(|load| load.reuse = Some((3, 2))), "reuse");
        assert_eq!(refused(|load| load.buckets.resolution = 0.0), "resolution");
        assert_eq!(refused(|load| load.transport.cert = Some("c.pem".into())), "cert");
        assert_eq!(refused(|load| load.transport.key = Some("c.key".into())), "cert");
    }

    #[test]
    fn nothing_can_be_smuggled_into_a_request() {
        let split = || "a\r\nEvil: yes".to_owned();
        assert_eq!(refused(|load| load.headers = vec![("A".to_owned(), split())]), "headers");
        assert_eq!(refused(|load| load.headers = vec![("A b".to_owned(), String::new())]), "headers");
        assert_eq!(refused(|load| load.method = Some("GET / HTTP/1.1\r\n".to_owned())), "method");
        assert_eq!(refused(|load| load.content_type = Some(split())), "content_type");
    }

    #[test]
    fn a_url_is_refused_with_what_would_be_right() {
        for (url, reason) in [
            ("http://", "give it as `http://host:port/path`"),
            ("ftp://h/", "the scheme `ftp` is not one of http, https, tcp"),
            ("tcp://h", "it names no port; give it as `tcp://host:port`"),
            ("no url", "give it as `http://host:port/path`"),
        ] {
            let error = LoadPlan::to(url).unwrap_err().to_string();
            assert!(error.ends_with(reason), "{url}: {error}");
        }
        assert!(!LoadPlan::to("http://me:secret@").unwrap_err().to_string().contains("secret"));
    }

    #[test]
    fn the_length_of_a_plan_is_known_before_it_starts() {
        let mut load = LoadPlan::to("http://h/").unwrap();
        assert_eq!(load.planned_duration(), Some(Duration::from_secs(5)));
        load.stop = Stop::Count(80);
        assert_eq!(load.planned_duration(), Some(Duration::from_secs(10)));
        load.rate = Rate::Max;
        assert_eq!(load.planned_duration(), None);
        load.stop = Stop::Never;
        assert_eq!(load.planned_duration(), None);
    }
}
