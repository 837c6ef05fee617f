//! Patterns of hosts.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::{IpNet, Ipv4Net};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::host_port::HostPort;
use crate::value::ip_pattern::{IPV4, ipv6};

/// Hosts that are allowed: an exact name, an address, a network (`10.0.0.0/8`), or `*.` and a name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum HostPattern {
    /// Exactly this name, at whatever addresses it has when first looked up.
    Name(String),
    /// Every name that ends in a dot and this one.
    Under(String),
    /// Every address of this network.
    Network(IpNet),
}

/// A text that is not a host pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid host pattern `{0}`: expected a name, an address, a network such as `10.0.0.0/8`, or `*.` and a name")]
pub struct HostPatternError(String);

impl FromStr for HostPattern {
    type Err = HostPatternError;

    fn from_str(text: &str) -> Result<Self, HostPatternError> {
        let wrong = || HostPatternError(text.to_owned());
        if let Ok(ip) = text.parse::<IpAddr>() {
            return Ok(Self::Network(canonical(ip.into())));
        }
        if text.contains('/') {
            return text.parse().map(|net| Self::Network(canonical(net))).map_err(|_| wrong());
        }
        let (under, name) = match text.strip_prefix("*.") {
            Some(name) => (true, name),
            None => (false, text),
        };
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if name.is_empty() || !name.chars().all(plain) || name.starts_with('.') {
            return Err(wrong());
        }
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        // A dot behind an address makes no name of it: resolvers take it for the address.
        if let (false, Ok(ip)) = (under, name.parse::<IpAddr>()) {
            return Ok(Self::Network(canonical(ip.into())));
        }
        Ok(if under { Self::Under(name) } else { Self::Name(name) })
    }
}

/// A network of IPv4-mapped IPv6 addresses (`::ffff:10.0.0.0/104`) is the IPv4 network.
fn canonical(net: IpNet) -> IpNet {
    const MAPPED: u8 = 96;
    match (net.addr().to_canonical(), net.prefix_len().checked_sub(MAPPED)) {
        (IpAddr::V4(ip), Some(bits)) if net.addr().is_ipv6() => Ipv4Net::new(ip, bits).map_or(net, IpNet::V4),
        _ => net,
    }
}

impl TryFrom<String> for HostPattern {
    type Error = HostPatternError;

    fn try_from(text: String) -> Result<Self, HostPatternError> {
        text.parse()
    }
}

impl From<HostPattern> for String {
    fn from(pattern: HostPattern) -> Self {
        pattern.to_string()
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Under(name) => write!(f, "*.{name}"),
            Self::Network(net) if net.prefix_len() == net.max_prefix_len() => write!(f, "{}", net.addr()),
            Self::Network(net) => write!(f, "{net}"),
        }
    }
}

impl JsonSchema for HostPattern {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "HostPattern".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "description": "An exact name, an address, a network such as `10.0.0.0/8`, or `*.` and a name.",
            "pattern": format!("^({NAME_PATTERN}|{IPV4}/(3[0-2]|[12]?[0-9])|{}(/(12[0-8]|1[01][0-9]|[1-9]?[0-9]))?)$", ipv6()),
            "patternErrorMessage": "expected a name, an address, a network such as 10.0.0.0/8, or `*.` and a name"
        })
    }
}

/// A name, with `*.` before it or without; an IPv4 address reads as a name too.
const NAME_PATTERN: &str = r"(\*\.)?[A-Za-z0-9_-][A-Za-z0-9_.-]*";
impl HostPattern {
    /// The loopback networks.
    pub fn loopback() -> Vec<Self> {
        let v6 = IpAddr::V6(std::net::Ipv6Addr::LOCALHOST);
        vec![Self::Network(IpNet::V4(Ipv4Net::new_assert([127, 0, 0, 0].into(), 8))), Self::Network(v6.into())]
    }

    /// Whether it covers this name.
    pub(super) fn allows_name(&self, host: &str) -> bool {
        match self {
            Self::Name(name) => host == name,
            Self::Under(name) => host.strip_suffix(name.as_str()).is_some_and(|rest| rest.ends_with('.')),
            Self::Network(_) => false,
        }
    }

    fn allows_address(&self, ip: IpAddr) -> bool {
        // An IPv4-mapped IPv6 address (`::ffff:10.0.0.1`) is the IPv4 address.
        matches!(self, Self::Network(net) if net.contains(&ip.to_canonical()))
    }
}

/// Whether a list of patterns covers the host's name, or every address that it stands for.
pub(super) fn allows(list: &[HostPattern], host: &HostPort, addresses: &[IpAddr]) -> bool {
    if host.ip().is_none() && list.iter().any(|pattern| pattern.allows_name(&host.host)) {
        return true;
    }
    let covered = |ip: &IpAddr| list.iter().any(|pattern| pattern.allows_address(*ip));
    !addresses.is_empty() && addresses.iter().all(covered)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_what_they_say() {
        let rows = [
            ("*.svc.local", "a.svc.local", true),
            ("*.svc.local", "svc.local", false),
            ("*.svc.local", "evilsvc.local", false),
            ("svc.local", "svc.local", true),
            ("svc.local", "a.svc.local", false),
            ("192.0.2.0/24", "192.0.2.77", true),
            ("192.0.2.77/24", "192.0.2.1", true),
            ("192.0.2.0/24", "192.0.3.1", false),
            ("0.0.0.0/0", "8.8.8.8", true),
            ("0.0.0.0/0", "2001:db8::1", false),
            ("10.0.0.1", "::ffff:10.0.0.1", true),
            ("::ffff:10.0.0.0/104", "10.9.9.9", true),
            ("::ffff:10.0.0.0/104", "11.0.0.1", false),
            ("2001:db8::/32", "2001:db8:1::1", true),
            ("*.1", "192.0.2.1", false),
            ("192.0.2.1.", "192.0.2.1", true),
        ];
        for (pattern, host, want) in rows {
            let pattern: HostPattern = pattern.parse().unwrap();
            let ip = if host.contains("local") { "198.51.100.1" } else { host };
            let allowed = allows(std::slice::from_ref(&pattern), &HostPort::new(host, 80), &[ip.parse().unwrap()]);
            assert_eq!(allowed, want, "{pattern} for {host}");
        }
    }

    #[test]
    fn wrong_patterns_say_what_is_right() {
        for text in ["", "*.", "10.0.0.0/33", "http://x", "a b", ".x", "*", "10.0.0.0/", "/8"] {
            let error = text.parse::<HostPattern>().unwrap_err();
            assert!(error.to_string().contains("expected a name"), "{text}");
        }
    }

    #[test]
    fn a_pattern_is_written_as_it_is_read() {
        for text in ["a.example", "*.a.example", "10.0.0.0/8", "10.0.0.1", "::1", "2001:db8::/32"] {
            assert_eq!(text.parse::<HostPattern>().unwrap().to_string(), text);
        }
    }
}
