//! What several crates need of this machine. No undo steps: those belong to the mechanism that makes an effect.
//!
//! | Module | Holds |
//! |---|---|
//! | `pidfd` | [`PidFd`]: one process, and no later one with its pid |
//! | `process` | what `/proc` says of a process, its threads and its ancestors |
//! | `process_tree` | [`ProcessTree`]: a program and what it started, killed together |
//! | `marked` | what carries one of several marks, killed in one pass |
//! | `identity` | [`ProcessIdentity`]: which process, in a form that is kept on disk |
//! | `command_line`, `listener` | processes by their command line, and by the port on which they listen |
//! | `machine` | [`Ability`]: what this machine can do, and which setting forbids what it can't |
//! | `engine_socket` | where a container engine listens |
//! | `free_ports` | ports that nobody uses |
//! | `namespace` | the namespaces in which pids and start times count |
//! | `nested` | processes of other pid namespaces, as they are seen from ours |

mod command_line;
mod engine_socket;
mod free_ports;
mod identity;
mod listener;
mod machine;
mod marked;
mod namespace;
mod nested;
mod pidfd;
mod process;
mod process_tree;

pub use command_line::{with_argument, with_command_line};
pub use engine_socket::engine_sockets;
pub use free_ports::free_ports;
pub use identity::{ProcessIdentity, Sought};
pub use listener::listening_on;
pub use machine::{Ability, Fact};
pub use marked::kill_marked;
pub use namespace::{pid_namespace, proc_is_ours};
pub use nested::sees_every_process;
pub use pidfd::{PidFd, polls_in_seconds};
pub use process::{ProcessOwner, ProcessStat, ancestors, thread_states};
pub use process_tree::{ProcessTree, TreeMark};
pub use rustix::process::Signal;
