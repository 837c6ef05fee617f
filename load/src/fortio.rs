//! fortio's command line, texts and result files.

mod args;
mod command;
mod convert;
mod document;
mod events;
mod flags;
mod fold;
mod id;
mod json;
mod log;
mod refusal;
mod text;
mod values;
mod zone;

pub use args::{AccessLogArgs, FortioCommand, LogLevel, parse};
pub use command::{Interrupt, run, run_with};
pub use document::{Common, Document, Extension, FailureRow, HttpPart, Part, PhaseRow, TcpPart};
pub use fold::fold;
pub use refusal::FortioArgError;
