//! Reading one request, within bounds, and refusing what may come from a web page.

use std::io::{ErrorKind, Read};

use super::origin::{Named, is_of_a_page, named};

/// The longest head that is read; ours are a few hundred bytes.
const HEAD: usize = 8 * 1024;
/// The longest body; a list of a few hundred sites.
const BODY: usize = 64 * 1024;
/// The most headers.
const HEADERS: usize = 64;

/// A request, as far as the routes need it.
#[derive(Default)]
#[cfg_attr(any(test, feature = "fuzz"), derive(Debug))]
pub(super) struct Request {
    pub(super) method: String,
    /// The path without its slash and its query, decoded.
    pub(super) path: String,
    pub(super) owner: Option<String>,
    pub(super) lease: Option<String>,
    pub(super) authorization: Option<String>,
    /// The body holds named fields.
    pub(super) is_form: bool,
    pub(super) body: String,
}

/// An answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Response {
    pub(super) status: u16,
    pub(super) body: String,
}

impl Response {
    pub(super) fn new(status: u16, body: impl Into<String>) -> Self {
        Self { status, body: body.into() }
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        let reason = match self.status {
            200 => "OK",
            204 => "No Content",
            400 => "Bad Request",
            401 => "Unauthorized",
            403 => "Forbidden",
            404 => "Not Found",
            405 => "Method Not Allowed",
            408 => "Request Timeout",
            409 => "Conflict",
            413 => "Content Too Large",
            431 => "Request Header Fields Too Large",
            503 => "Service Unavailable",
            _ => "Internal Server Error",
        };
        let mut text = format!("HTTP/1.1 {} {reason}\r\nconnection: close\r\n", self.status);
        text += match self.status {
            401 => "www-authenticate: Bearer\r\n",
            405 => "allow: DELETE, GET, PUT\r\n",
            503 => "retry-after: 1\r\n",
            _ => "",
        };
        if self.status != 204 {
            text += "content-type: text/plain; charset=utf-8\r\ncontent-length: ";
            text += &self.body.len().to_string();
            text += "\r\n";
        }
        text += "x-content-type-options: nosniff\r\n\r\n";
        if self.status != 204 {
            text += &self.body;
        }
        text.into_bytes()
    }
}

/// Reads a request; what is wrong with it is an answer already.
pub(super) fn read(stream: &mut impl Read) -> Result<Request, Response> {
    let mut bytes = Vec::new();
    loop {
        if let Some((mut request, head, length)) = parse_head(&bytes)? {
            while bytes.len() < head + length {
                more(stream, &mut bytes)?;
            }
            let body = bytes[head..head + length].to_vec();
            request.body = String::from_utf8(body).map_err(|_| Response::new(400, "the body is not UTF-8\n"))?;
            return Ok(request);
        }
        if bytes.len() >= HEAD {
            return Err(Response::new(431, "the head is longer than 8 KiB\n"));
        }
        more(stream, &mut bytes)?;
    }
}

fn more(stream: &mut impl Read, bytes: &mut Vec<u8>) -> Result<(), Response> {
    let mut part = [0; 1024];
    match stream.read(&mut part) {
        Ok(0) => Err(Response::new(400, "the request ends in the middle\n")),
        Ok(length) => {
            bytes.extend_from_slice(&part[..length]);
            Ok(())
        }
        Err(error) if error.kind() == ErrorKind::Interrupted => Ok(()),
        Err(_) => Err(Response::new(408, "the request took longer than 5 s\n")),
    }
}

/// Reads the head once it is complete: the request, the head's length and the body's.
fn parse_head(bytes: &[u8]) -> Result<Option<(Request, usize, usize)>, Response> {
    let wrong = |problem: &str| Response::new(400, format!("{problem}\n"));
    let mut headers = [httparse::EMPTY_HEADER; HEADERS];
    let mut parsed = httparse::Request::new(&mut headers);
    let head = match parsed.parse(bytes) {
        Ok(httparse::Status::Complete(head)) => head,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(httparse::Error::TooManyHeaders) => return Err(Response::new(431, "more than 64 headers\n")),
        Err(error) => return Err(wrong(&format!("malformed request: {error}"))),
    };
    // httparse takes a bare line feed as the end of a line, which a proxy in front may not.
    if bytes[..head].iter().enumerate().any(|(at, byte)| *byte == b'\n' && (at == 0 || bytes[at - 1] != b'\r')) {
        return Err(wrong("malformed request: a line feed without a carriage return"));
    }
    let mut request = Request {
        method: parsed.method.unwrap_or_default().to_owned(),
        path: path(parsed.path.unwrap_or_default()).ok_or_else(|| wrong("malformed request URI"))?,
        ..Request::default()
    };
    let mut seen = Vec::new();
    let (mut host, mut length) = (None, None);
    for header in parsed.headers.iter() {
        let value = std::str::from_utf8(header.value).map_err(|_| wrong("a header is not UTF-8"))?.trim();
        let name = header.name.to_ascii_lowercase();
        if is_of_a_page(&name, value) {
            return Err(Response::new(403, "requests of web pages are refused\n"));
        }
        match name.as_str() {
            "host" => host = Some(value),
            "content-length" => length = Some(value),
            "failpoint-owner" => request.owner = Some(value.to_owned()),
            "failpoint-lease" => request.lease = Some(value.to_owned()),
            "authorization" => request.authorization = Some(value.to_owned()),
            "content-type" => {
                let kind = value.split(';').next().unwrap_or_default().trim();
                request.is_form = kind.eq_ignore_ascii_case("application/x-www-form-urlencoded");
            }
            "transfer-encoding" => return Err(wrong("send the body with a content-length")),
            _ => continue,
        }
        if seen.contains(&name) {
            return Err(wrong(&format!("more than one `{name}`")));
        }
        seen.push(name);
    }
    match host.map(named) {
        Some(Named::Loopback) => {}
        Some(Named::Another) => {
            return Err(Response::new(403, "the `Host` is not loopback: use localhost, 127.0.0.1 or [::1]\n"));
        }
        Some(Named::Malformed) | None => return Err(wrong("the `Host` must be there once, as a host and a port")),
    }
    let length = match length {
        None => 0,
        // `parse` alone takes a sign.
        Some(digits) if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            digits.parse().unwrap_or(usize::MAX)
        }
        Some(_) => return Err(wrong("the content-length is not a number")),
    };
    if length > BODY {
        return Err(Response::new(413, "the body is longer than 64 KiB\n"));
    }
    Ok(Some((request, head, length)))
}

/// Returns the decoded path without the slash before it and without the query.
fn path(target: &str) -> Option<String> {
    let path = target.strip_prefix('/')?;
    decode(path.split('?').next().unwrap_or_default()).filter(|path| !path.contains(char::is_control))
}

/// Undoes percent encoding.
pub(super) fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        rest = after;
        if first != b'%' {
            bytes.push(first);
            continue;
        }
        let digits = std::str::from_utf8(rest.get(..2)?).ok()?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        rest = &rest[2..];
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<Request, Response> {
        read(&mut text.as_bytes())
    }

    #[test]
    fn a_host_that_is_not_loopback_is_refused() {
        for host in ["localhost", "LOCALHOST:80", "127.0.0.1:22381", "127.9.9.9", "[::1]", "[::1]:80"] {
            let request = parsed(&format!("GET / HTTP/1.1\r\nhost: {host}\r\n\r\n"));
            assert!(request.is_ok(), "{host}: {request:?}");
        }
        for (status, head) in [
            (403, "host: example.com\r\n"),
            (403, "host: 127.0.0.1.example.com\r\n"),
            (400, "host: localhost:80@evil\r\n"),
            (400, "host: \r\n"),
            (400, "host: localhost\r\nhost: localhost\r\n"),
            (400, "host: localhost\r\nHost: example.com\r\n"),
            (400, ""),
            (403, "host: localhost\r\norigin: http://localhost\r\n"),
            (403, "host: localhost\r\norigin: null\r\n"),
            (403, "host: localhost\r\nsec-fetch-site: cross-site\r\n"),
            (403, "host: localhost\r\nsec-fetch-site: same-origin\r\n"),
            (403, "host: localhost\r\nReferer: http://localhost/\r\n"),
        ] {
            let refusal = parsed(&format!("GET / HTTP/1.1\r\n{head}\r\n")).unwrap_err();
            assert_eq!(refusal.status, status, "{head:?}");
        }
        assert!(parsed("GET / HTTP/1.1\r\nhost: localhost\r\nsec-fetch-site: none\r\n\r\n").is_ok());
    }

    #[test]
    fn what_is_malformed_or_too_long_is_an_answer() {
        let long = format!("GET / HTTP/1.1\r\nhost: localhost\r\nx: {}\r\n", "y".repeat(HEAD));
        let many = format!("GET / HTTP/1.1\r\nhost: localhost\r\n{}\r\n", "x: y\r\n".repeat(HEADERS));
        for (text, status) in [
            ("", 400),
            ("GET / HTTP/1.1\r\nhost: loc", 400),
            ("nonsense\r\n\r\n", 400),
            ("GET x HTTP/1.1\r\nhost: localhost\r\n\r\n", 400),
            ("GET /%zz HTTP/1.1\r\nhost: localhost\r\n\r\n", 400),
            ("PUT /a HTTP/1.1\r\nhost: localhost\r\ncontent-length: 5\r\n\r\nabc", 400),
            ("PUT /a HTTP/1.1\r\nhost: localhost\r\ncontent-length: -5\r\n\r\nabc", 400),
            ("PUT /a HTTP/1.1\r\nhost: localhost\r\ncontent-length: 3\r\ncontent-length: 3\r\n\r\nabc", 400),
            ("PUT /a HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", 400),
            ("PUT /a HTTP/1.1\r\nhost: localhost\r\ncontent-length: 99999999\r\n\r\n", 413),
            ("PUT /a HTTP/1.1\r\nhost: localhost\r\ncontent-length: +3\r\n\r\nabc", 400),
            ("PUT /a HTTP/1.1\r\nhost: localhost\r\ncontent-length: 3, 3\r\n\r\nabc", 400),
            ("PUT /a HTTP/1.1\r\nhost: localhost\r\ncontent-length:\r\n\r\nabc", 400),
            ("PUT /a HTTP/1.1\r\nhost: localhost\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\nabc", 400),
            ("PUT /a HTTP/1.1\r\nhost: localhost\r\ncontent-length : 3\r\n\r\nabc", 400),
            ("GET / HTTP/1.1\r\nhost: localhost\r\nx: a\r\n b\r\n\r\n", 400),
            ("GET / HTTP/1.1\nhost: localhost\n\n", 400),
            ("GET / HTTP/1.1\r\nhost: localhost\nx: y\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nhost: localhost\r\nx: a\rb\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nhost: localhost\r\nx: a\0b\r\n\r\n", 400),
            ("GET http://localhost/ HTTP/1.1\r\nhost: localhost\r\n\r\n", 400),
            ("CONNECT localhost:80 HTTP/1.1\r\nhost: localhost\r\n\r\n", 400),
            ("GET /a%00b HTTP/1.1\r\nhost: localhost\r\n\r\n", 400),
            ("GET /a%1b[31m HTTP/1.1\r\nhost: localhost\r\n\r\n", 400),
            ("PUT /a HTTP/1.1\r\nhost: localhost\r\nfailpoint-owner: a\r\nfailpoint-owner: b\r\n\r\n", 400),
            ("PUT /a HTTP/1.1\r\nhost: localhost\r\ncontent-length: 99999999999999999999999\r\n\r\n", 413),
            (&long, 431),
            (&many, 431),
        ] {
            let refusal = parsed(text).unwrap_err();
            assert_eq!(refusal.status, status, "{:?}: {refusal:?}", &text[..text.len().min(60)]);
        }
    }

    #[test]
    fn names_are_decoded_and_queries_dropped() {
        let request = parsed("GET /a%2Fb%20c?x=1 HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
        assert_eq!(request.path, "a/b c");
    }

    /// Sticks pieces of requests together at random, and cuts the result anywhere.
    fn rubbish(seed: u64) -> Vec<u8> {
        const PIECES: [&str; 14] = [
            "PUT ",
            "GET ",
            "/a.b/count",
            "/%4",
            "/%zz",
            " HTTP/1.1\r\n",
            "\r\n",
            "\r\n\r\n",
            "host: localhost\r\n",
            "content-length: 3\r\n",
            "content-length: 99999999999999999999\r\n",
            "host: [\r\n",
            "é\0",
            "abc",
        ];
        let mut state = seed;
        let mut roll = |below: usize| {
            state = crate::seed::mix(state);
            usize::try_from(state % below as u64).unwrap()
        };
        let mut bytes: Vec<u8> = (0..roll(12)).flat_map(|_| PIECES[roll(PIECES.len())].bytes()).collect();
        bytes.truncate(roll(bytes.len() + 1));
        bytes
    }

    #[test]
    fn twenty_thousand_odd_requests_are_read_or_refused() {
        let (mut read_well, mut refused) = (0, 0);
        for seed in 0..20_000 {
            let mut bytes = rubbish(seed);
            if seed % 4 == 0 {
                bytes.splice(0..0, *b"GET / HTTP/1.1\r\nhost: localhost\r\n");
            }
            match read(&mut bytes.as_slice()) {
                Ok(_) => read_well += 1,
                Err(refusal) => {
                    assert!((400..=431).contains(&refusal.status), "{seed}: {refusal:?}");
                    refused += 1;
                }
            }
        }
        assert!(read_well > 100 && refused > 100, "{read_well} read, {refused} refused");
    }
}
