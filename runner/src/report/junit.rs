//! The report as JUnit XML: one suite, one case an entry.

use std::time::Duration;

use chaos_core::{ChaosResult, Verdict};
use quick_junit::{NonSuccessKind, TestCase, TestCaseStatus, TestSuite};

use super::run_report::Report;

/// The report as JUnit XML. `deviated` is a failure; `inconclusive` and `revert_failed` are errors.
///
/// # Panics
/// Never: the document is written to memory, and what XML can't hold is left out of it.
pub fn junit(report: &Report) -> String {
    let mut suite = TestSuite::new(format!("squall {}", report.run_id));
    suite.set_time(seconds(report.elapsed_seconds));
    suite.add_test_cases(report.entries.iter().map(case));
    let mut document = quick_junit::Report::new("squall");
    document.set_time(seconds(report.elapsed_seconds));
    document.add_test_suite(suite);
    document.to_string().expect("a document is written to memory")
}

fn case(entry: &ChaosResult) -> TestCase {
    let kind = match entry.verdict {
        Verdict::Held | Verdict::Unchecked => None,
        Verdict::Deviated => Some(NonSuccessKind::Failure),
        Verdict::Inconclusive | Verdict::RevertFailed => Some(NonSuccessKind::Error),
    };
    let status = kind.map_or_else(TestCaseStatus::success, |kind| {
        let mut status = TestCaseStatus::non_success(kind);
        status.set_type(entry.verdict.word()).set_message(reason(entry));
        status
    });
    let mut case = TestCase::new(one_line(&entry.name), status);
    case.set_classname(entry.injected_fault.as_str()).set_time(seconds(entry.elapsed_time));
    case
}

fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or_default()
}

fn reason(entry: &ChaosResult) -> String {
    let probes = entry.probes.iter().chain(&entry.verification);
    let probes = probes.filter(|probe| !probe.success).map(|probe| format!("`{}`: {}", probe.name, probe.detail));
    let reasons: Vec<String> = entry.error.clone().into_iter().chain(probes).collect();
    one_line(&reasons.join("; "))
}

/// An attribute holds one line; XML 1.0 can't hold the two noncharacters, which the library lets through.
fn one_line(text: &str) -> String {
    text.replace(['\n', '\r', '\t'], " ").replace(['\u{fffe}', '\u{ffff}'], "")
}
