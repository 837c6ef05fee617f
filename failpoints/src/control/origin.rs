//! Who may ask: this machine's own programs, not a web page in a browser on it.

use std::net::{IpAddr, Ipv6Addr};

/// Whom a `Host` names.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub(super) enum Named {
    Loopback,
    /// Another machine, or a name that may resolve to anything.
    Another,
    /// Not a host and a port.
    Malformed,
}

/// Reads a `Host` as RFC 9110 has it: a name, an IPv4 address or an IPv6 address in brackets, then perhaps a port.
pub(super) fn named(host: &str) -> Named {
    let (name, port) = if let Some(rest) = host.strip_prefix('[') {
        let Some((address, port)) = rest.split_once(']') else {
            return Named::Malformed;
        };
        (Err(address), port)
    } else {
        let (name, port) = host.split_at(host.find(':').unwrap_or(host.len()));
        (Ok(name), port)
    };
    if !(port.is_empty() || port.strip_prefix(':').is_some_and(is_port)) {
        return Named::Malformed;
    }
    let loopback = match name {
        Err(address) => match address.parse::<Ipv6Addr>() {
            Ok(address) => address.is_loopback(),
            Err(_) => return Named::Malformed,
        },
        Ok(name) => {
            let name = name.strip_suffix('.').unwrap_or(name);
            let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
            if name.is_empty() || name.len() > 253 || !name.bytes().all(is_name) {
                return Named::Malformed;
            }
            name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
        }
    };
    if loopback { Named::Loopback } else { Named::Another }
}

fn is_port(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<u16>().is_ok()
}

/// Says whether a header shows that a web page has sent the request. A page that asks its own server has no business
/// here either, as none is served.
pub(super) fn is_of_a_page(header: &str, value: &str) -> bool {
    match header {
        "origin" | "referer" => true,
        // What a person typed into the address line says `none`.
        "sec-fetch-site" => value != "none",
        _ => false,
    }
}

/// Compares a token in a time that does not depend on where the two differ.
pub(super) fn is_token(authorization: Option<&str>, token: &str) -> bool {
    let Some((scheme, given)) = authorization.and_then(|text| text.split_once(' ')) else {
        return false;
    };
    let (given, token) = (given.trim().as_bytes(), token.as_bytes());
    let mut differs = given.len() ^ token.len();
    for (at, byte) in given.iter().enumerate() {
        differs |= usize::from(byte ^ token[at % token.len().max(1)]);
    }
    scheme.eq_ignore_ascii_case("bearer") && std::hint::black_box(differs) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_parsed() {
        for host in [
            "localhost",
            "LOCALHOST:80",
            "localhost.",
            "localhost.:22381",
            "127.0.0.1:22381",
            "127.9.9.9",
            "[::1]",
            "[::1]:80",
            "[0:0:0:0:0:0:0:1]",
        ] {
            assert_eq!(named(host), Named::Loopback, "{host}");
        }
        for host in [
            "example.com",
            "127.0.0.1.example.com",
            "localhost.evil.com:80",
            "localhost-evil",
            "0.0.0.0",
            "10.0.0.1",
            "[::]",
            "[::2]",
            "2130706433",
            "127.1",
            "[::ffff:10.0.0.1]",
            "xlocalhost",
        ] {
            assert_eq!(named(host), Named::Another, "{host}");
        }
        for host in [
            "",
            ":80",
            ".",
            "localhost:80@evil",
            "localhost:",
            "user@localhost",
            "localhost:80:80",
            "[::1",
            "::1",
            "[::1]evil",
            "[::1].evil.com",
            "[::1]:99999",
            "[::1%25lo]",
            "[127.0.0.1]",
            "localhost:+80",
            "localhost/x",
            "localhost evil",
            "localhost,evil",
            "localhost:80\t1",
            "lôcalhost",
            "[localhost]",
        ] {
            assert_eq!(named(host), Named::Malformed, "{host}");
        }
    }

    #[test]
    fn a_token_is_compared_whole() {
        for right in ["Bearer secret", "bearer secret", "BEARER  secret"] {
            assert!(is_token(Some(right), "secret"), "{right}");
        }
        for wrong in ["Bearer secre", "Bearer secretsecret", "Bearer ", "Bearer", "Basic secret", "secret", ""] {
            assert!(!is_token(Some(wrong), "secret"), "{wrong}");
        }
        assert!(!is_token(None, "secret"));
    }
}
