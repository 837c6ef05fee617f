//! The probe that asks a URL.

mod body_pattern;
mod json_expectation;
mod parameters;
mod status_range;
mod status_set;
mod tls;

use std::collections::BTreeMap;
use std::error::Error;

use chaos_core::{
    HeaderName, HeaderValue, HttpUrl, HttpUrlError, LoadTls, Observation, PluginError, Probe, Reach, RunContext,
    Seconds, register_probe,
};
use reqwest::header::{LOCATION, ToStrError};
use reqwest::{Client, Response, StatusCode, Url, redirect};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use body_pattern::{BodyPattern, BodyPatternError};
pub use json_expectation::{JsonExpectation, JsonPointer, JsonPointerError};
pub use parameters::HttpProbeError;
pub use status_range::{StatusRange, StatusRangeError};
pub use status_set::StatusSet;

use crate::asking::{Cut, ask, five_seconds, lacks_here};

/// How many redirects are followed, as many as curl's and reqwest's users rarely need.
const MAX_REDIRECTS: usize = 5;
/// How much of a body is read for `expect_body` and `expect_json`.
const MAX_BODY_BYTES: usize = 1024 * 1024;

/// Asks a URL, and checks the status and, if wanted, the body.
///
/// # Answers
/// Yes when the status is in `expect_status`, the body has `expect_body` somewhere, and its JSON is as `expect_json` says.
/// No when one of them is otherwise, the connection is refused or broken off, or no answer has come within `timeout_seconds`: a service that is down is a no.
/// Unknown when the policy does not allow the host, its name does not resolve, or this machine can't connect at all.
/// The observation's value is the status.
///
/// # Limits
/// Redirects are followed (5 at the most) unless their own status is an expected one; each hop must be allowed by the
/// policy, and `headers` go to the first host alone. A `POST` should be a question (GraphQL, JSON-RPC): nothing undoes what
/// it changes. Connections go to the addresses that the policy allowed, through no proxy. The first 1 MiB of the body is
/// searched; JSON must fit into it.
///
/// # Example
/// ```yaml
/// type: http
/// url: http://127.0.0.1:8080/healthz
/// expect_status: 200-299
/// expect_json: {path: /status, equals: ok}
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Http {
    /// The URL.
    pub url: HttpUrl,
    /// How to ask.
    #[serde(default)]
    #[schemars(extend("x-author-only" = true))]
    pub method: Method,
    /// Headers of the request, beside those that the client sets by itself.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("x-author-only" = true))]
    pub headers: BTreeMap<HeaderName, HeaderValue>,
    /// The body of a `POST`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-author-only" = true))]
    pub body: Option<String>,
    /// Trusted CAs and client certificate for an `https` URL; without it the system's CAs and no certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-author-only" = true))]
    pub tls: Option<LoadTls>,
    /// The status that means yes: a number, a range such as `200-299`, which is the default, or a list of both.
    #[serde(default = "StatusSet::success")]
    pub expect_status: StatusSet,
    /// A regular expression that the body must have somewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expect_body: Option<BodyPattern>,
    /// What a value of the JSON answer must be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expect_json: Option<JsonExpectation>,
    /// Seconds after which the probe says no, all redirects included; default 5.
    #[serde(default = "five_seconds")]
    pub timeout_seconds: Seconds,
}

/// How to ask; a probe changes nothing, so only the methods that are defined to be safe, and `POST` for questions with a body.
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
    /// A question with a body.
    Post,
}

impl From<Method> for reqwest::Method {
    fn from(method: Method) -> Self {
        match method {
            Method::Get => Self::GET,
            Method::Head => Self::HEAD,
            Method::Options => Self::OPTIONS,
            Method::Post => Self::POST,
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
        Self {
            url,
            method: Method::Get,
            headers: BTreeMap::new(),
            body: None,
            tls: None,
            expect_status: StatusSet::any(),
            expect_body: None,
            expect_json: None,
            timeout_seconds: five_seconds(),
        }
    }

    async fn ask(&self, cx: &RunContext) -> Observation {
        let (mut url, mut method) = (self.url.clone(), self.method);
        for _ in 0..=MAX_REDIRECTS {
            let response = match self.request(&url, method, cx).await {
                Ok(response) => response,
                Err(seen) => return seen,
            };
            if self.expect_status.contains(response.status().as_u16()) {
                return self.judge_body(&url, response).await;
            }
            match next_hop(&response) {
                Ok(Some(next)) => {
                    // As browsers and RFC 9110, section 15.4, have it: only 307 and 308 keep a method with a body.
                    if method == Method::Post && !matches!(response.status().as_u16(), 307 | 308) {
                        method = Method::Get;
                    }
                    url = next;
                }
                Ok(None) => return self.other_status(&url, response.status()),
                Err(why) => return Observation::unknown(format!("`{url}` redirects {why}")),
            }
        }
        Observation::no(format!("`{}` redirects more than {MAX_REDIRECTS} times", self.url))
    }

    /// One request to one URL, pinned to the addresses that the policy allows for its host.
    async fn request(&self, url: &HttpUrl, method: Method, cx: &RunContext) -> Result<Response, Observation> {
        let unknown = |why: String| Observation::unknown(why);
        let addresses = cx.allowed_addresses(url.host()).await.map_err(|refusal| unknown(refusal.to_string()))?;
        let parsed = Url::parse(url.as_str()).map_err(|error| unknown(format!("`{url}`: {error}")))?;
        let tls = tls::settings(url, self.tls.as_ref(), cx.workspace()).config();
        let tls = tls.map_err(|error| unknown(format!("no TLS for `{url}`: {error}")))?;
        let client = Client::builder()
            .tls_backend_preconfigured(tls)
            .redirect(redirect::Policy::none())
            .no_proxy()
            .resolve_to_addrs(parsed.host_str().unwrap_or_default(), &addresses)
            .user_agent(concat!("squall/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| unknown(format!("no HTTP client: {}", cause(&error))))?;
        let mut request = client.request(method.into(), parsed);
        // What may be a password is for the host that it was written for.
        if url.host() == self.url.host() && url.is_tls() == self.url.is_tls() {
            for (name, value) in &self.headers {
                request = request.header(name.as_str(), value.expose());
            }
        }
        if let Some(body) = self.body.as_ref().filter(|_| method == Method::Post) {
            request = request.body(body.clone());
        }
        let sent = request.send().await;
        sent.map_err(|error| unanswered(url, &error))
    }

    fn other_status(&self, url: &HttpUrl, status: StatusCode) -> Observation {
        let detail = format!("`{url}` answered {} instead of {}", status.as_u16(), self.expect_status);
        Observation::no(detail).with_value(status.as_u16())
    }

    async fn judge_body(&self, url: &HttpUrl, response: Response) -> Observation {
        let status = response.status().as_u16();
        let answered = format!("`{url}` answered {status}");
        if self.expect_body.is_none() && self.expect_json.is_none() {
            return Observation::yes(answered).with_value(status);
        }
        let (body, whole) = match read(response).await {
            Ok(read) => read,
            Err(error) => return unanswered(url, &error),
        };
        let text = String::from_utf8_lossy(&body);
        let pattern = self.expect_body.as_ref().filter(|pattern| !pattern.is_in(&text));
        let pattern = pattern.map(|_| "does not match `expect_body`".to_owned());
        let unmet = pattern.or_else(|| self.expect_json.as_ref()?.unmet(&text));
        let seen = match (unmet, whole) {
            (None, _) => Observation::yes(format!("{answered}, and the body is as expected")),
            (Some(why), true) => Observation::no(format!("{answered}, but the body {why}")),
            (Some(_), false) => {
                Observation::unknown(format!("{answered}, and its first {MAX_BODY_BYTES} bytes are not as expected"))
            }
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
            (
                json!({"url": format!("{at}/ok"), "expect_body": "\"status\": *\"ok\""}),
                Answer::Yes,
                "the body is as expected",
            ),
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
    async fn a_server_on_the_other_loopback_address_is_localhost_too() {
        let listener = TcpListener::bind("[::1]:0").unwrap();
        let url = format!("http://localhost:{}/", listener.local_addr().unwrap().port());
        std::thread::spawn(move || {
            let (stream, _) = listener.accept().unwrap();
            BufReader::new(&stream).lines().map_while(Result::ok).find(String::is_empty);
            let _ = (&stream).write_all(&say(200, "", ""));
        });
        let seen = probe(json!({"url": url})).observe(&plain()).await;
        assert_eq!(seen.answer, Answer::Yes, "{}", seen.detail);
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
    fn what_can_not_work_is_a_mistake_of_the_document() {
        let rows = [
            (json!({"expect_body": "("}), "/expect_body", "invalid pattern `(`"),
            (json!({"method": "HEAD", "expect_body": "x"}), "", "`HEAD` has no body"),
            (json!({"method": "HEAD", "expect_json": {"path": ""}}), "", "`HEAD` has no body"),
            (json!({"body": "{}"}), "", "`body` goes with `method: POST`"),
            (json!({"tls": {"insecure": true}}), "", "give an `https://` URL"),
            (json!({"url": "https://h/", "tls": {"insecure": true, "ca_file": "a"}}), "", "give one of them"),
            (json!({"url": "https://h/", "tls": {"cert_file": "a"}}), "", "both `cert_file` and `key_file`"),
            (json!({"headers": {"Content-Length": "3"}}), "/headers", "invalid header name"),
        ];
        for (more, pointer, why) in rows {
            let mut node = json!({"type": "http", "url": "http://127.0.0.1/"});
            node.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            let error = parse::<ProbeNode>(&node).unwrap_err();
            assert!(error.pointer.starts_with(pointer) && error.message.contains(why), "{more}: {error}");
        }
    }

    #[tokio::test]
    async fn method_headers_body_and_json_are_sent_and_judged() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/graphql", listener.local_addr().unwrap());
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = Vec::new();
            while !request.ends_with(b"{up}") {
                let mut part = [0; 1024];
                let count = std::io::Read::read(&mut stream, &mut part).unwrap();
                request.extend_from_slice(&part[..count]);
            }
            stream.write_all(&say(202, "", r#"{"data": {"up": true}}"#)).unwrap();
            String::from_utf8(request).unwrap()
        });
        let node = json!({
            "url": url, "method": "POST", "headers": {"Authorization": "Bearer s3cret"}, "body": "{up}",
            "expect_status": [200, "202-204"], "expect_json": {"path": "/data/up", "equals": true},
        });
        let probe = probe(node);
        let seen = probe.observe(&plain()).await;
        assert_eq!((seen.answer, seen.value), (Answer::Yes, json!(202)), "{}", seen.detail);
        let request = server.join().unwrap();
        assert!(request.starts_with("POST /graphql ") && request.contains("authorization: Bearer s3cret"), "{request}");
        assert!(!format!("{probe:?} {}", serde_json::to_value(&probe).unwrap()).contains("s3cret"));
    }

    #[tokio::test]
    async fn headers_go_to_the_first_host_alone() {
        let heads = Arc::new(Mutex::new(String::new()));
        let seen = Arc::clone(&heads);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let end = format!("http://{}/", listener.local_addr().unwrap());
        std::thread::spawn(move || {
            let (stream, _) = listener.accept().unwrap();
            for line in BufReader::new(&stream).lines().map_while(Result::ok).take_while(|line| !line.is_empty()) {
                seen.lock().unwrap().push_str(&(line + "\n"));
            }
            let _ = (&stream).write_all(&say(200, "", ""));
        });
        let location = format!("Location: {end}\r\n");
        let (at, _) = serve(move |_| say(302, &location, ""));
        let seen = probe(json!({"url": at, "headers": {"Cookie": "s3cret"}})).observe(&plain()).await;
        assert_eq!(seen.answer, Answer::Yes, "{}", seen.detail);
        let heads = heads.lock().unwrap().clone();
        assert!(heads.starts_with("GET / ") && !heads.contains("s3cret"), "{heads}");
    }

    /// A TLS server with the usual self-signed certificate, which is its own CA.
    fn serve_tls() -> u16 {
        use chaos_tls::rustls::pki_types::pem::PemObject;
        use chaos_tls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
        let cert = CertificateDer::from_pem_slice(include_bytes!("http/tests/self_signed.pem")).unwrap();
        let key = PrivateKeyDer::from_pem_slice(include_bytes!("http/tests/self_signed.key")).unwrap();
        let provider = Arc::new(chaos_tls::rustls::crypto::ring::default_provider());
        let config = chaos_tls::rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap();
        let config = Arc::new(config.with_no_client_auth().with_single_cert(vec![cert], key).unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let connection = chaos_tls::rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
                let mut tls = chaos_tls::rustls::StreamOwned::new(connection, stream);
                let mut head = [0; 4096];
                // A client that does not trust us ends its connection, nothing else.
                if std::io::Read::read(&mut tls, &mut head).is_ok_and(|count| count > 0) {
                    let _ = tls.write_all(&say(200, "", "")).and_then(|()| tls.flush());
                }
            }
        });
        port
    }

    #[tokio::test]
    async fn a_self_signed_certificate_is_trusted_where_it_is_named_and_nowhere_else() {
        let (port, folder) = (serve_tls(), tempfile::tempdir().unwrap());
        let file = folder.path().join("ca.pem");
        std::fs::write(&file, include_bytes!("http/tests/self_signed.pem")).unwrap();
        let rows = [
            (format!("https://127.0.0.1:{port}/"), json!({"ca_file": file}), Answer::Yes),
            (format!("https://localhost:{port}/"), json!({"ca_file": file}), Answer::Yes),
            // It is for other names.
            (format!("https://x.localhost:{port}/"), json!({"ca_file": file}), Answer::No),
            (format!("https://127.0.0.1:{port}/"), json!({}), Answer::No),
            (format!("https://x.localhost:{port}/"), json!({"insecure": true}), Answer::Yes),
            (format!("https://127.0.0.1:{port}/"), json!({"ca_file": folder.path().join("none.pem")}), Answer::Unknown),
        ];
        for (url, tls, answer) in rows {
            let seen = probe(json!({"url": url, "tls": tls})).observe(&plain()).await;
            assert_eq!(seen.answer, answer, "{url} {tls}: {}", seen.detail);
        }
    }

    #[test]
    fn mistakes_are_named_at_their_path() {
        let rows = [
            (json!({"type": "http"}), "", "missing field `url`"),
            (json!({"type": "http", "url": "localhost"}), "/url", "write `http://host:port/path`"),
            (json!({"type": "http", "url": "http://h/", "method": "PUT"}), "/method", "unknown variant `PUT`"),
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
            "http://[1:2]:80/",
            "http://[::1%25lo]/",
            "http://[1.2.3.4]/",
            "http://[::ffff:1.2.3.4]/",
            "http://[1:2:3:4:5:6:7:8]/",
            "http://[1:2:3:4:5:6:7:8:9]/",
            "http://[1::2::3]/",
            "http://[:::]/",
            "http://[::]/",
            "http://[1::]/",
            "http://[1:2:3:4:5:6:7::]/",
            "http://[::2:3:4:5:6:7:8]/",
            "http://[1:2:3:4:5:6:1.2.3.4]/",
            "http://[1:2:3:4:5:6:7:1.2.3.4]/",
            "http://[64:ff9b::1.2.3.4]/",
            "http://[1::3:4:5:6:7:8]/",
            "http://[1::2:3:4:5:6:7:8]/",
            "http://[12345::]/",
            "http://[::1.2.3.400]/",
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
            "[1:2]:80",
            "[fe80::1]:80",
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
