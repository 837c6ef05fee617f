//! Faults: one file each, named for its `type`.
//!
//! | Module | Holds |
//! |---|---|
//! | `pause_process` | the fault `pause_process`: stops a process with SIGSTOP |
//! | `process` | one process, told apart from every later one with its pid |

mod pause_process;
mod process;

pub use pause_process::{PauseProcess, ResumeProcess};
