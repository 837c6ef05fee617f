//! The report as JUnit XML.

use std::time::Duration;

use chaos_core::visible_line;
use quick_junit::{NonSuccessKind, TestCase, TestCaseStatus, TestSuite};

use crate::outcome::ScenarioOutcome;
use crate::report::ScenarioReport;

impl ScenarioReport {
    /// The report as JUnit XML: a suite for the scenario, a case for each step, and one for the whole.
    ///
    /// # Panics
    /// Never: the document is written to memory, and what XML can't hold is left out of it.
    pub fn junit(&self) -> String {
        let mut suite = TestSuite::new(one_line(&self.workflow));
        suite.set_time(Duration::try_from_secs_f64(self.elapsed_seconds).unwrap_or_default());
        for step in &self.steps {
            suite.add_test_case(self.case(
                &step.step,
                step.outcome,
                step.detail.as_deref().unwrap_or("it had not ended"),
            ));
        }
        let whole = if self.left.is_some() { None } else { Some(self.outcome) };
        let why = self.left.as_deref().or(self.first_failure.as_ref().map(|first| first.detail.as_str()));
        suite.add_test_case(self.case("the whole scenario", whole, why.unwrap_or_default()));
        let mut document = quick_junit::Report::new("squall");
        document.add_test_suite(suite);
        document.to_string().expect("a document is written to memory")
    }

    fn case(&self, name: &str, outcome: Option<ScenarioOutcome>, detail: &str) -> TestCase {
        let failed = |kind| {
            let mut status = TestCaseStatus::non_success(kind);
            status.set_message(one_line(detail));
            status
        };
        let status = match outcome {
            Some(ScenarioOutcome::Pass) => TestCaseStatus::success(),
            Some(ScenarioOutcome::TaskFail) => failed(NonSuccessKind::Failure),
            Some(ScenarioOutcome::InfraFail) | None => failed(NonSuccessKind::Error),
        };
        let mut case = TestCase::new(one_line(name), status);
        case.set_classname(one_line(&self.scenario));
        case
    }
}

/// An attribute holds one line; XML 1.0 can't hold the two noncharacters, which the library lets through.
fn one_line(text: &str) -> String {
    visible_line(text).replace(['\u{fffe}', '\u{ffff}'], "")
}
