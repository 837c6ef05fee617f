//! The report of a run, and its forms for people and programs.

#[cfg(feature = "junit")]
mod junit;
mod run_report;
mod text;

#[cfg(feature = "junit")]
pub use junit::junit;
pub use run_report::Report;
pub use text::text;
