//! The report as JUnit XML: one suite, named for the task; one case for each thing that the run was about.

use std::time::Duration;

use chaos_core::{Verdict, visible};
use quick_junit::{NonSuccessKind, TestCase, TestCaseStatus, TestSuite};

use super::case::{CaseOutcome, ReportCase};
use super::invalid::InvalidRun;
use super::outcome::RunOutcome;
use super::repeat::RepeatReport;
use super::run_report::Report;

/// The report as JUnit XML. `deviated` is a failure; `inconclusive` and `revert_failed` are errors; an entry that was not
/// begun because of another case is skipped. The document is without failure and error exactly when the exit code is 0.
///
/// # Panics
/// Never: the document is written to memory, and what XML can't hold is left out of it.
pub fn junit(report: &Report) -> String {
    junit_runs(&[RunOutcome::Ran(report)])
}

/// What became of several files as one JUnit document: a suite for each run, round, and run that could not begin.
///
/// # Panics
/// Never, as [`junit`].
pub fn junit_runs(runs: &[RunOutcome<'_>]) -> String {
    let suites = runs.iter().flat_map(|run| match run {
        RunOutcome::Ran(report) => vec![suite(report, one_line(report.title()))],
        RunOutcome::Repeated(repeat) => round_suites(repeat),
        RunOutcome::Invalid(invalid) => vec![invalid_suite(invalid)],
    });
    let elapsed = runs.iter().map(|run| match run {
        RunOutcome::Ran(report) => report.elapsed_seconds,
        RunOutcome::Repeated(repeat) => repeat.rounds.iter().map(|round| round.elapsed_seconds).sum(),
        RunOutcome::Invalid(_) => 0.0,
    });
    document(suites.collect(), elapsed.sum())
}

/// Several rounds of one run as JUnit XML: a suite for each round, named for its number.
///
/// # Panics
/// Never, as [`junit`].
pub fn junit_rounds(repeat: &RepeatReport) -> String {
    junit_runs(&[RunOutcome::Repeated(repeat)])
}

fn round_suites(repeat: &RepeatReport) -> Vec<TestSuite> {
    let name = |at: usize, round: &Report| format!("{} (round {} of {})", round.title(), at + 1, repeat.rounds_wanted);
    let rounds = repeat.rounds.iter().enumerate();
    let mut suites: Vec<TestSuite> = rounds.map(|(at, round)| suite(round, one_line(&name(at, round)))).collect();
    if repeat.rounds.len() < repeat.rounds_wanted as usize {
        suites.push(missing_rounds(repeat));
    }
    suites
}

/// The rounds that did not run, as one error.
fn missing_rounds(repeat: &RepeatReport) -> TestSuite {
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
    let why = format!("interrupted after {} of {} rounds", repeat.rounds.len(), repeat.rounds_wanted);
    status.set_type("inconclusive").set_message(why);
    let mut case = TestCase::new("rounds", status);
    case.set_classname("repeat");
    let mut suite = TestSuite::new("repeat");
    suite.add_test_case(case);
    suite
}

fn suite(report: &Report, name: String) -> TestSuite {
    let mut suite = TestSuite::new(name);
    suite.set_time(seconds(report.elapsed_seconds));
    let facts = [
        ("run_id", Some(report.run_id.clone())),
        ("seed", Some(report.seed.to_string())),
        ("squall_version", Some(report.squall_version.clone())),
        ("verdict", Some(report.verdict.word().to_owned())),
        ("file", report.file.clone()),
        ("command", report.command.clone()),
    ];
    for (name, value) in facts {
        if let Some(value) = value {
            suite.add_property((name, one_line(&value).as_str()));
        }
    }
    suite.add_test_cases(report.cases().iter().map(case));
    suite
}

/// A run that could not begin, as JUnit XML: one case, with an error.
///
/// # Panics
/// Never, as [`junit`].
pub fn junit_invalid(invalid: &InvalidRun) -> String {
    document(vec![invalid_suite(invalid)], 0.0)
}

fn invalid_suite(invalid: &InvalidRun) -> TestSuite {
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
    status.set_type("invalid").set_message(one_line(&invalid.error)).set_description(lines(&invalid.problems));
    let mut case = TestCase::new(one_line(&invalid.name), status);
    case.set_classname("document");
    let mut suite = TestSuite::new(one_line(&invalid.name));
    suite.add_test_case(case);
    suite
}

fn document(suites: Vec<TestSuite>, elapsed: f64) -> String {
    let mut document = quick_junit::Report::new("squall");
    document.set_time(seconds(elapsed));
    document.add_test_suites(suites);
    document.to_string().expect("a document is written to memory")
}

fn case(case: &ReportCase) -> TestCase {
    let mut status = match case.outcome {
        CaseOutcome::Judged(Verdict::Held | Verdict::Unchecked) => TestCaseStatus::success(),
        CaseOutcome::Judged(Verdict::Deviated) => TestCaseStatus::non_success(NonSuccessKind::Failure),
        CaseOutcome::Judged(Verdict::Inconclusive | Verdict::RevertFailed) => {
            TestCaseStatus::non_success(NonSuccessKind::Error)
        }
        CaseOutcome::Skipped => TestCaseStatus::skipped(),
    };
    if !matches!(status, TestCaseStatus::Success { .. }) {
        status.set_type(case.outcome.word()).set_message(one_line(&case.reasons.join("; ")));
        status.set_description(lines(&case.reasons));
    }
    let mut told = TestCase::new(one_line(&case.name), status);
    for (name, value) in &case.figures {
        told.add_property((one_line(name).as_str(), one_line(value).as_str()));
    }
    told.set_classname(one_line(&case.class)).set_time(seconds(case.seconds));
    told
}

fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or_default()
}

/// An attribute holds one line; XML 1.0 can't hold the two noncharacters, which the library lets through.
fn one_line(text: &str) -> String {
    xml(&visible(&text.replace(['\n', '\r', '\t'], " ")))
}

/// The body of a case: a reason a line.
fn lines(reasons: &[String]) -> String {
    xml(&visible(&reasons.join("\n")))
}

fn xml(text: &str) -> String {
    text.replace(['\u{fffe}', '\u{ffff}'], "")
}
