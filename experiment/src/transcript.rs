//! The transcript: JSON lines, each written whole and at once, from which the report is made, live and later.

mod error;
mod line;
mod reader;
mod writer;

pub use error::TranscriptError;
pub use line::{EndLine, ExperimentEnd, RefusedCall, StepRecord, StepStart, TranscriptHeader};
pub use reader::ExperimentTranscript;

pub(crate) use line::Line;
pub(crate) use writer::Writer;
