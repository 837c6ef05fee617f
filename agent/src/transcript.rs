//! The record of one loop: JSON lines that can be replayed without a model.
//!
//! The first line is the header. Then each turn has one `request` line with the messages that are new, one `reply`
//! line, and one `call` line for each call. The last line is the `end`. Fields are only ever added.

mod line;
mod reader;
mod writer;

pub use reader::Transcript;
pub use writer::TranscriptWriter;

pub(crate) use line::{End, Header, Line, Reply, Request, VERSION};
