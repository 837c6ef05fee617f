//! What a fault would touch, before it touches anything.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::resource::Resource;
use crate::{Ceiling, CeilingKind, ClusterReach, EvidenceNeed, HostPort, Permission, PermissionNeed, Policy, Refusal};

/// Hosts, commands, paths, sources and clusters that a plug-in would use.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Reach {
    /// Hosts that it would connect to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<HostPort>,
    /// Programs that it would start (the first word of each command).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub commands: Vec<String>,
    /// Files and folders that it would write; relative ones begin in the workspace.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub paths: Vec<PathBuf>,
    /// What it reads of the sources of evidence.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<EvidenceNeed>,
    /// What it makes, changes and removes in clusters.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub clusters: Vec<ClusterReach>,
}

impl Reach {
    /// A reach of one host.
    pub fn host(host: HostPort) -> Self {
        Self { hosts: vec![host], ..Self::default() }
    }

    /// A reach of one command.
    pub fn command(program: impl Into<String>) -> Self {
        Self { commands: vec![program.into()], ..Self::default() }
    }

    /// A reach of one file or folder that is written.
    pub fn path(path: impl Into<PathBuf>) -> Self {
        Self { paths: vec![path.into()], ..Self::default() }
    }

    /// A reach of what a source takes in.
    pub fn evidence(need: EvidenceNeed) -> Self {
        Self { evidence: vec![need], ..Self::default() }
    }

    /// Both reaches together.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.hosts.extend(other.hosts);
        self.commands.extend(other.commands);
        self.paths.extend(other.paths);
        self.evidence.extend(other.evidence);
        self.clusters.extend(other.clusters);
        self
    }

    /// What asking for it that often comes to: requests a second, and connections at the same time. A question asks each host
    /// once.
    pub fn asked_every(&self, interval: Duration) -> [Ceiling; 2] {
        let hosts = f64::from(u32::try_from(self.hosts.len()).unwrap_or(u32::MAX));
        // No host at all is asked nothing, however often.
        let a_second = if hosts > 0.0 { hosts / interval.as_secs_f64() } else { 0.0 };
        [Ceiling { kind: CeilingKind::Qps, value: a_second }, Ceiling { kind: CeilingKind::Concurrency, value: hosts }]
    }

    /// Asks the policy about the commands. Hosts and paths need a [`crate::RunContext`], which resolves them.
    pub fn check_commands(&self, policy: &Policy) -> Result<(), Refusal> {
        self.commands.iter().try_for_each(|program| policy.check_command(program))
    }
}

/// Whether what a fault does can be undone.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reversible {
    /// Its undo steps put back what it changed.
    #[default]
    Yes,
    /// Nothing puts it back, for this reason; it needs [`Permission::Irreversible`].
    No(String),
}

/// What would be touched: what `--dry-run` prints, what the policy is asked, what an approval sees.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Plan {
    /// One clause ("stop process 71 (`sleep`)").
    pub summary: String,
    /// What it would hold alone; a second entry in force on what overlaps is refused.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub touches: Vec<Resource>,
    /// Hosts, commands and paths.
    #[serde(default)]
    pub reach: Reach,
    /// What it would cost at the most. The engine adds the duration of a sustained fault.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ceilings: Vec<Ceiling>,
    /// What it needs beyond hosts, commands and paths.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub permissions: Vec<PermissionNeed>,
    /// Whether it can be undone.
    #[serde(default)]
    pub reversible: Reversible,
    /// Time that a finite fault may need beside its duration, such as a model's answers. Default: a minute.
    #[serde(skip)]
    pub overhead: Option<Duration>,
}

impl Plan {
    /// A plan that touches nothing yet.
    pub fn new(summary: impl Into<String>) -> Self {
        Self { summary: summary.into(), ..Self::default() }
    }

    /// Adds a resource.
    #[must_use]
    pub fn touching(mut self, resource: Resource) -> Self {
        self.touches.push(resource);
        self
    }

    /// Adds hosts, commands and paths.
    #[must_use]
    pub fn reaching(mut self, reach: Reach) -> Self {
        self.reach = self.reach.and(reach);
        self
    }

    /// Says how much it would use at the most, in place of what it said before.
    #[must_use]
    pub fn at_most(mut self, kind: CeilingKind, value: impl Into<f64>) -> Self {
        self.ceilings.retain(|ceiling| ceiling.kind != kind);
        self.ceilings.push(Ceiling { kind, value: value.into() });
        self
    }

    /// Says how long it would last at the most, in place of what it said before.
    #[must_use]
    pub fn lasting(self, time: Duration) -> Self {
        self.at_most(CeilingKind::DurationSeconds, time.as_secs_f64())
    }

    /// Says how much time it may need beside its duration, in place of a minute.
    #[must_use]
    pub fn with_overhead(mut self, time: Duration) -> Self {
        self.overhead = Some(time);
        self
    }

    /// Adds a permission that it needs, and why.
    #[must_use]
    pub fn needing(mut self, permission: Permission, why: impl Into<String>) -> Self {
        self.permissions.push(PermissionNeed { permission, why: why.into() });
        self
    }

    /// Says that it can't be undone, and why.
    #[must_use]
    pub fn irreversible(mut self, why: impl Into<String>) -> Self {
        self.reversible = Reversible::No(why.into());
        self
    }

    /// How much of something it would use at the most, if it says so.
    pub fn ceiling(&self, kind: CeilingKind) -> Option<f64> {
        self.ceilings.iter().filter(|ceiling| ceiling.kind == kind).map(|ceiling| ceiling.value).max_by(f64::total_cmp)
    }

    /// How long it would last at the most, if it says so.
    pub fn duration(&self) -> Option<Duration> {
        let seconds = self.ceiling(CeilingKind::DurationSeconds)?;
        // What no duration holds is refused by the policy; until then it is as long as can be.
        Some(Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX))
    }

    /// Asks the policy about ceilings, permissions and commands. Hosts and paths need a [`crate::RunContext`].
    pub fn check(&self, policy: &Policy) -> Result<(), Refusal> {
        self.ceilings.iter().try_for_each(|ceiling| policy.check_ceiling(*ceiling))?;
        self.permissions.iter().try_for_each(|need| policy.check_permission(need))?;
        if let Reversible::No(why) = &self.reversible {
            policy.check_permission(&PermissionNeed { permission: Permission::Irreversible, why: why.clone() })?;
        }
        self.reach.check_commands(policy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_that_a_plan_says_is_asked_of_the_policy() {
        let plan = || Plan::new("x");
        let rows = [
            (plan(), None),
            (plan().at_most(CeilingKind::Qps, 1000.0).at_most(CeilingKind::Concurrency, 64), None),
            (plan().at_most(CeilingKind::Qps, 1000.5), Some("--max-qps 1000.5")),
            (plan().at_most(CeilingKind::Concurrency, 65), Some("--max-concurrency 65")),
            (plan().at_most(CeilingKind::Bytes, 2_147_483_648_u32), Some("--max-bytes 2147483648")),
            (plan().lasting(Duration::from_mins(11)), Some("--max-duration 660")),
            (plan().lasting(Duration::from_mins(11)).lasting(Duration::from_secs(1)), None),
            (plan().needing(Permission::OtherUser, "process of uid 33"), Some("--permit other_user")),
            (plan().irreversible("nobody restarts it"), Some("--permit irreversible")),
            (plan().reaching(Reach::command("systemctl")), Some("--allow-command systemctl")),
        ];
        for (plan, flag) in rows {
            let refusal = plan.check(&Policy::default()).err();
            assert_eq!(refusal.as_ref().and_then(|refusal| refusal.flag.as_deref()), flag, "{plan:?}");
        }
    }

    #[test]
    fn a_duration_beyond_every_clock_is_no_panic() {
        let plan = Plan::new("x").at_most(CeilingKind::DurationSeconds, f64::INFINITY);
        assert_eq!(plan.duration(), Some(Duration::MAX));
        assert!(plan.check(&Policy::default()).is_err());
        assert_eq!(Plan::new("x").lasting(Duration::from_millis(1500)).duration(), Some(Duration::from_millis(1500)));
    }
}
