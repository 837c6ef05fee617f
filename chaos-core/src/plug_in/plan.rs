//! What a fault would touch, before it touches anything.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::HostPort;

/// Something that only one fault at a time may hold, such as `process:71@8812`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Resource(String);

impl Resource {
    /// A resource of a kind ("process") and an identity that another run would name alike.
    pub fn new(kind: &str, identity: impl fmt::Display) -> Self {
        Self(format!("{kind}:{identity}"))
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Hosts and commands that a plug-in would use.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reach {
    /// Hosts that it would connect to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<HostPort>,
    /// Programs that it would start (the first word of each command).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub commands: Vec<String>,
}

impl Reach {
    /// A reach of one host.
    pub fn host(host: HostPort) -> Self {
        Self { hosts: vec![host], commands: Vec::new() }
    }

    /// A reach of one command.
    pub fn command(program: impl Into<String>) -> Self {
        Self { hosts: Vec::new(), commands: vec![program.into()] }
    }

    /// Both reaches together.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.hosts.extend(other.hosts);
        self.commands.extend(other.commands);
        self
    }
}

/// What would be touched: what `--dry-run` prints, what the policy is asked, what an approval sees.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// One clause ("stop process 71 (`sleep`)").
    pub summary: String,
    /// What it would hold alone; two entries in force on one resource are a refusal.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub touches: Vec<Resource>,
    /// Hosts and commands.
    #[serde(default)]
    pub reach: Reach,
    /// Requests per second at the most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub qps: Option<f64>,
    /// Connections at the most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<u32>,
    /// How long a finite fault runs; the engine fills it for a sustained one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration: Option<Duration>,
    /// Why it is privileged (another user's process, a capability); `None` when it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub privileged: Option<String>,
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

    /// Sets hosts and commands.
    #[must_use]
    pub fn reaching(mut self, reach: Reach) -> Self {
        self.reach = reach;
        self
    }
}
