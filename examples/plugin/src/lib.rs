//! A plug-in crate that lives outside the core: one fault, one trigger, no edit anywhere else.
//!
//! | Module | Registers |
//! |---|---|
//! | `hold_port` | the fault `hold_port` |
//! | `file_exists` | the trigger `file_exists` |
//!
//! `main.rs` is the whole binary that gives them every surface: lists, schemas, tools, runs.

mod file_exists;
mod hold_port;

pub use file_exists::FileExists;
pub use hold_port::HoldPort;
