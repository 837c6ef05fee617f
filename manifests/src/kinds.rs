//! The kinds of Chaos Mesh, and what its templates can be.

use serde_json::{Map, Value};

/// A kind of chaos.
#[derive(Debug, PartialEq, Eq)]
pub struct ChaosKind {
    /// The kind, which is also the `templateType`.
    pub kind: &'static str,
    /// The key of a template, or of a Schedule, that holds its spec.
    pub field: &'static str,
    /// Actions that have an effect once, and nothing to undo.
    pub one_shot: &'static [&'static str],
    /// Whether it acts on pods that a selector names.
    pub has_selector: bool,
}

impl ChaosKind {
    /// Every kind.
    pub const ALL: &'static [Self] = &[
        of("PodChaos", "podChaos", &["pod-kill", "container-kill"], true),
        of("NetworkChaos", "networkChaos", &[], true),
        of("StressChaos", "stressChaos", &[], true),
        of("IOChaos", "ioChaos", &[], true),
        of("TimeChaos", "timeChaos", &[], true),
        of("DNSChaos", "dnsChaos", &[], true),
        of("HTTPChaos", "httpChaos", &[], true),
        of("KernelChaos", "kernelChaos", &[], true),
        of("JVMChaos", "jvmChaos", &[], true),
        of("BlockChaos", "blockChaos", &[], true),
        of("AWSChaos", "awsChaos", &["ec2-restart"], false),
        of("GCPChaos", "gcpChaos", &["node-reset"], false),
        of("AzureChaos", "azureChaos", &["vm-restart"], false),
        of("PhysicalMachineChaos", "physicalmachineChaos", &[], false),
    ];

    /// The kind of that name.
    pub fn named(kind: &str) -> Option<&'static Self> {
        Self::ALL.iter().find(|one| one.kind == kind)
    }

    /// Whether what that spec asks for is done once it is injected.
    pub fn is_one_shot(&self, spec: &Map<String, Value>) -> bool {
        let action = spec.get("action").and_then(Value::as_str);
        action.is_some_and(|action| self.one_shot.contains(&action))
    }
}

const fn of(
    kind: &'static str,
    field: &'static str,
    one_shot: &'static [&'static str],
    has_selector: bool,
) -> ChaosKind {
    ChaosKind { kind, field, one_shot, has_selector }
}

/// The kind of a Schedule, which is also its `templateType`.
pub const SCHEDULE: &str = "Schedule";

/// The plural of a kind of chaos, which has no further s, or of a Schedule.
pub fn chaos_plural(kind: &str) -> String {
    if kind == SCHEDULE { "schedules".to_owned() } else { kind.to_lowercase() }
}

/// Template types that are not chaos.
pub(crate) const PLAIN_TYPES: [&str; 6] = ["Serial", "Parallel", "Suspend", "Task", "StatusCheck", SCHEDULE];
