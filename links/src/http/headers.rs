//! Headers that belong to a connection, not to a message.

use std::fmt::Write;

use hyper::header::{
    CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, TE, TRANSFER_ENCODING, UPGRADE,
};

/// Those that are about one connection, beside those that `Connection` names (RFC 9110, 7.6.1).
const OF_CONNECTION: [&str; 3] = ["keep-alive", "proxy-connection", "http2-settings"];

/// What a message says of its connection.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct OfConnection {
    /// It is the last one.
    pub(super) closes: bool,
    /// It asks for, or agrees to, another protocol.
    pub(super) upgrade: Option<HeaderValue>,
}

/// Takes what is about the connection out of the headers. The upgrade to HTTP/2 is left out, so that it is not asked for:
/// clients go on with HTTP/1.1.
pub(super) fn take_of_connection(headers: &mut HeaderMap) -> OfConnection {
    let named: Vec<String> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|name| name.trim().to_ascii_lowercase())
        .filter(|name| !name.is_empty())
        .collect();
    let is_named = |name: &str| named.iter().any(|other| other == name);
    let upgrade = headers.get(UPGRADE).filter(|_| is_named("upgrade")).cloned();
    let upgrade = upgrade.filter(|value| !value.as_bytes().to_ascii_lowercase().starts_with(b"h2c"));
    let wants_trailers = headers.get_all(TE).iter().any(|value| has_token(value, "trailers"));
    let closes = is_named("close");
    headers.remove(CONNECTION);
    headers.remove(UPGRADE);
    for name in named.iter().map(String::as_str).chain(OF_CONNECTION) {
        // The library has read the framing, and frames the message anew by the same headers.
        if name != CONTENT_LENGTH.as_str() && name != TRANSFER_ENCODING.as_str() {
            headers.remove(name);
        }
    }
    if wants_trailers {
        headers.insert(TE, HeaderValue::from_static("trailers"));
    } else {
        headers.remove(TE);
    }
    OfConnection { closes, upgrade }
}

/// Says it again for the other side's connection.
pub(super) fn put_of_connection(headers: &mut HeaderMap, of: &OfConnection) {
    let mut names = Vec::new();
    if of.closes {
        names.push("close");
    }
    if let Some(upgrade) = &of.upgrade {
        headers.insert(UPGRADE, upgrade.clone());
        names.push("Upgrade");
    }
    if headers.contains_key(TE) {
        names.push("TE");
    }
    if let Ok(value) = HeaderValue::try_from(names.join(", "))
        && !names.is_empty()
    {
        headers.insert(CONNECTION, value);
    }
}

/// Whether a list has a name in it.
pub(super) fn has_token(value: &HeaderValue, token: &str) -> bool {
    let names = value.to_str().unwrap_or_default().split(',');
    names.map(|name| name.split(';').next().unwrap_or_default().trim()).any(|name| name.eq_ignore_ascii_case(token))
}

/// Whether the body is a stream of server-sent events.
pub(super) fn is_event_stream(headers: &HeaderMap) -> bool {
    has_type(headers, "text/event-stream")
}

/// Whether the body has a type, or one that begins like that.
pub(super) fn has_type(headers: &HeaderMap, start: &str) -> bool {
    let value = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    value.get(..start.len()).is_some_and(|prefix| prefix.eq_ignore_ascii_case(start.as_bytes()))
}

/// Whether the body is packed.
pub(super) fn is_encoded(headers: &HeaderMap) -> bool {
    headers.get_all("content-encoding").iter().any(|value| !value.as_bytes().eq_ignore_ascii_case(b"identity"))
}

/// The length that the headers tell.
pub(super) fn length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.trim().parse().ok()
}

/// A message of gRPC in a header: percent-encoded but for visible ASCII (gRPC over HTTP2, `Status-Message`).
pub(super) fn grpc_message(message: &str) -> HeaderValue {
    let mut text = String::with_capacity(message.len());
    for byte in message.bytes() {
        if (b' '..=b'~').contains(&byte) && byte != b'%' {
            text.push(char::from(byte));
        } else {
            // A text takes all that is written to it.
            let _ = write!(text, "%{byte:02X}");
        }
    }
    HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static(""))
}

/// Sets a header that came from a rule, whose names and values are checked already.
pub(super) fn set(headers: &mut HeaderMap, name: &str, value: &str) {
    if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
        headers.insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        let line = |(name, value): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        lines.iter().map(line).collect()
    }

    #[test]
    fn headers_of_a_connection_stay_on_it() {
        let mut headers = map(&[
            ("host", "a"),
            ("connection", "keep-alive, X-Mine"),
            ("keep-alive", "timeout=5"),
            ("x-mine", "1"),
            ("x-other", "2"),
            ("transfer-encoding", "chunked"),
        ]);
        assert_eq!(take_of_connection(&mut headers), OfConnection::default());
        assert_eq!(headers, map(&[("host", "a"), ("x-other", "2"), ("transfer-encoding", "chunked")]));
    }

    #[test]
    fn an_upgrade_and_the_end_are_said_again_and_http_2_is_not() {
        let mut headers = map(&[("connection", "Upgrade, close"), ("upgrade", "websocket")]);
        let of = take_of_connection(&mut headers);
        assert!(headers.is_empty());
        put_of_connection(&mut headers, &of);
        assert_eq!(headers, map(&[("upgrade", "websocket"), ("connection", "close, Upgrade")]));
        let mut headers =
            map(&[("connection", "Upgrade, HTTP2-Settings"), ("upgrade", "h2c"), ("http2-settings", "x")]);
        assert_eq!((take_of_connection(&mut headers), headers.len()), (OfConnection::default(), 0));
        let mut headers = map(&[("connection", "TE"), ("te", "trailers, deflate;q=0.5")]);
        let of = take_of_connection(&mut headers);
        put_of_connection(&mut headers, &of);
        assert_eq!(headers, map(&[("te", "trailers"), ("connection", "TE")]));
    }

    #[test]
    fn a_message_of_grpc_is_one_line_of_ascii() {
        assert_eq!(grpc_message("no 100 % ä\n"), "no 100 %25 %C3%A4%0A");
    }
}
