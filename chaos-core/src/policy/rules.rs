//! What the operator allows; enforced on plans, never by a prompt.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::allowed_dir::AllowedDir;
use super::ceiling::{Ceiling, CeilingKind};
use super::cluster::ClusterRules;
use super::confinement::Confinement;
use super::host_pattern::{HostPattern, allows};
use super::host_port::HostPort;
use super::paths::{Located, OpenDirError, PathBase, PathRules};
use super::permission::{Permission, PermissionNeed};
use super::refusal::{Refusal, flag};
use super::request::PolicyRequest;

/// What is allowed. The default: loopback only, 1,000 requests per second, 10 minutes, 64 connections, 1 GiB, nothing
/// outside the workspace, no permission, no commands, no cluster, every fault.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(from = "PolicyRequest")]
pub struct Policy {
    /// Hosts that may be connected to.
    pub allow_hosts: Vec<HostPattern>,
    /// Folders that may be written in, beside the workspace; relative ones begin there.
    pub allow_paths: Vec<PathBuf>,
    /// Programs that may be started, by the name that the document gives; `*` allows all.
    pub allow_commands: Vec<String>,
    /// Fault types that may run; `None` allows all.
    pub allow_faults: Option<Vec<String>>,
    /// What may be done beyond hosts, paths and commands.
    pub permissions: Vec<Permission>,
    /// Requests per second at the most.
    pub max_qps: f64,
    /// Seconds that one fault may last.
    pub max_duration_seconds: f64,
    /// Connections at the most.
    pub max_concurrency: u32,
    /// Bytes that one fault may write and keep.
    pub max_bytes: u64,
    /// What of Kubernetes clusters may be touched.
    pub clusters: ClusterRules,
    /// What a document leaves of all that; loopback and the workspace need no mention there.
    pub within: PolicyRequest,
    /// Folders that no allowed path above them covers, such as the state directory.
    pub never_implied: Vec<PathBuf>,
    /// The only hosts of an experiment, also where others are on loopback.
    pub only_hosts: Option<Confinement>,
}

/// What one fault may write when nobody says otherwise: enough to fill a small volume, not a developer's disk.
const DEFAULT_MAX_BYTES: u64 = 1 << 30;

impl Default for Policy {
    fn default() -> Self {
        Self {
            allow_hosts: HostPattern::loopback(),
            allow_paths: Vec::new(),
            allow_commands: Vec::new(),
            allow_faults: None,
            permissions: Vec::new(),
            max_qps: 1000.0,
            max_duration_seconds: 600.0,
            max_concurrency: 64,
            max_bytes: DEFAULT_MAX_BYTES,
            clusters: ClusterRules::default(),
            within: PolicyRequest::default(),
            never_implied: Vec::new(),
            only_hosts: None,
        }
    }
}

/// The operator's own file: what it does not name keeps its default.
impl From<PolicyRequest> for Policy {
    fn from(file: PolicyRequest) -> Self {
        let default = Self::default();
        Self {
            permissions: file.permissions().unwrap_or_default(),
            allow_hosts: file.allow_hosts.unwrap_or(default.allow_hosts),
            allow_paths: file.allow_paths.unwrap_or_default(),
            allow_commands: file.allow_commands.unwrap_or_default(),
            allow_faults: file.allow_faults,
            max_qps: file.max_qps.unwrap_or(default.max_qps),
            max_duration_seconds: file.max_duration_seconds.unwrap_or(default.max_duration_seconds),
            max_concurrency: file.max_concurrency.unwrap_or(default.max_concurrency),
            max_bytes: file.max_bytes.unwrap_or(default.max_bytes),
            clusters: file.clusters.unwrap_or_default(),
            within: PolicyRequest::default(),
            never_implied: Vec::new(),
            only_hosts: None,
        }
    }
}

impl Policy {
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
        policy.max_bytes = request.max_bytes.map_or(self.max_bytes, |n| n.min(self.max_bytes));
        if let Some(asked) = &request.allow_faults {
            let allowed = |name: &&String| self.allow_faults.as_ref().is_none_or(|mine| mine.contains(name));
            policy.allow_faults = Some(asked.iter().filter(allowed).cloned().collect());
        }
        policy.within = PolicyRequest { permissions: request.permissions(), ..request.clone() };
        policy
    }

    /// This policy widened to what a document asks for, as `--accept-policy` says, and then narrowed to it.
    #[must_use]
    pub fn accepting(&self, request: &PolicyRequest) -> Self {
        let mut wide = self.clone();
        wide.allow_hosts.extend(request.allow_hosts.clone().unwrap_or_default());
        wide.allow_paths.extend(request.allow_paths.clone().unwrap_or_default());
        wide.allow_commands.extend(request.allow_commands.clone().unwrap_or_default());
        wide.permissions.extend(request.permissions().unwrap_or_default());
        if let Some(asked) = &request.clusters {
            wide.clusters.contexts.extend(asked.contexts.iter().cloned());
            wide.clusters.namespaces.extend(asked.namespaces.iter().cloned());
            wide.clusters.kinds.extend(asked.kinds.iter().cloned());
        }
        wide.max_qps = request.max_qps.unwrap_or(self.max_qps);
        wide.max_duration_seconds = request.max_duration_seconds.unwrap_or(self.max_duration_seconds);
        wide.max_concurrency = request.max_concurrency.unwrap_or(self.max_concurrency);
        wide.max_bytes = request.max_bytes.unwrap_or(self.max_bytes);
        if let (Some(mine), Some(asked)) = (&mut wide.allow_faults, &request.allow_faults) {
            mine.extend(asked.iter().cloned());
        }
        wide.narrowed(request)
    }

    /// This policy confined to some hosts, of those that it allows; other loopback addresses are refused too.
    #[must_use]
    pub fn confined_to(mut self, places: impl Into<Confinement>) -> Self {
        self.only_hosts = Some(places.into());
        self
    }

    /// This policy, with a folder that must be named itself to be allowed, whatever is allowed above it.
    #[must_use]
    pub fn never_implying(mut self, folder: impl Into<PathBuf>) -> Self {
        self.never_implied.push(folder.into());
        self
    }

    /// Checks a fault's type.
    pub fn check_fault(&self, fault: &str) -> Result<(), Refusal> {
        match &self.allow_faults {
            Some(allowed) if !allowed.iter().any(|name| name == fault) => {
                let flag = Some(flag("--allow-fault", fault));
                Err(Refusal::new(format!("fault `{fault}` is not among the allowed ones"), flag))
            }
            _ => Ok(()),
        }
    }

    /// The operator's limit of one kind.
    pub fn limit(&self, kind: CeilingKind) -> f64 {
        match kind {
            CeilingKind::Qps => self.max_qps,
            CeilingKind::DurationSeconds => self.max_duration_seconds,
            CeilingKind::Concurrency => f64::from(self.max_concurrency),
            CeilingKind::Bytes => as_f64(self.max_bytes),
        }
    }

    /// Checks what a plan would cost.
    pub fn check_ceiling(&self, ceiling: Ceiling) -> Result<(), Refusal> {
        ceiling.check(self.limit(ceiling.kind))
    }

    /// Checks what probes ask of the world together: as much as faults may, beside them, and in any case enough to watch
    /// one that may do little.
    pub fn check_probes(&self, ceiling: Ceiling) -> Result<(), Refusal> {
        let least = match ceiling.kind {
            CeilingKind::Qps => 100.0,
            CeilingKind::Concurrency => 64.0,
            CeilingKind::DurationSeconds | CeilingKind::Bytes => 0.0,
        };
        let checked = ceiling.check(self.limit(ceiling.kind).max(least));
        checked.map_err(|refusal| Refusal::new(format!("probes: {}", refusal.what), refusal.flag))
    }

    /// Checks a permission that a plan needs.
    pub fn check_permission(&self, need: &PermissionNeed) -> Result<(), Refusal> {
        let PermissionNeed { permission, why } = need;
        if !self.permissions.contains(permission) {
            let flag = Some(format!("--permit {permission}"));
            return Err(Refusal::new(format!("permission `{permission}` is missing: {why}"), flag));
        }
        if self.within.permissions.as_ref().is_some_and(|list| !list.contains(permission)) {
            return Err(Refusal::by_document(&format!("permission `{permission}`")));
        }
        Ok(())
    }

    /// Checks a program before it is started.
    pub fn check_command(&self, program: &str) -> Result<(), Refusal> {
        let on = |list: &[String]| list.iter().any(|allowed| allowed == "*" || allowed == program);
        if !on(&self.allow_commands) {
            let flag = Some(flag("--allow-command", program));
            return Err(Refusal::new(format!("command `{program}` is not among the allowed ones"), flag));
        }
        if self.within.allow_commands.as_deref().is_some_and(|list| !on(list)) {
            return Err(Refusal::by_document(&format!("command `{program}`")));
        }
        Ok(())
    }

    /// Checks a path that would be written, by what it stands for now; what does not exist yet is taken as written.
    pub fn check_path(&self, path: &Path, base: PathBase<'_>) -> Result<(), Refusal> {
        self.locate(path, base).map(drop)
    }

    /// Opens an allowed directory, without following a symbolic link.
    pub fn open_dir(&self, path: &Path, base: PathBase<'_>) -> Result<AllowedDir, OpenDirError> {
        self.locate(path, base)?.open()
    }

    fn locate(&self, path: &Path, base: PathBase<'_>) -> Result<Located, Refusal> {
        let outside = PermissionNeed { permission: Permission::OutsidePaths, why: String::new() };
        let rules = PathRules {
            allowed: &self.allow_paths,
            within: self.within.allow_paths.as_deref(),
            never_implied: &self.never_implied,
            everywhere: self.check_permission(&outside).is_ok(),
        };
        rules.locate(path, base)
    }

    /// Checks a name before it is looked up: it must be allowed by name, or be `localhost`. Addresses pass.
    pub fn check_name(&self, host: &HostPort) -> Result<(), Refusal> {
        if host.ip().is_some()
            || host.is_localhost()
            || self.allow_hosts.iter().any(|pattern| pattern.allows_name(&host.host))
        {
            return Ok(());
        }
        let flag = allow_host(host);
        Err(Refusal::new(format!("host `{}` is not among the allowed ones", host.host), flag))
    }

    /// Checks a host and the addresses that it stands for: the name is allowed, or every address is.
    pub fn check_host(&self, host: &HostPort, addresses: &[IpAddr]) -> Result<(), Refusal> {
        if !allows(&self.allow_hosts, host, addresses) {
            let at = host.ip().is_none().then(|| addresses.first()).flatten();
            let at = at.map(|ip| format!(" ({ip})")).unwrap_or_default();
            let flag = allow_host(host);
            return Err(Refusal::new(format!("host `{}`{at} is not among the allowed ones", host.host), flag));
        }
        if self.only_hosts.as_ref().is_some_and(|only| !only.allows(host, addresses)) {
            return Err(Refusal::new(format!("`{host}` is not the experiment's target"), None));
        }
        let within = self.within.allow_hosts.as_deref().is_none_or(|list| allows(list, host, addresses));
        if within || allows(&HostPattern::loopback(), host, addresses) {
            return Ok(());
        }
        Err(Refusal::by_document(&format!("host `{}`", host.host)))
    }
}

/// The flag that would allow a host; `None` where it would be refused itself.
fn allow_host(host: &HostPort) -> Option<String> {
    host.host.parse::<HostPattern>().is_ok().then(|| flag("--allow-host", &host.host))
}

#[expect(clippy::cast_precision_loss, reason = "plans count bytes as f64 too, and beyond 2^53 a few don't matter")]
fn as_f64(bytes: u64) -> f64 {
    bytes as f64
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
    fn confined_to_a_target_every_other_port_is_refused_too() {
        let target = Some(HostPort::new("127.0.0.1", 80));
        let policy = Policy::default().confined_to(Confinement { target, hosts: vec!["::1".parse().unwrap()] });
        let rows = [
            ("127.0.0.1", 80, true),
            ("::ffff:127.0.0.1", 80, true),
            ("127.0.0.1", 81, false),
            ("::ffff:127.0.0.1", 81, false),
            ("127.0.0.2", 80, false),
            ("localhost", 81, false),
            ("::1", 81, true),
        ];
        for (host, port, allowed) in rows {
            let host = HostPort::new(host, port);
            let ip = host.ip().unwrap_or([127, 0, 0, 1].into());
            assert_eq!(policy.check_host(&host, &[ip]).is_ok(), allowed, "{host}");
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
    fn a_name_pattern_never_covers_an_address() {
        assert!(check(&allowing(&["*.1"]), "192.0.2.1", "192.0.2.1").is_err());
    }

    #[test]
    fn a_document_narrows_and_widens_only_when_accepted() {
        let request = PolicyRequest {
            allow_hosts: Some(vec!["*.svc.local".parse().unwrap()]),
            max_qps: Some(5000.0),
            max_concurrency: Some(2),
            max_bytes: Some(1 << 40),
            ..PolicyRequest::default()
        };
        let narrowed = Policy::default().narrowed(&request);
        assert!((narrowed.max_qps - 1000.0).abs() < f64::EPSILON);
        assert_eq!((narrowed.max_concurrency, narrowed.max_bytes), (2, DEFAULT_MAX_BYTES));
        assert!(check(&narrowed, "a.svc.local", "192.0.2.1").is_err());
        assert_eq!(check(&narrowed, "127.0.0.1", "127.0.0.1"), Ok(()));
        let accepted = Policy::default().accepting(&request);
        assert!((accepted.max_qps - 5000.0).abs() < f64::EPSILON);
        assert_eq!(accepted.max_bytes, 1 << 40);
        assert_eq!(check(&accepted, "a.svc.local", "192.0.2.1"), Ok(()));
        let both = allowing(&["10.0.0.0/8"]).narrowed(&request);
        assert!(check(&both, "10.0.0.1", "10.0.0.1").unwrap_err().what.contains("file's own policy"));
    }

    #[test]
    fn commands_are_off_by_default() {
        let mut policy = Policy::default();
        let refusal = policy.check_command("systemctl").unwrap_err();
        assert_eq!(refusal.flag.as_deref(), Some("--allow-command systemctl"));
        policy.allow_commands.push("systemctl".into());
        assert_eq!(policy.check_command("systemctl"), Ok(()));
        let other = PolicyRequest { allow_commands: Some(Vec::new()), ..PolicyRequest::default() };
        assert_eq!(policy.narrowed(&other).check_command("systemctl").unwrap_err().flag, None);
    }

    #[test]
    fn a_permission_is_granted_by_name_and_narrowed_by_the_document() {
        let request = |json: &str| serde_json::from_str::<PolicyRequest>(json).unwrap();
        let operator = |json: &str| Policy::from(request(json));
        let rows = [
            ("{}", "{}", Permission::Root, Some(Some("--permit root"))),
            (r#"{"permissions": ["root"]}"#, "{}", Permission::Root, None),
            (r#"{"permissions": ["root"]}"#, "{}", Permission::NetAdmin, Some(Some("--permit net_admin"))),
            (r#"{"permissions": ["root"]}"#, r#"{"permissions": ["root"]}"#, Permission::Root, None),
            (r#"{"permissions": ["root"]}"#, r#"{"permissions": []}"#, Permission::Root, Some(None)),
            (r#"{"permissions": ["root"]}"#, r#"{"allow_privileged": false}"#, Permission::Root, Some(None)),
            (r#"{"allow_privileged": true}"#, "{}", Permission::OtherUser, None),
            (r#"{"allow_privileged": true}"#, "{}", Permission::Irreversible, Some(Some("--permit irreversible"))),
            ("{}", r#"{"permissions": ["root"]}"#, Permission::Root, Some(Some("--permit root"))),
            ("{}", r#"{"allow_privileged": true}"#, Permission::Root, Some(Some("--permit root"))),
        ];
        for (mine, document, permission, refused) in rows {
            let need = PermissionNeed { permission, why: "it is so".into() };
            let checked = operator(mine).narrowed(&request(document)).check_permission(&need);
            let flag = checked.as_ref().err().map(|refusal| refusal.flag.as_deref());
            assert_eq!(flag, refused, "{permission} with {mine} and {document}");
            let accepted = operator(mine).accepting(&request(document)).check_permission(&need).is_ok();
            let asked = request(document).permissions().is_some_and(|list| list.contains(&permission));
            assert_eq!(accepted, asked || refused.is_none(), "{permission} with {document} accepted");
        }
    }
}
