//! Leaf steps of workflows. One file each, named for its `type`.
//!
//! | Module | `type` |
//! |---|---|
//! | `fault` | runs an entry: a fault, undone and judged as in `chaos_spec` |
//! | `command` | runs a program, judged by its exit code |
//! | `check` | asks a probe: once, until yes, or all the time |
//! | `wait` | waits |

mod check;
mod classified;
mod command;
mod fault;
mod wait;

pub use check::CheckStep;
pub use classified::{EXIT_REASON, classified, named, written};
pub use command::CommandStep;
pub use fault::FaultStep;
pub use wait::WaitStep;
