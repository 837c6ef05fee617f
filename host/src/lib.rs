//! What several crates need of this machine. No undo steps: those belong to the mechanism that makes an effect.
//!
//! | Module | Holds |
//! |---|---|
//! | `pidfd` | [`PidFd`]: one process, and no later one with its pid |
//! | `proc_file` | files of the kernel, read in few calls |
//! | `process` | what `/proc` says of a process, its threads and its ancestors |
//! | `process_limits` | resource limits of a process, its descriptors, and what it uses |
//! | `process_tree` | [`ProcessTree`]: a program and what it started, killed together |
//! | `marked` | what carries one of several marks, killed in one pass |
//! | `identity` | [`ProcessIdentity`]: which process, in a form that is kept on disk |
//! | `cgroup` | control groups of either version, by plain files |
//! | `command_line`, `listener` | processes by their command line, and by the port on which they listen |
//! | `machine` | [`Ability`]: what this machine can do, and which setting forbids what it can't |
//! | `engine_socket` | where a container engine listens |
//! | `free_ports` | ports that nobody uses |
//! | `moment` | a short wait for what no event tells of |
//! | `namespace` | the namespaces in which pids and start times count |
//! | `nested` | processes of other pid namespaces, as they are seen from ours |

mod cgroup;
mod command_line;
mod engine_socket;
mod free_ports;
mod identity;
mod listener;
mod machine;
mod marked;
mod moment;
mod namespace;
mod nested;
mod pidfd;
mod proc_file;
mod process;
mod process_limits;
mod process_tree;
mod remembered;

pub use cgroup::{
    CgroupDir, CgroupError, CgroupVersion, Controller, GroupLimit, OwnGroup, RUN_PREFIX, SavedFile, own_memory_room,
};
pub use command_line::{with_argument, with_command_line};
pub use engine_socket::engine_sockets;
pub use free_ports::{PortSharing, bound_port, free_ports};
pub use identity::{ProcessIdentity, Sought};
pub use listener::listening_on;
pub use machine::{Ability, Fact};
pub use marked::kill_marked;
pub use moment::moment;
pub use namespace::{pid_namespace, proc_is_ours};
pub use nested::sees_every_process;
pub use pidfd::{PidFd, polls_in_seconds};
pub use process::{ProcessOwner, ProcessStat, ancestors, own_ancestors, thread_states};
pub use process_limits::{LimitPair, ProcessLimit, ProcessUsage, has_sys_resource, memory_available};
pub use process_tree::{ProcessTree, TreeMark};
pub use rustix::process::Signal;
