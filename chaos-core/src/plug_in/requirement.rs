//! What a fault needs of the machine.

use serde::Serialize;

/// Something that the machine must have before a fault can be injected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Requirement {
    /// A Linux kernel with `/proc` and pidfds (5.3 or later).
    LinuxPidfd,
    /// The network, as far as the policy allows it.
    Network,
    /// Another program that must be installed.
    ExternalProgram,
}
