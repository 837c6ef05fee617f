//! Squall injects faults, proves that they landed, reverts them whatever happens, and reports how the system held.
//!
//! This crate is the facade: [`prelude`] is what a harness that embeds Squall needs, `cli` is the command line, and
//! every plug-in crate is linked here.
//!
//! | Module | Holds |
//! |---|---|
//! | [`prelude`] | the names for embedding: load a task, run it in the background, await *active*, read the report |
//! | `cli` | `squall::cli::main()` (feature `cli`), for the binary `squall` and for binaries that add plug-ins of their own |
//! | [`helper`] | the line with which a program is its own guardian: who undoes a run that can't |
//! | `chaos_core`, `chaos_runner`, `chaos_experiment`, `chaos_schema`, `chaos_load`, `chaos_fortio`, `chaos_manifests` | the crates below, for what the prelude leaves out |
//! | `chaos_faults`, `chaos_triggers`, `chaos_probes`, `chaos_evidence`, `chaos_nodes`, `chaos_steps` | the plug-ins as types, to build an entry in Rust |
//! | `linked` | names each plug-in crate, so that the linker keeps what it registers |
//!
//! A plug-in crate outside this workspace gets every surface (lists, schemas, tools, runs) from a binary of three
//! lines:
//!
//! ```no_run
//! // use my_plug_ins as _;
//! # #[cfg(feature = "cli")]
//! fn main() -> std::process::ExitCode {
//!     squall::cli::main()
//! }
//! # #[cfg(not(feature = "cli"))]
//! # fn main() {}
//! ```
//!
//! TLS is rustls with the provider ring, which is handed to each client by name. No process default is installed, and
//! none is read: a program that embeds Squall keeps its own choice. One that switches on another provider's feature of
//! rustls must name its provider too, since rustls picks one by itself only while a single one is compiled in.

#[cfg(feature = "cli")]
pub mod cli;
pub mod helper;
mod linked;
pub mod prelude;

pub use chaos_core;
pub use chaos_evidence;
pub use chaos_experiment;
pub use chaos_faults;
#[cfg(feature = "load")]
pub use chaos_fortio;
#[cfg(feature = "load")]
pub use chaos_load;
#[cfg(feature = "cli")]
pub use chaos_manifests;
pub use chaos_nodes;
pub use chaos_probes;
pub use chaos_runner;
pub use chaos_schema;
pub use chaos_steps;
pub use chaos_triggers;
pub use chaos_workflow;
