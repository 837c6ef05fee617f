//! Faults on processes of this machine.

mod pause_process;

pub use pause_process::{PauseProcess, ResumeProcess};
