//! The fence: what the operator allows, enforced on the plan and never by a prompt.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{HostPort, Plan, Reach};

/// Something that the policy does not allow.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[error("refused by policy: {what}{}", grant(.flag.as_deref()))]
pub struct Refusal {
    /// What is not allowed, in one clause.
    pub what: String,
    /// The command-line flag that would allow it, if one would.
    pub flag: Option<String>,
}

fn grant(flag: Option<&str>) -> String {
    flag.map(|flag| format!("; `{flag}` would allow it")).unwrap_or_default()
}

impl Refusal {
    /// A refusal, with the flag that would grant it.
    pub fn new(what: impl Into<String>, flag: Option<String>) -> Self {
        Self { what: what.into(), flag }
    }
}

/// Hosts that are allowed: an exact name, an address, a network (`10.0.0.0/8`), or `*.` and a name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum HostPattern {
    /// Exactly this name, at whatever addresses it has when first looked up.
    Name(String),
    /// Every name that ends in a dot and this one.
    Under(String),
    /// Every address of this network.
    Network(IpAddr, u8),
}

/// A host pattern that is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no host pattern; write a name, an address, a network such as `10.0.0.0/8`, or `*.` and a name")]
pub struct HostPatternError(String);

impl FromStr for HostPattern {
    type Err = HostPatternError;

    fn from_str(text: &str) -> Result<Self, HostPatternError> {
        let wrong = || HostPatternError(text.to_owned());
        if let Ok(ip) = text.parse::<IpAddr>() {
            return Ok(Self::Network(ip, width(ip)));
        }
        if let Some((ip, bits)) = text.split_once('/') {
            let ip: IpAddr = ip.parse().map_err(|_| wrong())?;
            let bits: u8 = bits.parse().map_err(|_| wrong())?;
            return if bits <= width(ip) { Ok(Self::Network(ip, bits)) } else { Err(wrong()) };
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
        Ok(if under { Self::Under(name) } else { Self::Name(name) })
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
            Self::Network(ip, bits) if *bits == width(*ip) => write!(f, "{ip}"),
            Self::Network(ip, bits) => write!(f, "{ip}/{bits}"),
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
            "pattern": format!("^({NAME_PATTERN}|{IPV4_NETWORK}|{})$", ipv6_pattern()),
            "patternErrorMessage": "write a name, an address, a network such as 10.0.0.0/8, or `*.` and a name"
        })
    }
}

/// A name, with `*.` before it or without; an IPv4 address reads as a name too.
const NAME_PATTERN: &str = r"(\*\.)?[A-Za-z0-9_-][A-Za-z0-9_.-]*";
const IPV4_NETWORK: &str = concat!(
    r"((25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])\.){3}(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])",
    "/(3[0-2]|[12]?[0-9])"
);

/// IPv6 (without an embedded IPv4 address) and an optional 0 to 128: full, or with one `::` that leaves room.
fn ipv6_pattern() -> String {
    const GROUP: &str = "[0-9A-Fa-f]{1,4}";
    let mut forms = vec![format!("({GROUP}:){{7}}{GROUP}")];
    // With n groups before the `::`, at most 7 - n follow it.
    forms.extend((0..=7).map(|before: usize| {
        let head = match before {
            0 => ":".to_owned(),
            n => format!("({GROUP}:){{{n}}}"),
        };
        match 7 - before {
            0 => format!("{head}:"),
            after => format!("{head}:({GROUP}(:{GROUP}){{0,{}}})?", after - 1),
        }
    }));
    format!("({})(/(12[0-8]|1[01][0-9]|[1-9]?[0-9]))?", forms.join("|"))
}

fn width(ip: IpAddr) -> u8 {
    if ip.is_ipv4() { 32 } else { 128 }
}

impl HostPattern {
    fn allows_name(&self, host: &str) -> bool {
        match self {
            Self::Name(name) => host == name,
            Self::Under(name) => host.strip_suffix(name.as_str()).is_some_and(|rest| rest.ends_with('.')),
            Self::Network(..) => false,
        }
    }

    fn allows_address(&self, ip: IpAddr) -> bool {
        let Self::Network(net, bits) = self else { return false };
        // An IPv4 address in IPv6 dress (`::ffff:10.0.0.1`) is the IPv4 address.
        match (net.to_canonical(), ip.to_canonical()) {
            (IpAddr::V4(net), IpAddr::V4(ip)) => {
                same_prefix(u128::from(net.to_bits()) << 96, u128::from(ip.to_bits()) << 96, *bits)
            }
            (IpAddr::V6(net), IpAddr::V6(ip)) => same_prefix(net.to_bits(), ip.to_bits(), *bits),
            _ => false,
        }
    }
}

fn same_prefix(a: u128, b: u128, bits: u8) -> bool {
    bits == 0 || (a ^ b) >> (128 - u32::from(bits.min(128))) == 0
}

/// What is allowed. The default: loopback only, 1,000 requests per second, 10 minutes, 64 connections, nothing
/// privileged, no commands, every fault.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Policy {
    /// Hosts that may be connected to.
    pub allow_hosts: Vec<HostPattern>,
    /// Requests per second at the most.
    pub max_qps: f64,
    /// Seconds that one fault may last.
    pub max_duration_seconds: f64,
    /// Connections at the most.
    pub max_concurrency: u32,
    /// Fault types that may run; `None` allows all.
    pub allow_faults: Option<Vec<String>>,
    /// Whether another user's process, or what needs a capability, may be touched.
    pub allow_privileged: bool,
    /// Programs that may be started, by the name that the document gives; `*` allows all.
    pub allow_commands: Vec<String>,
    /// What a document has narrowed the hosts to, beside loopback.
    #[serde(skip)]
    pub within_hosts: Option<Vec<HostPattern>>,
    /// What a document has narrowed the commands to.
    #[serde(skip)]
    pub within_commands: Option<Vec<String>>,
    /// The only hosts of an experiment; loopback is no exception here.
    #[serde(skip)]
    pub only_hosts: Option<Vec<HostPattern>>,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            allow_hosts: Self::loopback(),
            max_qps: 1000.0,
            max_duration_seconds: 600.0,
            max_concurrency: 64,
            allow_faults: None,
            allow_privileged: false,
            allow_commands: Vec::new(),
            within_hosts: None,
            within_commands: None,
            only_hosts: None,
        }
    }
}

/// What a document says of the policy: it narrows, and what goes beyond the operator's is a request.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PolicyRequest {
    /// Hosts that may be connected to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allow_hosts: Option<Vec<HostPattern>>,
    /// Requests per second at the most.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0))]
    pub max_qps: Option<f64>,
    /// Seconds that one fault may last.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0))]
    pub max_duration_seconds: Option<f64>,
    /// Connections at the most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_concurrency: Option<u32>,
    /// Fault types that may run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allow_faults: Option<Vec<String>>,
    /// Whether another user's process, or what needs a capability, may be touched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allow_privileged: Option<bool>,
    /// Programs that may be started.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allow_commands: Option<Vec<String>>,
}

impl Policy {
    /// The loopback networks.
    pub fn loopback() -> Vec<HostPattern> {
        vec![
            HostPattern::Network(IpAddr::from([127, 0, 0, 0]), 8),
            HostPattern::Network(IpAddr::V6(std::net::Ipv6Addr::LOCALHOST), 128),
        ]
    }

    /// This policy narrowed by a document's request: ceilings and lists only ever shrink.
    ///
    /// A host must be allowed by the operator *and* by the document; loopback needs no mention in the document.
    #[must_use]
    pub fn narrowed(&self, request: &PolicyRequest) -> Self {
        let least = |mine: f64, asked: Option<f64>| asked.map_or(mine, |asked| mine.min(asked));
        let mut policy = self.clone();
        policy.max_qps = least(self.max_qps, request.max_qps);
        policy.max_duration_seconds = least(self.max_duration_seconds, request.max_duration_seconds);
        policy.max_concurrency = request.max_concurrency.map_or(self.max_concurrency, |n| n.min(self.max_concurrency));
        policy.allow_privileged = self.allow_privileged && request.allow_privileged.unwrap_or(true);
        if let Some(asked) = &request.allow_faults {
            let allowed = |name: &&String| self.allow_faults.as_ref().is_none_or(|mine| mine.contains(name));
            policy.allow_faults = Some(asked.iter().filter(allowed).cloned().collect());
        }
        policy.within_hosts.clone_from(&request.allow_hosts);
        policy.within_commands.clone_from(&request.allow_commands);
        policy
    }

    /// This policy widened to what a document asks for, as `--accept-policy` says, and then narrowed to it.
    #[must_use]
    pub fn accepting(&self, request: &PolicyRequest) -> Self {
        let mut wide = self.clone();
        wide.allow_hosts.extend(request.allow_hosts.clone().unwrap_or_default());
        wide.allow_commands.extend(request.allow_commands.clone().unwrap_or_default());
        wide.max_qps = request.max_qps.unwrap_or(self.max_qps);
        wide.max_duration_seconds = request.max_duration_seconds.unwrap_or(self.max_duration_seconds);
        wide.max_concurrency = request.max_concurrency.unwrap_or(self.max_concurrency);
        wide.allow_privileged = request.allow_privileged.unwrap_or(self.allow_privileged);
        if let (Some(mine), Some(asked)) = (&mut wide.allow_faults, &request.allow_faults) {
            mine.extend(asked.iter().cloned());
        }
        wide.narrowed(request)
    }

    /// This policy confined to some hosts, of those that it allows; loopback is no exception.
    #[must_use]
    pub fn confined_to(mut self, hosts: Vec<HostPattern>) -> Self {
        self.only_hosts = Some(hosts);
        self
    }

    /// Checks a fault's type.
    pub fn check_fault(&self, fault: &str) -> Result<(), Refusal> {
        match &self.allow_faults {
            Some(allowed) if !allowed.iter().any(|name| name == fault) => {
                let flag = Some(format!("--allow-fault {fault}"));
                Err(Refusal::new(format!("fault `{fault}` is not among the allowed ones"), flag))
            }
            _ => Ok(()),
        }
    }

    /// Checks ceilings, commands and privilege of a plan. Hosts are checked by [`crate::Hosts::allowed`], which knows
    /// their addresses.
    pub fn check_plan(&self, plan: &Plan) -> Result<(), Refusal> {
        ceiling("qps", plan.qps, self.max_qps, "--max-qps")?;
        let seconds = plan.duration.map(|d| d.as_secs_f64());
        ceiling("duration in seconds", seconds, self.max_duration_seconds, "--max-duration")?;
        let connections = plan.concurrency.map(f64::from);
        ceiling("concurrency", connections, f64::from(self.max_concurrency), "--max-concurrency")?;
        if let Some(why) = plan.privileged.as_ref().filter(|_| !self.allow_privileged) {
            return Err(Refusal::new(format!("privileged: {why}"), Some("--allow-privileged".into())));
        }
        self.check_commands(&plan.reach)
    }

    /// Checks the programs that a plug-in would start.
    pub fn check_commands(&self, reach: &Reach) -> Result<(), Refusal> {
        for program in &reach.commands {
            let on = |list: &[String]| list.iter().any(|allowed| allowed == "*" || allowed == program);
            if !on(&self.allow_commands) {
                let flag = Some(format!("--allow-command {program}"));
                return Err(Refusal::new(format!("command `{program}` is not among the allowed ones"), flag));
            }
            if self.within_commands.as_deref().is_some_and(|list| !on(list)) {
                return Err(Refusal::new(format!("the file's own policy leaves out command `{program}`"), None));
            }
        }
        Ok(())
    }

    /// Checks a name before it is looked up: it must be allowed by name, or be `localhost`. Addresses pass.
    pub fn check_name(&self, host: &HostPort) -> Result<(), Refusal> {
        let local = host.host == "localhost" || host.host.ends_with(".localhost");
        if host.ip().is_some() || local || self.allow_hosts.iter().any(|pattern| pattern.allows_name(&host.host)) {
            return Ok(());
        }
        let flag = Some(format!("--allow-host {}", host.host));
        Err(Refusal::new(format!("host `{}` is not among the allowed ones", host.host), flag))
    }

    /// Checks a host and the addresses that it stands for: the name is allowed, or every address is.
    pub fn check_host(&self, host: &HostPort, addresses: &[IpAddr]) -> Result<(), Refusal> {
        if !allows(&self.allow_hosts, host, addresses) {
            let at = host.ip().is_none().then(|| addresses.first()).flatten();
            let at = at.map(|ip| format!(" ({ip})")).unwrap_or_default();
            let flag = Some(format!("--allow-host {}", host.host));
            return Err(Refusal::new(format!("host `{}`{at} is not among the allowed ones", host.host), flag));
        }
        if self.only_hosts.as_deref().is_some_and(|only| !allows(only, host, addresses)) {
            return Err(Refusal::new(format!("host `{}` is not the experiment's target", host.host), None));
        }
        let within = self.within_hosts.as_deref().is_none_or(|list| allows(list, host, addresses));
        if within || allows(&Self::loopback(), host, addresses) {
            return Ok(());
        }
        Err(Refusal::new(format!("the file's own policy leaves out host `{}`", host.host), None))
    }
}

fn allows(list: &[HostPattern], host: &HostPort, addresses: &[IpAddr]) -> bool {
    if host.ip().is_none() && list.iter().any(|pattern| pattern.allows_name(&host.host)) {
        return true;
    }
    let covered = |ip: &IpAddr| list.iter().any(|pattern| pattern.allows_address(*ip));
    !addresses.is_empty() && addresses.iter().all(covered)
}

/// A figure that is no number is over every ceiling.
fn ceiling(what: &str, asked: Option<f64>, most: f64, flag: &str) -> Result<(), Refusal> {
    match asked {
        Some(asked) if asked.is_nan() || asked > most => {
            Err(Refusal::new(format!("{what} {asked} is above the ceiling of {most}"), Some(format!("{flag} {asked}"))))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(policy: &Policy, host: &str, ip: &str) -> Result<(), Refusal> {
        policy.check_host(&HostPort::new(host, 80), &[ip.parse().unwrap()])
    }

    fn allowing(patterns: &[&str]) -> Policy {
        let mut policy = Policy::default();
        policy.allow_hosts.extend(patterns.iter().map(|p| p.parse().unwrap()));
        policy
    }

    #[test]
    fn confined_to_one_address_even_loopback_is_refused() {
        let policy = Policy::default().confined_to(vec!["127.0.0.1".parse().unwrap()]);
        assert_eq!(check(&policy, "127.0.0.1", "127.0.0.1"), Ok(()));
        assert_eq!(check(&policy, "::ffff:127.0.0.1", "::ffff:127.0.0.1"), Ok(()));
        for (host, ip) in [("127.0.0.2", "127.0.0.2"), ("::1", "::1"), ("x.localhost", "127.0.0.3")] {
            let refusal = check(&policy, host, ip).unwrap_err().to_string();
            assert!(refusal.ends_with("is not the experiment's target"), "{refusal}");
        }
    }

    #[test]
    fn the_default_allows_loopback_only() {
        let policy = Policy::default();
        for (host, ip) in [
            ("127.9.9.9", "127.9.9.9"),
            ("localhost", "127.0.0.1"),
            ("::1", "::1"),
            ("::ffff:127.0.0.1", "::ffff:127.0.0.1"),
        ] {
            assert_eq!(check(&policy, host, ip), Ok(()), "{host}");
        }
        for (host, ip) in [
            ("10.0.0.1", "10.0.0.1"),
            ("localhost", "192.0.2.1"),
            ("0.0.0.0", "0.0.0.0"),
            ("::ffff:10.0.0.1", "::ffff:10.0.0.1"),
        ] {
            let refusal = check(&policy, host, ip).unwrap_err();
            assert_eq!(refusal.flag, Some(format!("--allow-host {host}")));
        }
    }

    #[test]
    fn patterns_match_what_they_say() {
        let rows = [
            ("*.svc.local", "a.svc.local", true),
            ("*.svc.local", "svc.local", false),
            ("*.svc.local", "evilsvc.local", false),
            ("svc.local", "svc.local", true),
            ("svc.local", "a.svc.local", false),
            ("192.0.2.0/24", "192.0.2.77", true),
            ("192.0.2.0/24", "192.0.3.1", false),
            ("0.0.0.0/0", "8.8.8.8", true),
        ];
        for (pattern, host, want) in rows {
            let ip = if host.contains("local") { "198.51.100.1" } else { host };
            assert_eq!(check(&allowing(&[pattern]), host, ip).is_ok(), want, "{pattern} for {host}");
        }
    }

    #[test]
    fn a_name_pattern_never_covers_an_address() {
        assert!("*.1".parse::<HostPattern>().is_ok());
        assert!(check(&allowing(&["*.1"]), "192.0.2.1", "192.0.2.1").is_err());
    }

    #[test]
    fn wrong_patterns_say_what_is_right() {
        for text in ["", "*.", "10.0.0.0/33", "http://x", "a b", ".x", "*"] {
            let error = text.parse::<HostPattern>().unwrap_err();
            assert!(error.to_string().contains("write a name"), "{text}");
        }
    }

    #[test]
    fn a_document_narrows_and_widens_only_when_accepted() {
        let request = PolicyRequest {
            allow_hosts: Some(vec!["*.svc.local".parse().unwrap()]),
            max_qps: Some(5000.0),
            max_concurrency: Some(2),
            ..PolicyRequest::default()
        };
        let narrowed = Policy::default().narrowed(&request);
        assert!((narrowed.max_qps - 1000.0).abs() < f64::EPSILON);
        assert_eq!(narrowed.max_concurrency, 2);
        assert!(check(&narrowed, "a.svc.local", "192.0.2.1").is_err());
        assert_eq!(check(&narrowed, "127.0.0.1", "127.0.0.1"), Ok(()));
        let accepted = Policy::default().accepting(&request);
        assert!((accepted.max_qps - 5000.0).abs() < f64::EPSILON);
        assert_eq!(check(&accepted, "a.svc.local", "192.0.2.1"), Ok(()));
        let both = allowing(&["10.0.0.0/8"]).narrowed(&request);
        assert!(check(&both, "10.0.0.1", "10.0.0.1").unwrap_err().what.contains("file's own policy"));
    }

    #[test]
    fn ceilings_name_the_flag_and_no_arithmetic_passes_them() {
        let policy = Policy::default();
        for qps in [1000.5, f64::INFINITY, f64::NAN] {
            let plan = Plan { qps: Some(qps), ..Plan::default() };
            let flag = policy.check_plan(&plan).unwrap_err().flag.unwrap();
            assert!(flag.starts_with("--max-qps"), "{qps}");
        }
        let plan = Plan { qps: Some(1000.0), concurrency: Some(64), ..Plan::default() };
        assert_eq!(policy.check_plan(&plan), Ok(()));
    }

    #[test]
    fn commands_and_privilege_are_off_by_default() {
        let mut policy = Policy::default();
        let reach = Reach::command("systemctl");
        assert_eq!(policy.check_commands(&reach).unwrap_err().flag.as_deref(), Some("--allow-command systemctl"));
        policy.allow_commands.push("systemctl".into());
        assert_eq!(policy.check_commands(&reach), Ok(()));
        let plan = Plan { privileged: Some("process of uid 33".into()), ..Plan::default() };
        assert_eq!(policy.check_plan(&plan).unwrap_err().flag.as_deref(), Some("--allow-privileged"));
    }
}
