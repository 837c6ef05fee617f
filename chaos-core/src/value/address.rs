//! Where to connect, as authors write it: `host:port`, and `http` or `https` URLs.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ip_pattern::{IPV4, ipv6};
use crate::HostPort;

/// A host and a port as text: `127.0.0.1:5432`, `[::1]:80`, `db.example:5432`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Address(HostPort);

/// Text that is not an address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid address `{0}`: expected a host and a port, such as `127.0.0.1:5432` or `[::1]:80`")]
pub struct AddressError(String);

/// An `http://` or `https://` URL without user, password and fragment.
///
/// The host is a name whose last part begins with a letter, an IPv4 address in four decimal parts, or an IPv6 address
/// in brackets: what every URL parser reads alike (`http://2130706433/` is an address to some and a name to others).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct HttpUrl {
    text: String,
    host: HostPort,
    tls: bool,
}

/// Text that is not a URL to connect to; the text itself is left out, since it may hold a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid URL: expected `http://host:port/path`, without user, password, fragment or spaces")]
pub struct HttpUrlError;

/// A name whose last part begins with a letter; `is_name` accepts exactly the same.
const NAME: &str = r"([A-Za-z0-9_-]+\.)*[A-Za-z_][A-Za-z0-9_-]*\.?";
/// A port from 1 to 65535; `port` accepts exactly the same.
const PORT: &str = "([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])";
/// Path and query: printable ASCII without `"`, `#`, `<`, `>` and `\`; `is_path` accepts exactly the same.
const PATH: &str = r"([/?][!$-;=?-\[\]-~]*)?";

impl Address {
    /// The host and the port.
    pub fn host(&self) -> &HostPort {
        &self.0
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let split = text.rsplit_once(':').filter(|(host, _)| is_host(host));
        let found = split.and_then(|(host, digits)| Some(HostPort::new(host, port(digits)?)));
        found.map(Self).ok_or_else(|| AddressError(text.to_owned()))
    }
}

impl TryFrom<String> for Address {
    type Error = AddressError;

    fn try_from(text: String) -> Result<Self, AddressError> {
        text.parse()
    }
}

impl From<Address> for String {
    fn from(address: Address) -> Self {
        address.to_string()
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl JsonSchema for Address {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Address".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "pattern": format!("^{}:{PORT}$", host()),
            "patternErrorMessage": "expected a host and a port, such as 127.0.0.1:5432 or [::1]:80",
            "examples": ["127.0.0.1:5432"]
        })
    }
}

impl HttpUrl {
    /// The URL as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The host and the port, which is 80 or 443 where the URL names none.
    pub fn host(&self) -> &HostPort {
        &self.host
    }

    /// Whether it is an `https` URL.
    pub fn is_tls(&self) -> bool {
        self.tls
    }
}

impl FromStr for HttpUrl {
    type Err = HttpUrlError;

    fn from_str(text: &str) -> Result<Self, HttpUrlError> {
        let (tls, rest) = match (text.strip_prefix("http://"), text.strip_prefix("https://")) {
            (Some(rest), _) => (false, rest),
            (_, Some(rest)) => (true, rest),
            _ => return Err(HttpUrlError),
        };
        let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        // The colons inside brackets belong to the host.
        let colon = authority.rfind(':').filter(|at| !authority[*at..].contains(']'));
        let (name, port) = match colon {
            Some(at) => (&authority[..at], port(&authority[at + 1..]).ok_or(HttpUrlError)?),
            None => (authority, if tls { 443 } else { 80 }),
        };
        if !is_host(name) || !is_path(path) {
            return Err(HttpUrlError);
        }
        Ok(Self { text: text.to_owned(), host: HostPort::new(name, port), tls })
    }
}

impl TryFrom<String> for HttpUrl {
    type Error = HttpUrlError;

    fn try_from(text: String) -> Result<Self, HttpUrlError> {
        text.parse()
    }
}

impl From<HttpUrl> for String {
    fn from(url: HttpUrl) -> Self {
        url.text
    }
}

impl fmt::Display for HttpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl JsonSchema for HttpUrl {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "HttpUrl".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "pattern": format!("^https?://{}(:{PORT})?{PATH}$", host()),
            "patternErrorMessage": "expected http://host:port/path, without user, password, fragment or spaces",
            "examples": ["http://127.0.0.1:8080/healthz"]
        })
    }
}

fn port(digits: &str) -> Option<u16> {
    let plain = digits.bytes().all(|b| b.is_ascii_digit()) && !digits.starts_with('0');
    digits.parse().ok().filter(|_| plain)
}

/// The pattern of a host; `is_host` accepts exactly the same.
fn host() -> String {
    format!(r"({NAME}|{IPV4}|\[{}\])", ipv6())
}

fn is_host(text: &str) -> bool {
    if let Some(inside) = text.strip_prefix('[').and_then(|t| t.strip_suffix(']')) {
        return inside.parse::<Ipv6Addr>().is_ok();
    }
    text.parse::<Ipv4Addr>().is_ok() || is_name(text.strip_suffix('.').unwrap_or(text))
}

fn is_name(text: &str) -> bool {
    let plain =
        |label: &str| !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
    let last = text.rsplit('.').next().unwrap_or_default();
    text.split('.').all(plain) && last.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
}

fn is_path(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'"' | b'#' | b'<' | b'>' | b'\\'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_written_again() {
        for text in ["127.0.0.1:5432", "[::1]:80", "db.example:65535", "a-b_c.svc.cluster.local:1"] {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn other_addresses_are_refused_with_what_would_be_right() {
        let rows = [
            "",
            ":80",
            "host",
            "host:",
            "host:0",
            "host:65536",
            "host:08",
            "a b:1",
            "::1:80",
            "u@h:1",
            "1.2.3:4",
            "[1:2]:80",
            "[]:80",
            "[::1]",
            "[fe80::1%eth0]:1",
            "256.0.0.1:1",
        ];
        for text in rows {
            let error = text.parse::<Address>().unwrap_err();
            assert!(error.to_string().ends_with("such as `127.0.0.1:5432` or `[::1]:80`"), "{text}");
        }
    }

    #[test]
    fn a_url_gives_its_host_its_port_and_its_scheme() {
        let rows = [
            ("http://localhost", "localhost:80", false),
            ("https://Shop.Example./a?b=c", "shop.example:443", true),
            ("http://127.0.0.1:8080/{uuid}", "127.0.0.1:8080", false),
            ("http://[::1]/", "[::1]:80", false),
            ("http://[::1]:81?q", "[::1]:81", false),
            ("http://[2001:DB8::7]/", "[2001:db8::7]:80", false),
            ("http://[::ffff:127.0.0.1]:8080/", "[::ffff:127.0.0.1]:8080", false),
        ];
        for (text, host, tls) in rows {
            let url: HttpUrl = text.parse().unwrap();
            assert_eq!((url.host().to_string().as_str(), url.is_tls(), url.as_str()), (host, tls, text));
        }
    }

    #[test]
    fn the_host_of_every_url_can_be_allowed_by_its_own_flag() {
        let hosts = ["localhost", "a_b.C-d.", "127.0.0.1", "[::1]", "[2001:db8::7]", "[::ffff:10.0.0.1]", "_srv.x"];
        for host in hosts {
            let url: HttpUrl = format!("http://{host}/").parse().unwrap();
            url.host().host.parse::<crate::HostPattern>().unwrap();
        }
    }

    #[test]
    fn what_url_parsers_read_differently_is_refused() {
        let rows = [
            "",
            "localhost",
            "ftp://h/",
            "HTTP://h/",
            "http://",
            "http:///p",
            "http://u:p@h/",
            "http://h:/",
            "http://h:0/",
            "http://2130706433/",
            "http://0x7f.1/",
            "http://127.1/",
            "http://010.0.0.1/",
            "http://h\\@evil/",
            "http://h/ x",
            "http://h/#f",
            "http://h/\u{fc}",
            "http://\u{fc}/",
            "http://a..b/",
            "http://[]/",
            "http://[::1]80/",
            "http://[1:2]:80/",
            "http://[1:2:3:4:5:6:7:8:9]/",
            "http://[1::2::3]/",
            "http://[:::1]/",
            "http://[12345::]/",
            "http://[::1%lo]/",
            "http://[::256.0.0.1]/",
            "http://[127.0.0.1]/",
            "http://[.]/",
            "http://h/\n",
        ];
        for text in rows {
            assert_eq!(text.parse::<HttpUrl>(), Err(HttpUrlError), "{text}");
        }
    }
}
