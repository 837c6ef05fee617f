//! The report: made from the transcript and from nothing else, so that a replay gives the same, byte for byte.

mod build;
mod escape;
mod html;
mod outcome;
mod plot;
mod sentence;
mod text;

pub use self::build::{ExperimentReport, StepRow};
pub use self::html::html;
pub use self::outcome::ExperimentOutcome;
pub use self::text::text;

pub(crate) use self::sentence::sentence;
