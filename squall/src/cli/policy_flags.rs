//! What the operator allows: a policy file, and flags that widen or narrow it.

use std::path::PathBuf;

use chaos_core::{DurationText, HostPattern, NamePattern, Permission, Policy};

use super::document;
use super::failure::Failure;
use super::settings;
use super::type_names::AnyFault;

/// What may be touched. Default: loopback only, nothing outside the workspace, 1,000 qps, 10 minutes, 64 connections,
/// 1 GiB, no permission, no commands.
#[derive(Debug, Default, clap::Args)]
#[command(next_help_heading = "Policy")]
pub(crate) struct PolicyFlags {
    /// Allows a host beside loopback: a name, an address, a network, or `*.` and a name.
    #[arg(long, value_name = "HOST")]
    allow_host: Vec<HostPattern>,
    /// Allows only this fault, and others so named; adds to the list of a policy file.
    #[arg(long, value_name = "TYPE", value_parser = AnyFault, hide_possible_values = true)]
    allow_fault: Vec<String>,
    /// Allows this program to be started, by its name in the file or in the plan; `*` allows all.
    #[arg(long, value_name = "PROGRAM")]
    allow_command: Vec<String>,
    /// Allows writing in this folder, beside the workspace.
    #[arg(long, value_name = "PATH", value_parser = absolute)]
    allow_path: Vec<PathBuf>,
    /// Allows a context of the kubeconfig; `*` stands for any text.
    #[arg(long, value_name = "NAME")]
    allow_context: Vec<NamePattern>,
    /// Allows a namespace of a cluster; `*` stands for any text.
    #[arg(long, value_name = "NAME")]
    allow_namespace: Vec<NamePattern>,
    /// Allows making, changing and removing objects of a kind, such as `Pod`; `*` stands for any text.
    #[arg(long, value_name = "KIND")]
    allow_kind: Vec<NamePattern>,
    /// What contexts and namespaces of production look like, in place of `*prod*`; those need `--permit production`.
    #[arg(long, value_name = "NAME")]
    production: Vec<NamePattern>,
    /// Grants a permission: `other_user`, `root`, `net_admin`, `irreversible`, `outside_paths` or `production`.
    #[arg(long, value_name = "NAME")]
    permit: Vec<Permission>,
    /// Deprecated: `--permit other_user --permit root --permit net_admin`.
    #[arg(long, hide = true)]
    allow_privileged: bool,
    /// Ceiling of requests per second.
    #[arg(long, value_name = "QPS", value_parser = ceiling)]
    max_qps: Option<f64>,
    /// Ceiling of one fault's time: seconds, or a duration such as `90s` or `15m`.
    #[arg(long, value_name = "TIME", value_parser = seconds)]
    max_duration: Option<f64>,
    /// Ceiling of connections.
    #[arg(long, value_name = "N")]
    max_concurrency: Option<u32>,
    /// Ceiling of bytes that one fault writes and keeps.
    #[arg(long, value_name = "BYTES")]
    max_bytes: Option<u64>,
    /// Takes the policy from a file (YAML or JSON); flags go on top of it.
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// Grants what the task file's own `policy` asks for.
    #[arg(long)]
    pub(crate) accept_policy: bool,
}

impl PolicyFlags {
    /// The policy that they say.
    pub(crate) fn policy(&self) -> Result<Policy, Failure> {
        let mut policy = match self.policy.as_deref().or_else(|| settings::policy()) {
            Some(path) => document::policy(path)?,
            None => Policy::default(),
        };
        policy.allow_hosts.extend(self.allow_host.iter().cloned());
        policy.allow_commands.extend(self.allow_command.iter().cloned());
        if !self.allow_fault.is_empty() {
            policy.allow_faults.get_or_insert_default().extend(self.allow_fault.iter().cloned());
        }
        policy.allow_paths.extend(self.allow_path.iter().cloned());
        policy.clusters.contexts.extend(self.allow_context.iter().cloned());
        policy.clusters.namespaces.extend(self.allow_namespace.iter().cloned());
        policy.clusters.kinds.extend(self.allow_kind.iter().cloned());
        if !self.production.is_empty() {
            policy.clusters.production.clone_from(&self.production);
        }
        policy.permissions.extend(&self.permit);
        if self.allow_privileged {
            policy.permissions.extend(Permission::PRIVILEGED);
        }
        policy.max_qps = self.max_qps.unwrap_or(policy.max_qps);
        policy.max_duration_seconds = self.max_duration.unwrap_or(policy.max_duration_seconds);
        policy.max_concurrency = self.max_concurrency.unwrap_or(policy.max_concurrency);
        policy.max_bytes = self.max_bytes.unwrap_or(policy.max_bytes);
        Ok(policy)
    }
}

/// A relative path of the command line begins in the current folder, not in the workspace.
fn absolute(text: &str) -> std::io::Result<PathBuf> {
    std::path::absolute(text)
}

/// A ceiling that is not a number would be one that nothing exceeds.
fn ceiling(text: &str) -> Result<f64, NotACeiling> {
    text.parse().ok().filter(|n: &f64| n.is_finite() && *n > 0.0).ok_or_else(|| NotACeiling(text.to_owned()))
}

fn seconds(text: &str) -> Result<f64, NotACeiling> {
    let duration = text.parse::<DurationText>().map(|time| time.get().as_secs_f64());
    duration.ok().filter(|seconds| *seconds > 0.0).map_or_else(|| ceiling(text), Ok)
}

#[derive(Debug, PartialEq, thiserror::Error)]
#[error("invalid ceiling `{0}`: expected a number above 0")]
struct NotACeiling(String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_flags_it_is_the_default() {
        assert_eq!(PolicyFlags::default().policy().unwrap(), Policy::default());
    }

    #[test]
    fn flags_widen_and_narrow() {
        let flags = PolicyFlags {
            allow_host: vec!["example.test".parse().unwrap()],
            allow_fault: vec!["pause_process".into()],
            max_qps: Some(5000.0),
            ..PolicyFlags::default()
        };
        let policy = flags.policy().unwrap();
        assert_eq!(policy.allow_hosts.len(), Policy::default().allow_hosts.len() + 1);
        assert_eq!(policy.allow_faults.as_deref(), Some(&["pause_process".to_owned()][..]));
        assert!((policy.max_qps - 5000.0).abs() < f64::EPSILON);
    }

    /// Every flag that a refusal of the policy names is one that the command line takes.
    #[test]
    fn a_flag_that_a_refusal_names_works() {
        use std::path::Path;
        use std::process::Command as Program;

        use chaos_core::{CeilingKind, HostPort, PathBase, Plan, Reach, Refusal};
        use clap::Parser;

        #[derive(clap::Parser)]
        struct Command {
            #[command(flatten)]
            flags: PolicyFlags,
        }
        // As a person does who pastes it into a shell.
        let with_flag = |refusal: Refusal| {
            let flag = refusal.flag.unwrap_or_else(|| panic!("no flag: {}", refusal.what));
            let printed = Program::new("/bin/sh").args(["-c", &format!("printf '%s\\0' {flag}")]).output().unwrap();
            let words = String::from_utf8(printed.stdout).unwrap();
            let words = words.split_terminator('\0').map(str::to_owned);
            Command::parse_from(std::iter::once("x".to_owned()).chain(words)).flags.policy().unwrap()
        };
        let plan = || Plan::new("x");
        let plans = [
            plan().at_most(CeilingKind::Qps, 1000.5),
            plan().at_most(CeilingKind::Concurrency, 65),
            plan().at_most(CeilingKind::Bytes, 2e12),
            plan().lasting(std::time::Duration::from_millis(700_500)),
            plan().irreversible("nobody restarts it"),
        ];
        let permissions = Permission::ALL.map(|permission| plan().needing(permission, "it is so"));
        let programs = ["systemctl", "/opt/my tools/x", "-x", "it's", "a*b", "$HOME", "é"];
        let programs = programs.map(|program| plan().reaching(Reach::command(program)));
        for plan in plans.into_iter().chain(permissions).chain(programs) {
            let given = with_flag(plan.check(&Policy::default()).unwrap_err());
            assert_eq!(plan.check(&given), Ok(()), "{plan:?}");
        }
        let base = PathBase { workspace: Path::new("/nowhere"), home: None };
        for path in ["/srv/data", "/srv/my data", "/srv/it's"].map(Path::new) {
            let given = with_flag(Policy::default().check_path(path, base).unwrap_err());
            assert_eq!(given.check_path(path, base), Ok(()), "{path:?}");
        }
        let faults = Policy { allow_faults: Some(Vec::new()), ..Policy::default() };
        for fault in ["load", "-x"] {
            assert_eq!(with_flag(faults.check_fault(fault).unwrap_err()).check_fault(fault), Ok(()));
        }
        // Whatever can stand in a URL or an address of a document.
        let names = ["a.example", "-a.example", "_dns.example", "a-b_c", "xn--bcher-kva.example"];
        for name in names.map(|name| format!("http://{name}/").parse::<chaos_core::HttpUrl>().unwrap()) {
            let given = with_flag(Policy::default().check_name(name.host()).unwrap_err());
            assert_eq!(given.check_name(name.host()), Ok(()), "{name}");
        }
        for ip in ["192.0.2.7", "2001:db8::7", "::ffff:192.0.2.7", "fe80::1"].map(|ip| ip.parse().unwrap()) {
            let host = HostPort::new(&std::net::IpAddr::to_string(&ip), 80);
            let given = with_flag(Policy::default().check_host(&host, &[ip]).unwrap_err());
            assert_eq!(given.check_host(&host, &[ip]), Ok(()), "{ip}");
        }
    }

    /// What no flag can allow is refused without one.
    #[test]
    fn a_refusal_names_no_flag_that_would_be_refused() {
        use chaos_core::{CeilingKind, HostPort, Plan};

        for host in ["1:2", "a b", "", "::1%lo", "$(x)"] {
            let refusal = Policy::default().check_name(&HostPort::new(host, 80)).unwrap_err();
            assert_eq!(refusal.flag, None, "{host}");
        }
        for (kind, value) in [(CeilingKind::Concurrency, 5e9), (CeilingKind::Bytes, 1e30), (CeilingKind::Qps, f64::NAN)]
        {
            let refusal = Plan::new("x").at_most(kind, value).check(&Policy::default()).unwrap_err();
            assert_eq!(refusal.flag, None, "{kind:?}");
        }
    }

    #[test]
    fn the_deprecated_flag_stands_for_three_permissions() {
        let flags = PolicyFlags { allow_privileged: true, ..PolicyFlags::default() };
        assert_eq!(flags.policy().unwrap().permissions, Permission::PRIVILEGED);
    }

    #[test]
    fn what_is_no_ceiling_is_refused() {
        for wrong in ["NaN", "inf", "-1", "0", "many", ""] {
            assert_eq!(ceiling(wrong), Err(NotACeiling(wrong.to_owned())));
            assert_eq!(seconds(wrong), Err(NotACeiling(wrong.to_owned())));
        }
        for (text, want) in [("90", 90.0), ("90s", 90.0), ("1m30s", 90.0), ("0.5", 0.5)] {
            assert_eq!(seconds(text), Ok(want), "{text}");
        }
    }
}
