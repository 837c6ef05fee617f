//! The probe that asks a URL.

mod body_pattern;
mod status_range;

use std::error::Error;

use chaos_core::{HttpUrl, HttpUrlError, Observation, PluginError, Probe, Reach, RunContext, Seconds, register_probe};
use chaos_tls::ClientTls;
use reqwest::header::{LOCATION, ToStrError};
use reqwest::{Client, Response, StatusCode, Url, redirect};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use body_pattern::BodyPattern;
pub use status_range::{StatusRange, StatusRangeError};

use crate::asking::{Cut, ask, five_seconds, lacks_here};

/// How many redirects are followed, as many as curl's and reqwest's users rarely need.
const MAX_REDIRECTS: usize = 5;
/// How much of a body is read for `expect_body`.
const MAX_BODY_BYTES: usize = 1024 * 1024;

/// Asks a URL, and checks the status and, if wanted, the body.
///
/// # Answers
/// Yes when the status is in `expect_status` and the body has `expect_body` somewhere. No when either is otherwise, the
/// connection is refused or broken off, or no answer has come within `timeout_seconds`: a service that is down is a no.
/// Unknown when the policy does not allow the host, its name does not resolve, or this machine can't connect at all.
/// The observation's value is the status.
///
/// # Limits
/// Redirects are followed (5 at the most) unless their own status is the expected one; each hop must be allowed by the
/// policy. Connections go to the addresses that the policy allowed, through no proxy. The first 1 MiB of the body is
/// searched.
///
/// # Example
/// ```yaml
/// type: http
/// url: http://127.0.0.1:8080/healthz
/// expect_status: 200-299
/// expect_body: '"status": *"ok"'
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Http {
    /// The URL.
    pub url: HttpUrl,
    /// How to ask; the methods that change nothing.
    #[serde(default)]
    pub method: Method,
    /// The status that means yes: a number, or a range such as `200-299`, which is the default.
    #[serde(default = "StatusRange::success")]
    pub expect_status: StatusRange,
    /// A regular expression that the body must have somewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expect_body: Option<BodyPattern>,
    /// Seconds after which the probe says no, all redirects included; default 5.
    #[serde(default = "five_seconds")]
    pub timeout_seconds: Seconds,
}

/// How to ask; a probe changes nothing, so only the methods that are defined to be safe.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
#[schemars(inline)]
pub enum Method {
    /// The answer with its body.
    #[default]
    Get,
    /// The answer without its body.
    Head,
    /// What the URL allows.
    Options,
}

impl From<Method> for reqwest::Method {
    fn from(method: Method) -> Self {
        match method {
            Method::Get => Self::GET,
            Method::Head => Self::HEAD,
            Method::Options => Self::OPTIONS,
        }
    }
}

impl Probe for Http {
    async fn observe(&self, cx: &RunContext) -> Observation {
        match ask(cx, self.timeout_seconds, self.ask(cx)).await {
            Ok(seen) => seen,
            Err(Cut::Late) => {
                let seconds = self.timeout_seconds.get().as_secs_f64();
                Observation::no(format!("`{}` did not answer within {seconds} s", self.url))
            }
            Err(Cut::Cancelled) => Observation::unknown("cancelled"),
        }
    }

    fn reach(&self) -> Result<Reach, PluginError> {
        self.expect_body.as_ref().map(BodyPattern::compile).transpose()?;
        Ok(Reach::host(self.url.host().clone()))
    }

    fn at_most(&self) -> Option<std::time::Duration> {
        Some(self.timeout_seconds.get())
    }
}

register_probe!(Http, "http", any_answer: Http::any_answer);

impl Http {
    /// Says yes to whatever a URL answers.
    fn any_answer(url: HttpUrl) -> Self {
        let timeout_seconds = five_seconds();
        Self { url, method: Method::Get, expect_status: StatusRange::any(), expect_body: None, timeout_seconds }
    }

    async fn ask(&self, cx: &RunContext) -> Observation {
        let mut url = self.url.clone();
        for _ in 0..=MAX_REDIRECTS {
            let response = match self.request(&url, cx).await {
                Ok(response) => response,
                Err(seen) => return seen,
            };
            if self.expect_status.contains(response.status().as_u16()) {
                return self.judge_body(&url, response).await;
            }
            match next_hop(&response) {
                Ok(Some(next)) => url = next,
                Ok(None) => return self.other_status(&url, response.status()),
                Err(why) => return Observation::unknown(format!("`{url}` redirects {why}")),
            }
        }
        Observation::no(format!("`{}` redirects more than {MAX_REDIRECTS} times", self.url))
    }

    /// One request to one URL, pinned to the addresses that the policy allows for its host.
    async fn request(&self, url: &HttpUrl, cx: &RunContext) -> Result<Response, Observation> {
        let unknown = |why: String| Observation::unknown(why);
        let addresses = cx.allowed_addresses(url.host()).await.map_err(|refusal| unknown(refusal.to_string()))?;
        let parsed = Url::parse(url.as_str()).map_err(|error| unknown(format!("`{url}`: {error}")))?;
        let tls =
            ClientTls::http1(url.is_tls()).config().map_err(|error| unknown(format!("no TLS for `{url}`: {error}")))?;
        let client = Client::builder()
            .tls_backend_preconfigured(tls)
            .redirect(redirect::Policy::none())
            .no_proxy()
            .resolve_to_addrs(parsed.host_str().unwrap_or_default(), &addresses)
            .user_agent(concat!("squall/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| unknown(format!("no HTTP client: {}", cause(&error))))?;
        let sent = client.request(self.method.into(), parsed).send().await;
        sent.map_err(|error| unanswered(url, &error))
    }

    fn other_status(&self, url: &HttpUrl, status: StatusCode) -> Observation {
        let detail = format!("`{url}` answered {} instead of {}", status.as_u16(), self.expect_status);
        Observation::no(detail).with_value(status.as_u16())
    }

    async fn judge_body(&self, url: &HttpUrl, response: Response) -> Observation {
        let status = response.status().as_u16();
        let answered = format!("`{url}` answered {status}");
        let Some(pattern) = &self.expect_body else { return Observation::yes(answered).with_value(status) };
        let regex = match pattern.compile() {
            Ok(regex) => regex,
            Err(error) => return Observation::unknown(error.to_string()),
        };
        let (body, whole) = match read(response).await {
            Ok(read) => read,
            Err(error) => return unanswered(url, &error),
        };
        let seen = match (regex.is_match(&String::from_utf8_lossy(&body)), whole) {
            (true, _) => Observation::yes(format!("{answered}, and the body matches `expect_body`")),
            (false, true) => Observation::no(format!("{answered}, but the body does not match `expect_body`")),
            (false, false) => Observation::unknown(format!(
                "{answered}, and its first {MAX_BODY_BYTES} bytes don't match `expect_body`"
            )),
        };
        seen.with_value(status)
    }
}

/// Why a redirect is not followed.
#[derive(Debug, thiserror::Error)]
enum RedirectError {
    /// Bytes that are not text.
    #[error("to something that is not a URL")]
    NotText(#[from] ToStrError),
    /// Text that is not a URL.
    #[error("to something that is not a URL: {0}")]
    NotUrl(String),
    /// A URL that a probe does not ask.
    #[error("elsewhere: {0}")]
    Elsewhere(#[from] HttpUrlError),
}

/// Where a redirect leads; `None` when the answer is not a redirect.
fn next_hop(response: &Response) -> Result<Option<HttpUrl>, RedirectError> {
    if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
        return Ok(None);
    }
    let Some(location) = response.headers().get(LOCATION) else { return Ok(None) };
    let joined = response.url().join(location.to_str()?);
    let mut next = joined.map_err(|error| RedirectError::NotUrl(error.to_string()))?;
    next.set_fragment(None);
    Ok(Some(next.as_str().parse()?))
}

/// The body up to the bound, and whether that is all of it.
async fn read(mut response: Response) -> reqwest::Result<(Vec<u8>, bool)> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        let room = MAX_BODY_BYTES - body.len();
        body.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if chunk.len() > room {
            return Ok((body, false));
        }
    }
    Ok((body, true))
}

/// No answer came: a no, unless this machine lacked something to ask with.
fn unanswered(url: &HttpUrl, error: &reqwest::Error) -> Observation {
    let why = cause(error);
    let ours = causes(error).filter_map(|cause| cause.downcast_ref::<std::io::Error>()).any(lacks_here);
    if error.is_builder() || ours {
        Observation::unknown(format!("can't ask `{url}`: {why}"))
    } else {
        Observation::no(format!("`{url}` did not answer: {why}"))
    }
}

fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}

/// The innermost cause: the outer ones only repeat the URL.
fn cause(error: &reqwest::Error) -> String {
    causes(error).last().map_or_else(String::new, ToString::to_string)
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Write};
    use std::net::TcpListener;
    use std::sync::{Arc, Mutex};

    use chaos_core::{Answer, ProbeNode, parse};
    use serde_json::json;

    use super::*;
    use crate::test_context::plain;

    /// A server of our own: answers each request line by `answer`, notes it, and ends with the test program.
    fn serve(answer: impl Fn(&str) -> Vec<u8> + Send + 'static) -> (String, Arc<Mutex<Vec<String>>>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let at = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let notes = Arc::clone(&seen);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let mut lines = BufReader::new(&stream).lines().map_while(Result::ok);
                let Some(request) = lines.next() else { continue };
                lines.find(String::is_empty);
                notes.lock().unwrap().push(request.clone());
                // A client that went away early is not a fault of the test's.
                let _ = (&stream).write_all(&answer(&request));
            }
        });
        (at, seen)
    }

    fn say(status: u16, headers: &str, body: &str) -> Vec<u8> {
        let length = body.len();
        format!("HTTP/1.1 {status} X\r\nContent-Length: {length}\r\nConnection: close\r\n{headers}\r\n{body}")
            .into_bytes()
    }

    fn probe(value: serde_json::Value) -> ProbeNode {
        let mut value = value;
        value["type"] = json!("http");
        parse(&value).unwrap()
    }

    #[tokio::test]
    async fn status_and_body_decide() {
        let (at, _) = serve(|request| match request.split(' ').nth(1).unwrap() {
            "/ok" => say(200, "", r#"{"status": "ok"}"#),
            "/made" => say(201, "", ""),
            _ => say(503, "", "down"),
        });
        let rows = [
            (json!({"url": format!("{at}/ok")}), Answer::Yes, "answered 200"),
            (json!({"url": format!("{at}/made"), "expect_status": 200}), Answer::No, "answered 201 instead of 200"),
            (json!({"url": format!("{at}/x")}), Answer::No, "answered 503 instead of 200-299"),
            (json!({"url": format!("{at}/x"), "expect_status": "500-599"}), Answer::Yes, "answered 503"),
            (json!({"url": format!("{at}/ok"), "expect_body": "\"status\": *\"ok\""}), Answer::Yes, "the body matches"),
            (json!({"url": format!("{at}/ok"), "expect_body": "^ok"}), Answer::No, "does not match `expect_body`"),
        ];
        for (value, answer, detail) in rows {
            let seen = probe(value.clone()).observe(&plain()).await;
            assert_eq!(seen.answer, answer, "{value}: {}", seen.detail);
            assert!(seen.detail.contains(detail) && seen.value.is_number(), "{}", seen.detail);
        }
    }

    #[tokio::test]
    async fn a_service_that_is_down_is_a_no_with_its_cause() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        drop(listener);
        let seen = probe(json!({"url": url})).observe(&plain()).await;
        assert_eq!(seen.answer, Answer::No);
        assert!(seen.detail.contains("did not answer") && seen.detail.contains("refused"), "{}", seen.detail);
    }

    #[tokio::test]
    async fn a_service_that_is_silent_is_a_no_after_its_time() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let seen = probe(json!({"url": url, "timeout_seconds": 0.05})).observe(&plain()).await;
        assert_eq!((seen.answer, seen.detail), (Answer::No, format!("`{url}` did not answer within 0.05 s")));
    }

    #[tokio::test]
    async fn garbage_is_a_no() {
        let (at, _) = serve(|_| b"SMTP 220 hello\r\n\r\n".to_vec());
        let seen = probe(json!({"url": at})).observe(&plain()).await;
        assert_eq!(seen.answer, Answer::No, "{}", seen.detail);
    }

    #[tokio::test]
    async fn redirects_are_followed_where_the_policy_allows_and_nowhere_else() {
        let (at, seen_by_server) = serve(|request| match request.split(' ').nth(1).unwrap() {
            "/inside" => say(302, "Location: /end\r\n", ""),
            "/end" => say(200, "", ""),
            "/outside" => say(302, "Location: http://192.0.2.7/\r\n", ""),
            "/named" => say(302, "Location: http://evil.example/\r\n", ""),
            "/secret" => say(302, "Location: http://u:p@127.0.0.1/\r\n", ""),
            "/file" => say(302, "Location: file:///etc/passwd\r\n", ""),
            _ => say(302, "Location: /loop\r\n", ""),
        });
        let rows = [
            ("/inside", Answer::Yes, "answered 200"),
            ("/outside", Answer::Unknown, "--allow-host 192.0.2.7"),
            ("/named", Answer::Unknown, "--allow-host evil.example"),
            ("/secret", Answer::Unknown, "redirects elsewhere: not a URL to connect to"),
            ("/file", Answer::Unknown, "redirects elsewhere: not a URL to connect to"),
            ("/loop", Answer::No, "redirects more than 5 times"),
        ];
        for (path, answer, detail) in rows {
            let seen = probe(json!({"url": format!("{at}{path}")})).observe(&plain()).await;
            assert_eq!(seen.answer, answer, "{path}: {}", seen.detail);
            assert!(seen.detail.contains(detail), "{path}: {}", seen.detail);
        }
        let asked = seen_by_server.lock().unwrap().len();
        assert_eq!(asked, 2 + 1 + 1 + 1 + 1 + 6, "each hop is one request");
    }

    #[tokio::test]
    async fn a_redirect_that_is_expected_is_not_followed() {
        let (at, asked) = serve(|_| say(301, "Location: http://192.0.2.7/\r\n", ""));
        let seen = probe(json!({"url": at, "expect_status": 301, "method": "HEAD"})).observe(&plain()).await;
        assert_eq!((seen.answer, seen.value), (Answer::Yes, json!(301)));
        assert!(asked.lock().unwrap()[0].starts_with("HEAD / "));
    }

    #[tokio::test]
    async fn a_body_past_the_bound_can_say_yes_but_not_no() {
        let (at, _) = serve(|_| say(200, "", &("x".repeat(MAX_BODY_BYTES) + "y")));
        for (pattern, answer) in [("^x", Answer::Yes), ("y", Answer::Unknown)] {
            let seen = probe(json!({"url": at, "expect_body": pattern})).observe(&plain()).await;
            assert_eq!(seen.answer, answer, "{}", seen.detail);
        }
    }

    #[test]
    fn what_can_not_work_is_said_before_the_run() {
        let bad = probe(json!({"url": "http://127.0.0.1/", "expect_body": "("}));
        assert!(bad.reach().unwrap_err().to_string().starts_with("invalid `expect_body`: "));
        probe(json!({"url": "https://127.0.0.1/"})).reach().unwrap();
    }

    #[test]
    fn mistakes_are_named_at_their_path() {
        let rows = [
            (json!({"type": "http"}), "", "missing field `url`"),
            (json!({"type": "http", "url": "localhost"}), "/url", "write `http://host:port/path`"),
            (json!({"type": "http", "url": "http://h/", "method": "POST"}), "/method", "unknown variant `POST`"),
            (json!({"type": "http", "url": "http://h/", "expect_status": 42}), "/expect_status", "invalid status `42`"),
            (json!({"type": "http", "url": "http://h/", "colour": 1}), "", "unknown field `colour`"),
        ];
        for (value, pointer, message) in rows {
            let error = parse::<ProbeNode>(&value).unwrap_err();
            assert!(error.pointer.starts_with(pointer) && error.message.contains(message), "{value}: {error}");
        }
    }

    #[test]
    fn the_published_patterns_and_the_typed_parse_agree() {
        let urls = [
            "http://h",
            "https://h:1/",
            "http://h:65535",
            "http://h:65536",
            "http://h:0",
            "http://h:",
            "http://127.0.0.1/",
            "http://127.1/",
            "http://256.0.0.1",
            "http://[::1]:80/",
            "http://[]/",
            "http://a.b.",
            "http://a..b",
            "http://1a",
            "http://a.1",
            "http://a-b_c/{x}?y=[z]",
            "http://h/#",
            "http://u@h",
            "http://h/ ",
            "http://h\\",
            "http://h/\"",
            "ftp://h",
            "http://",
            "http:///",
            "http://h/é",
        ];
        let addresses = [
            "h:1",
            "h:0",
            "h:65535",
            "h:65536",
            "h",
            ":1",
            "[::1]:1",
            "::1:1",
            "1.2.3.4:5",
            "1.2.3:4",
            "a.b.:1",
            "h:01",
            "é:1",
        ];
        let schema = |kind: &str, key: &str| {
            let schema = chaos_core::PROBES.get(kind).unwrap().schema_value();
            regex_lite::Regex::new(schema["properties"][key]["pattern"].as_str().unwrap()).unwrap()
        };
        let (url, address) = (schema("http", "url"), schema("tcp", "address"));
        for text in urls {
            assert_eq!(url.is_match(text), text.parse::<HttpUrl>().is_ok(), "{text}");
        }
        for text in addresses {
            assert_eq!(address.is_match(text), text.parse::<chaos_core::Address>().is_ok(), "{text}");
        }
    }
}
