//! The report: its verdict, and the exit code that says it.

use std::fmt::Write;

use chaos_core::{Verdict, Verification};
use chaos_runner::Report;
use chaos_soak::EventEnd;
use serde::{Deserialize, Serialize};

use crate::command::CommandRun;
use crate::drive::{TortureAttempt, TortureEnd};

/// What a command showed under faults.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TortureReport {
    /// The judgement.
    pub verdict: Verdict,
    /// Why it is not better, in one clause.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// The exit code that says both: that of the command where it failed under faults.
    pub exit_code: i32,
    /// The command.
    pub command: Vec<String>,
    /// The seed of the first attempt.
    pub seed: u64,
    /// How many attempts were planned.
    pub attempts_planned: usize,
    /// The command without faults.
    pub baseline: Option<CommandRun>,
    /// The command under faults.
    pub attempts: Vec<TortureAttempt>,
    /// The steady state at the end.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub end_state: Vec<Verification>,
    /// Whether it was ended from outside.
    pub interrupted: bool,
    /// The run of the engine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_id: Option<String>,
}

/// Parts that the text names; the JSON report has all.
const NAMED: usize = 20;

impl TortureReport {
    /// Judges what was done.
    pub fn of(command: Vec<String>, seed: u64, attempts_planned: usize, end: &TortureEnd) -> Self {
        let mut report = Self {
            verdict: Verdict::Held,
            why: None,
            exit_code: 0,
            command,
            seed,
            attempts_planned,
            baseline: end.baseline.clone(),
            attempts: end.attempts.clone(),
            end_state: Vec::new(),
            interrupted: end.interrupted,
            run_id: None,
        };
        (report.verdict, report.why) = report.judged();
        report.exit_code = report.code();
        report
    }

    fn judged(&self) -> (Verdict, Option<String>) {
        let because = |verdict, why: String| (verdict, Some(why));
        if let Some(attempt) = self.attempts.iter().find(|attempt| attempt.has_left_something()) {
            let why = attempt.soak.why.clone().unwrap_or_else(|| "an undo failed".to_owned());
            return because(Verdict::RevertFailed, why);
        }
        if self.interrupted {
            return because(Verdict::Inconclusive, "interrupted".to_owned());
        }
        let Some(baseline) = &self.baseline else {
            return because(Verdict::Inconclusive, "the command was not run, so nothing was shown".to_owned());
        };
        if !baseline.end.is_pass() {
            let why = format!("without faults the command {}, so nothing was shown", baseline.end.text());
            return because(Verdict::Inconclusive, why);
        }
        if let Some(attempt) = self.attempts.iter().find(|attempt| !attempt.command.end.is_pass()) {
            return because(Verdict::Deviated, attempt.why_failed());
        }
        let deviated = |attempt: &&TortureAttempt| attempt.soak.verdict == Verdict::Deviated;
        if let Some(attempt) = self.attempts.iter().find(deviated) {
            let why = attempt.soak.why.clone().unwrap_or_default();
            return because(Verdict::Deviated, format!("the command passed, and the soak did not: {why}"));
        }
        if self.attempts.iter().all(|attempt| attempt.soak.n == 0) {
            let why = "no fault landed while the command ran, so nothing was shown";
            return because(Verdict::Inconclusive, why.to_owned());
        }
        (Verdict::Held, None)
    }

    /// Adds what the run around the command showed: nodes that ended by themselves, the end state, nodes that are left.
    #[must_use]
    pub fn with_run(mut self, run: &Report) -> Self {
        self.end_state.clone_from(&run.steady_state_after);
        self.run_id = Some(run.run_id.clone());
        if run.verdict > self.verdict {
            self.verdict = run.verdict;
            self.why = run.around().or(self.why);
        }
        self.exit_code = self.code();
        self
    }

    fn code(&self) -> i32 {
        let of_command = || {
            let ends = self.attempts.iter().map(|attempt| &attempt.command.end);
            let code = ends.filter(|end| !end.is_pass()).map(crate::CommandEnd::code).next();
            // What the operating system would make of it.
            code.map(|code| code & 0xff).filter(|code| *code != 0)
        };
        match self.verdict {
            Verdict::Deviated => of_command().unwrap_or(1),
            verdict => verdict.exit_code().into(),
        }
    }

    /// The report for people.
    pub fn text(&self) -> String {
        let mut out = String::new();
        // Writing to a string can't fail.
        if let Some(baseline) = &self.baseline {
            let _ = writeln!(out, "without faults: the command {} ({:.1} s)", baseline.end.text(), baseline.seconds());
        }
        for attempt in &self.attempts {
            attempt.write_text(&mut out);
        }
        for probe in &self.end_state {
            let answer = if probe.success { "yes" } else { "no" };
            let _ = writeln!(out, "end state `{}`: {answer}", probe.name);
        }
        let why = self.why.as_deref().map(|why| format!(": {why}")).unwrap_or_default();
        let (passed, all) = (self.attempts.iter().filter(|one| one.command.end.is_pass()).count(), self.attempts.len());
        let (word, planned, seed) = (self.verdict.word(), self.attempts_planned, self.seed);
        let _ =
            writeln!(out, "torture {word}{why} ({passed} of {all} attempts passed, {planned} planned, seed {seed})");
        out
    }
}

impl TortureAttempt {
    fn why_failed(&self) -> String {
        let told = format!("the command {} in attempt {} (seed {})", self.command.end.text(), self.number, self.seed);
        let unexplained = self.failures.iter().filter(|failure| !failure.is_attributable()).count();
        match (unexplained, self.failures.len()) {
            (0, _) => told,
            (none, all) if none == all => format!("{told}, and no fault was active when it did"),
            (some, all) => format!("{told}; no fault was active in {some} of its {all} failures"),
        }
    }

    fn write_text(&self, out: &mut String) {
        let (number, seed, run) = (self.number, self.seed, &self.command);
        let _ = writeln!(
            out,
            "attempt {number} (seed {seed}): the command {} ({:.1} s to {:.1} s, {} parts)",
            run.end.text(),
            run.began_seconds,
            run.ended_seconds,
            run.parts.len()
        );
        for fault in &self.faults {
            let to = fault.to_seconds.map_or_else(|| "not undone".to_owned(), |to| format!("{to:.1} s"));
            let overlapped = match fault.parts.len() {
                0 => String::new(),
                1 => format!(", during `{}`", fault.parts[0]),
                parts => format!(", during {parts} parts"),
            };
            let _ = writeln!(out, "  {:.1} s to {to}: {}{overlapped}", fault.from_seconds, fault.label());
        }
        for event in &self.soak.events {
            let _ = match &event.end {
                EventEnd::Skipped(why) => writeln!(out, "  event {} `{}` skipped: {why}", event.number, event.fault),
                end => end.rule().map_or(Ok(()), |rule| writeln!(out, "  event {}: {rule}", event.number)),
            };
        }
        for failure in self.failures.iter().take(NAMED) {
            let _ = writeln!(out, "  {}", failure.text());
        }
        if self.failures.len() > NAMED {
            let _ = writeln!(out, "  and {} more failures", self.failures.len() - NAMED);
        }
    }
}
