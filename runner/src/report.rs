//! The report of a run, and its forms for people and programs.

#[cfg(all(test, feature = "junit"))]
mod agreement;
mod case;
mod date;
mod escape;
mod html;
mod invalid;
#[cfg(feature = "junit")]
mod junit;
mod machine;
mod run_report;
mod schema;
mod text;
mod words;

pub use case::{CaseOutcome, ReportCase};
pub use escape::escape_html;
pub use html::{html, html_invalid};
pub use invalid::InvalidRun;
#[cfg(feature = "junit")]
pub use junit::{junit, junit_invalid};
pub use machine::Machine;
pub use run_report::Report;
pub(crate) use run_report::SQUALL_VERSION;
pub use schema::{event_schema, report_schema};
pub use text::text;
