//! The report of a run, and its forms for people and programs.

#[cfg(all(test, feature = "junit"))]
mod agreement;
mod baseline;
mod case;
mod compare;
mod date;
mod diff;
mod escape;
mod figures;
mod hold_against;
mod html;
mod invalid;
#[cfg(feature = "junit")]
mod junit;
mod machine;
mod median;
mod outcome;
mod phase_words;
mod repeat;
mod run_report;
mod schema;
mod text;
mod timeline;
mod words;

pub use baseline::{BaselineBounds, BaselineResult};
pub use case::{CaseOutcome, ReportCase};
pub use date::utc_to_the_minute;
pub use diff::{EntryDiff, FigureDiff, RunDiff};
pub use escape::escape_html;
pub use figures::FigureUnit;
pub use html::{html, html_invalid, html_runs};
pub use invalid::InvalidRun;
#[cfg(feature = "junit")]
pub use junit::{junit, junit_invalid, junit_rounds, junit_runs};
pub use machine::Machine;
pub use median::MedianInterval;
pub use outcome::RunOutcome;
pub use repeat::{RepeatReport, TimeSpread};
pub use run_report::Report;
pub(crate) use run_report::SQUALL_VERSION;
pub use schema::{event_schema, report_schema};
pub use text::{text, text_brief};
