//! Node kinds: what faults hit, how it is started and found, and the mechanisms behind its facets.
//!
//! | Module | Holds |
//! |---|---|
//! | `process` | the kind `process`: a program that the run starts, watches and stops |
//! | `running` | the kind `running`, and the member for a process that a fault names itself |
//! | `container`, `engine` | the kind `container`, and the engine that it asks |
//! | `supervisor` | the life of a started program: start, readiness, exit, stop, start again |
//! | `held` | what may be done to a process, and how: signals through its pidfd |
//! | `held_port` | a port that is kept for a node until it is started |
//! | `clock` | a started node's own wall clock: the preloaded library, its page, what it can't reach |
//! | `files` | a started node's own file system: a tmpfs over its folder |
//! | `link` | the kind `link`, the process that serves it, and its undo step (feature `links`) |
//! | `locate` | a process by pid, pid file, port or command |
//! | `program_file` | the file of a program, by its `PATH` |
//! | `group` | the resource group of a started node: how it is made, and how a program starts in it |
//! | `resources` | the resources facet: limits, soft limits, loads, and their undo steps |
//! | `stress` | the program behind loads: this one, started again under another name |
//! | `resume_process`, `start_node`, `stop_node`, `remove_group`, `thaw_group`, `container_steps` | the undo steps |
//! | `log_files` | where a node's output goes |

mod argv;
mod clock;
mod container;
mod container_steps;
mod engine;
mod files;
mod group;
mod held;
mod held_port;
#[cfg(feature = "links")]
mod link;
mod locate;
mod log_files;
mod process;
mod program_file;
mod remove_group;
mod resources;
mod resume_process;
mod running;
mod start_node;
mod stop_node;
mod stress;
mod supervisor;
mod thaw_group;

pub use argv::{NodeArgv, NodeArgvError};
pub use clock::{RemoveClock, ResetClock};
pub use container::ContainerNode;
pub use container_steps::{RemoveContainer, StartContainer, UnpauseContainer};
pub use files::{FreeNodeFiles, UnmountNodeFiles};
pub use group::NodeLimits;
#[cfg(feature = "links")]
pub use link::{LinkNode, MendLink};
pub use process::ProcessNode;
pub use remove_group::RemoveGroup;
pub use resources::{EndOom, RestoreLimit, RestoreProcessLimit, StopLoad};
pub use resume_process::ResumeProcess;
pub use running::RunningNode;
pub use start_node::StartNode;
pub use stop_node::StopNode;
#[doc(hidden)]
pub use stress::reached_by;
pub use thaw_group::ThawGroup;

/// Becomes the process of a load or of a link where this program was started for that, and gives its exit code; `None` for
/// every other start. It stands first in `main`.
pub fn run_if_asked() -> Option<u8> {
    #[cfg(feature = "links")]
    if let Some(code) = link::run_if_asked() {
        return Some(code);
    }
    stress::run_if_asked()
}
