//! What the operator allows: a policy file, and flags that widen or narrow it.

use std::path::PathBuf;

use chaos_core::{DurationText, HostPattern, Policy};

use super::document;
use super::failure::Failure;

/// What may be touched. Default: loopback only, 1,000 qps, 10 minutes, 64 connections, nothing privileged, no commands.
#[derive(Debug, Default, clap::Args)]
#[command(next_help_heading = "Policy")]
pub(crate) struct PolicyFlags {
    /// Allows a host beside loopback: a name, an address, a network, or `*.` and a name.
    #[arg(long, value_name = "HOST")]
    allow_host: Vec<HostPattern>,
    /// Allows only this fault, and others so named; adds to the list of a policy file.
    #[arg(long, value_name = "TYPE")]
    allow_fault: Vec<String>,
    /// Allows this program to be started, by its name in the file or in the plan; `*` allows all.
    #[arg(long, value_name = "PROGRAM")]
    allow_command: Vec<String>,
    /// Allows what needs another user's rights or a capability.
    #[arg(long)]
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
        let mut policy = match &self.policy {
            Some(path) => document::policy(path)?,
            None => Policy::default(),
        };
        policy.allow_hosts.extend(self.allow_host.iter().cloned());
        policy.allow_commands.extend(self.allow_command.iter().cloned());
        if !self.allow_fault.is_empty() {
            policy.allow_faults.get_or_insert_default().extend(self.allow_fault.iter().cloned());
        }
        policy.allow_privileged |= self.allow_privileged;
        policy.max_qps = self.max_qps.unwrap_or(policy.max_qps);
        policy.max_duration_seconds = self.max_duration.unwrap_or(policy.max_duration_seconds);
        policy.max_concurrency = self.max_concurrency.unwrap_or(policy.max_concurrency);
        Ok(policy)
    }
}

/// A ceiling that is no number would be one that nothing is over.
fn ceiling(text: &str) -> Result<f64, NotACeiling> {
    text.parse().ok().filter(|n: &f64| n.is_finite() && *n > 0.0).ok_or_else(|| NotACeiling(text.to_owned()))
}

fn seconds(text: &str) -> Result<f64, NotACeiling> {
    let duration = text.parse::<DurationText>().map(|time| time.get().as_secs_f64());
    duration.ok().filter(|seconds| *seconds > 0.0).map_or_else(|| ceiling(text), Ok)
}

#[derive(Debug, PartialEq, thiserror::Error)]
#[error("`{0}` is no ceiling; write a number above 0")]
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
