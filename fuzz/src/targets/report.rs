//! Reports that are read back, compared, and rendered.

use std::path::Path;
use std::sync::LazyLock;

use chaos_runner::{
    BaselineBounds, InvalidRun, RepeatReport, Report, RunDiff, RunOutcome, html, html_runs, junit, junit_runs,
    report_schema, text, text_brief,
};
use serde_json::Value;
use squall::cli::parsers;

use super::hostile::{harmless, hostile_texts, is_visible, same_structure};
use crate::documents::{Dice, Maker};
use crate::target::{Breach, FuzzTarget};

static SCHEMA: LazyLock<Value> = LazyLock::new(report_schema);

pub(super) struct Reports(Maker<'static>);

impl Reports {
    pub(super) fn new() -> Self {
        Self(Maker::new(&SCHEMA))
    }

    /// A report as a value.
    pub(super) fn report(&mut self, dice: &mut Dice) -> Value {
        let (mut report, _) = self.0.document(dice);
        hostile_texts(&mut report, dice);
        report
    }
}

impl FuzzTarget for Reports {
    fn make(&mut self, dice: &mut Dice) -> Vec<u8> {
        self.report(dice).to_string().into_bytes()
    }

    fn feed(&self, input: &[u8]) -> Result<bool, Breach> {
        let file = Path::new("report.json");
        let report = match parsers::report(input, file) {
            Ok(report) => report,
            Err(error) if error.to_string().starts_with("invalid report `report.json`: ") => return Ok(false),
            Err(error) => return Err(Breach(format!("an error without its file: {error}"))),
        };
        let written = serde_json::to_string(&report).map_err(|error| Breach(format!("can't be written: {error}")))?;
        let again = parsers::report(written.as_bytes(), file);
        let again = again.map_err(|error| Breach(format!("written and refused: {error}: {written}")))?;
        if serde_json::to_string(&again).ok().as_ref() != Some(&written) {
            return Err(Breach(format!("a report changes when it is written: {written}")));
        }
        is_visible("a report", &text(&report))?;
        is_visible("a short report", &text_brief(&report))?;
        is_visible("a comparison", &RunDiff::of(&report, &again).text())?;
        let mut held = again;
        held.hold_against(&report, "base.json".to_owned(), BaselineBounds::default());
        is_visible("a report with a baseline", &text(&held))?;
        let value: Value = serde_json::from_str(&written).unwrap_or_default();
        let twin = serde_json::from_value(harmless(&value));
        let twin: Report = twin.map_err(|error| Breach(format!("without its marks it is refused: {error}")))?;
        pages(&report, &twin)
    }
}

fn pages(report: &Report, twin: &Report) -> Result<bool, Breach> {
    let (page, document) = (html(report), junit(report));
    same_structure("HTML page", &page, &html(twin))?;
    same_structure("JUnit document", &document, &junit(twin))?;
    is_visible("a page", &page)?;
    is_visible("a JUnit document", &document)?;
    if document.contains(['\u{fffe}', '\u{ffff}']) {
        return Err(Breach("a JUnit document that no XML parser takes".to_owned()));
    }
    let invalid = |of: &Report| InvalidRun {
        name: of.title().to_owned(),
        error: of.run_id.clone(),
        problems: of.entries.iter().map(|entry| entry.output.clone()).collect(),
        exit_code: 65,
    };
    let repeat = |of: &Report| RepeatReport::of(vec![of.clone(), of.clone()], 3);
    let all = |of: &Report| {
        let repeat = repeat(of);
        let mut runs = vec![RunOutcome::Ran(of), RunOutcome::Invalid(invalid(of))];
        runs.extend(repeat.as_ref().map(RunOutcome::Repeated));
        (html_runs(&runs), junit_runs(&runs))
    };
    let (one, other) = (all(report), all(twin));
    same_structure("HTML page of several runs", &one.0, &other.0)?;
    same_structure("JUnit document of several runs", &one.1, &other.1)?;
    Ok(true)
}
