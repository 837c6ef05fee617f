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
    /// Every right that the first user has.
    Root,
    /// Namespaces of a user's own.
    UserNamespaces,
    /// Control groups that limit processor time.
    CgroupCpu,
    /// Control groups that limit memory.
    CgroupMemory,
    /// Control groups that limit the number of processes.
    CgroupPids,
    /// Control groups that are stopped at once.
    CgroupFreezer,
    /// File systems in user space.
    Fuse,
    /// Packet filters of the kernel.
    Nftables,
    /// Delay and loss of packets in the kernel.
    Netem,
    /// A C library that loads another library before a program's own.
    Preload,
    /// A container engine.
    Containers,
}
