//! The bytes of a request, made once and sent many times.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use crate::plan::LoadPlan;
use crate::random::Random;
use crate::trace_context::{self, TraceIds};
use crate::url_text::authority;

/// Text in a URL or body that is replaced by a fresh UUID for each request.
pub(crate) const UUID_MARK: &str = "{uuid}";

/// A request whose bytes are ready, but for the places of fresh UUIDs.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pieces: Vec<Vec<u8>>,
    /// Where the value of `traceparent` stands in the bytes that are sent, where there is one.
    trace_at: Option<usize>,
    /// The answer will have no body.
    pub(crate) bodiless: bool,
    /// Its method may be repeated without another effect (RFC 9110, section 9.2.2).
    pub(crate) idempotent: bool,
}

impl Request {
    /// Writes the request of a plan: request line, `Host`, `Connection` where
    /// it closes, then the other headers in alphabetical order, as fortio does.
    pub(crate) fn of(load: &LoadPlan) -> Self {
        let method = method(load);
        let version = if load.transport.http10 { "1.0" } else { "1.1" };
        let mut text = format!("{method} {} HTTP/{version}\r\n", load.path);
        let mut trace_at = None;
        for (name, value) in headers(load, &method) {
            if load.trace_context.is_some() && name == trace_context::HEADER {
                trace_at = Some(grown(text.as_bytes()) + name.len() + ": ".len());
            }
            for part in [name.as_str(), ": ", value.as_str(), "\r\n"] {
                text.push_str(part);
            }
        }
        text.push_str("\r\n");
        let mut bytes = text.into_bytes();
        bytes.extend_from_slice(&load.body);
        Self { pieces: split(&bytes), trace_at, bodiless: method == "HEAD", idempotent: is_idempotent(&method) }
    }

    /// Gives the bytes of the next request, with the ids of its trace where the plan wants some; without these and without
    /// a mark they are the same each time. `scratch` is the caller's, and belongs to this request alone.
    pub(crate) fn bytes<'a>(
        &'a self,
        random: &mut Random,
        trace: Option<TraceIds>,
        scratch: &'a mut Vec<u8>,
    ) -> &'a [u8] {
        let trace = trace.zip(self.trace_at);
        match (self.pieces.as_slice(), trace) {
            ([only], None) => return only,
            // Made once: only the ids change.
            ([only], Some(_)) if scratch.is_empty() => scratch.extend_from_slice(only),
            ([_], Some(_)) => {}
            (pieces, _) => {
                scratch.clear();
                for (index, piece) in pieces.iter().enumerate() {
                    if index > 0 {
                        scratch.extend_from_slice(random.uuid().as_bytes());
                    }
                    scratch.extend_from_slice(piece);
                }
            }
        }
        if let Some((ids, at)) = trace
            && let Some(value) = scratch.get_mut(at..)
        {
            ids.write(value);
        }
        scratch
    }
}

/// Whether a method may be repeated without another effect (RFC 9110, section 9.2.2); an unknown one may not.
pub(crate) fn is_idempotent(method: &str) -> bool {
    matches!(method, "GET" | "HEAD" | "PUT" | "DELETE" | "OPTIONS" | "TRACE")
}

/// The method of a plan.
pub(crate) fn method(load: &LoadPlan) -> String {
    match &load.method {
        Some(method) => method.clone(),
        None if load.body.is_empty() && load.content_type.is_none() => "GET".to_owned(),
        None => "POST".to_owned(),
    }
}

/// All headers of a plan in the order in which they are sent.
pub(crate) fn headers(load: &LoadPlan, method: &str) -> Vec<(String, String)> {
    let named = |name: &str| load.headers.iter().rev().find(|(n, _)| n.eq_ignore_ascii_case(name));
    let mut first =
        vec![("Host".to_owned(), named("host").map_or_else(|| authority(&load.url), |(_, value)| value.clone()))];
    if load.transport.http10 {
        first.clear();
    }
    if !load.keep_alive && named("connection").is_none() {
        first.push(("Connection".to_owned(), "close".to_owned()));
    }
    let mut rest: Vec<(String, String)> = Vec::new();
    if named("user-agent").is_none() {
        rest.push(("User-Agent".to_owned(), concat!("chaos-load/", env!("CARGO_PKG_VERSION")).to_owned()));
    }
    // A header that was given stands for itself, as curl has it.
    if let Some((user, password)) = load.user.as_ref().filter(|_| named("authorization").is_none()) {
        let token = BASE64_STANDARD.encode(format!("{user}:{password}"));
        rest.push(("Authorization".to_owned(), format!("Basic {token}")));
    }
    let has_body = !load.body.is_empty() || matches!(method, "POST" | "PUT" | "PATCH");
    if has_body && named("content-length").is_none() {
        rest.push(("Content-Length".to_owned(), grown(&load.body).to_string()));
    }
    if named("content-type").is_none() && has_body {
        let kind = load.content_type.as_deref().unwrap_or("application/octet-stream");
        rest.push(("Content-Type".to_owned(), kind.to_owned()));
    }
    if load.trace_context.is_some() {
        rest.push((trace_context::HEADER.to_owned(), trace_context::BLANK.to_owned()));
    }
    for (name, value) in &load.headers {
        let dropped =
            name.eq_ignore_ascii_case("host") || (name.eq_ignore_ascii_case("user-agent") && value.is_empty());
        if !dropped {
            rest.push((name.clone(), value.clone()));
        }
    }
    rest.sort_by_key(|(name, _)| name.to_ascii_lowercase());
    first.extend(rest);
    first
}

/// Length of bytes after their marks are replaced: a mark has 6 bytes, a UUID 36.
fn grown(bytes: &[u8]) -> usize {
    let pieces = split(bytes);
    pieces.iter().map(Vec::len).sum::<usize>() + (pieces.len() - 1) * 36
}

fn split(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mark = UUID_MARK.as_bytes();
    let mut pieces = vec![Vec::new()];
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at..].starts_with(mark) {
            pieces.push(Vec::new());
            at += mark.len();
        } else if let Some(piece) = pieces.last_mut() {
            piece.push(bytes[at]);
            at += 1;
        }
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(change: impl FnOnce(&mut LoadPlan)) -> String {
        let mut load = LoadPlan::to("http://127.0.0.1:8080/a/{uuid}?q=1&r={uuid}").unwrap();
        load.headers = vec![("User-Agent".to_owned(), "t".to_owned())];
        change(&mut load);
        let request = Request::of(&load);
        let mut scratch = Vec::new();
        String::from_utf8_lossy(request.bytes(
            &mut Random::new(1, 1),
            Some(TraceIds::draw(&mut Random::new(2, 2))),
            &mut scratch,
        ))
        .into_owned()
    }

    #[test]
    fn a_plain_get_has_host_and_agent_only() {
        let got = text(|load| load.path = "/ok?q=1".to_owned());
        assert!(got.starts_with("GET /ok?q=1 "), "{got}");
        assert!(got.ends_with(" HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nUser-Agent: t\r\n\r\n"), "{got}");
    }

    #[test]
    fn each_mark_gets_its_own_uuid_and_the_length_follows() {
        let got = text(|load| load.body = b"<{uuid}>".to_vec());
        assert!(!got.contains("{uuid}"), "{got}");
        assert!(got.starts_with("POST /a/"), "{got}");
        assert!(got.contains("Content-Length: 38\r\nContent-Type: application/octet-stream\r\n"), "{got}");
        let body = got.split("\r\n\r\n").nth(1).unwrap();
        assert_eq!(body.len(), 38);
    }

    #[test]
    fn ids_stand_in_their_header_wherever_marks_move_it() {
        let ids = TraceIds::draw(&mut Random::new(2, 2));
        let want = format!("traceparent: 00-{}-{}-01", ids.trace_id(), ids.span_id());
        for path in ["/ok", "/{uuid}/{uuid}"] {
            let got = text(|load| {
                load.path = path.to_owned();
                load.trace_context = Some(1);
                load.headers.push(("A".to_owned(), "{uuid}".to_owned()));
            });
            let lines: Vec<&str> = got.split("\r\n").filter(|line| line.starts_with("trace")).collect();
            assert_eq!(lines, [want.as_str()], "{got}");
        }
    }

    #[test]
    fn a_request_that_is_sent_again_gets_the_new_ids_alone() {
        let mut load = LoadPlan::to("http://h/").unwrap();
        load.trace_context = Some(1);
        let (request, mut scratch, mut random) = (Request::of(&load), Vec::new(), Random::new(3, 3));
        let mut next = || {
            let ids = TraceIds::draw(&mut random);
            let bytes = request.bytes(&mut Random::new(1, 1), Some(ids), &mut scratch);
            (ids.trace_id(), String::from_utf8_lossy(bytes).into_owned())
        };
        let ((first, one), (second, two)) = (next(), next());
        assert!(one.contains(&first) && !one.contains(&second), "{one}");
        assert!(two.contains(&second) && !two.contains(&first) && two.len() == one.len(), "{two}");
    }

    #[test]
    fn the_path_is_sent_as_it_was_typed() {
        let rows = [
            ("http://h/a/../b", "/a/../b"),
            ("http://h/%2e/%2E?x=%zz", "/%2e/%2E?x=%zz"),
            ("http://h/a\\b?c\\d", "/a\\b?c\\d"),
            ("http://h/?q='it''s'&r=\"x\"<y>", "/?q='it''s'&r=\"x\"<y>"),
            ("http://h/a b?c d", "/a%20b?c%20d"),
            ("http://h/\u{fc}?\u{fc}", "/%C3%BC?%C3%BC"),
            ("http://h?q#part", "/?q"),
            ("http://h", "/"),
            ("http://h/#part", "/"),
            ("http://u:p@h:80//a//b/", "//a//b/"),
            ("http://h\\a", "/a"),
            ("HTTP://h/./x/{uuid}", "/./x/{uuid}"),
        ];
        for (url, path) in rows {
            assert_eq!(LoadPlan::to(url).unwrap().path, path, "{url}");
        }
    }

    #[test]
    fn no_header_is_sent_twice() {
        let got = text(|load| {
            load.user = Some(("alice".to_owned(), "s3cret".to_owned()));
            load.keep_alive = false;
            load.headers = ["authorization: Bearer x", "Connection: Close", "content-length: 3"]
                .map(|line| line.split_once(": ").map(|(name, value)| (name.to_owned(), value.to_owned())).unwrap())
                .to_vec();
            load.body = b"abc".to_vec();
        });
        for name in ["authorization", "connection", "content-length"] {
            assert_eq!(got.to_ascii_lowercase().matches(&format!("\r\n{name}:")).count(), 1, "{name}: {got}");
        }
        assert!(got.contains("Bearer x") && !got.contains("Basic"), "{got}");
    }

    #[test]
    fn headers_replace_defaults_and_an_empty_agent_removes_it() {
        let got = text(|load| {
            load.headers = vec![
                ("host".to_owned(), "other".to_owned()),
                ("user-agent".to_owned(), String::new()),
                ("B".to_owned(), "2".to_owned()),
                ("a".to_owned(), "1".to_owned()),
            ];
            load.keep_alive = false;
            load.user = Some(("alice".to_owned(), "s3cret".to_owned()));
        });
        let lines: Vec<&str> = got.split("\r\n").skip(1).collect();
        assert_eq!(
            lines,
            ["Host: other", "Connection: close", "a: 1", "Authorization: Basic YWxpY2U6czNjcmV0", "B: 2", "", ""]
        );
    }
}
