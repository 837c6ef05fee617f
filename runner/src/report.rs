//! The report of a run, and its forms for people and programs.

mod junit;
mod run_report;
mod text;

pub use junit::junit;
pub use run_report::Report;
pub use text::text;
