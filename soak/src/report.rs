//! The report of a soak: its figures, its flake budget, and its verdict.

use std::fmt::Write;

use chaos_core::{SoakSpec, Verdict, Verification};
use chaos_runner::Report;
use serde::{Deserialize, Serialize};

use crate::edges::{SoakEdge, SoakOverlap, edges, overlapping};
use crate::execute::{FinishedEvent, SoakEnd};
use crate::judge::{EventEnd, SoakFailure};
use crate::statistics::{FaultStatistics, statistics};

/// What a soak showed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SoakReport {
    /// The judgement: what did not land shows nothing, a miss beyond the budget or a failure is a deviation.
    pub verdict: Verdict,
    /// Why it is not better, in one clause.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// The seed that drew its plan.
    pub seed: u64,
    /// Events of the plan.
    pub planned: usize,
    /// Events that were judged.
    pub n: usize,
    /// Those that passed.
    pub passed: usize,
    /// Those that missed their detection window.
    pub missed: usize,
    /// Those that did not land; not in `n`.
    pub skipped: usize,
    /// How many of `n` may miss, in percent.
    pub flake_budget_percent: f64,
    /// The first failure that ended the soak.
    pub failure: Option<SoakFailure>,
    /// Whether it was ended from outside.
    pub interrupted: bool,
    /// Figures for each fault of the pool.
    pub faults: Vec<FaultStatistics>,
    /// The events that ended.
    pub events: Vec<FinishedEvent>,
    /// The timeline of all of them, oldest first.
    pub edges: Vec<SoakEdge>,
    /// How far they were in force together.
    pub overlap: SoakOverlap,
    /// The steady state at the end.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub end_state: Vec<Verification>,
    /// The run of the engine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_id: Option<String>,
    /// Where its manifest is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manifest: Option<String>,
}

impl SoakReport {
    /// Judges what a soak did.
    pub fn of(spec: &SoakSpec, seed: u64, planned: usize, end: &SoakEnd) -> Self {
        let edges = edges(&end.events);
        let together = overlapping(&edges);
        let faults = statistics(spec.pool.iter().map(chaos_core::SoakFault::label), &end.events, &together);
        let sum = |of: fn(&FaultStatistics) -> usize| faults.iter().map(of).sum::<usize>();
        let (n, passed, missed, skipped) = (sum(|f| f.n), sum(|f| f.passed), sum(|f| f.missed), sum(|f| f.skipped));
        let mut report = Self {
            verdict: Verdict::Held,
            why: None,
            seed,
            planned,
            n,
            passed,
            missed,
            skipped,
            flake_budget_percent: spec.flake_budget_percent,
            failure: end.failure.clone(),
            interrupted: end.interrupted,
            faults,
            events: end.events.clone(),
            overlap: SoakOverlap::of(&edges),
            edges,
            end_state: Vec::new(),
            run_id: None,
            manifest: None,
        };
        (report.verdict, report.why) = report.judged(end.lost);
        report
    }

    fn judged(&self, lost: bool) -> (Verdict, Option<String>) {
        let failed = self.events.iter().any(|event| matches!(event.end, EventEnd::RevertFailed(_)));
        if let Some(failure) = &self.failure {
            let verdict = if failed || lost { Verdict::RevertFailed } else { Verdict::Deviated };
            let after = failure.event.map(|event| format!(" after event {event}")).unwrap_or_default();
            return (verdict, Some(format!("{}{after}", failure.rule)));
        }
        if self.is_over_budget() {
            let (missed, n, budget) = (self.missed, self.n, self.flake_budget_percent);
            let why = format!("{missed} of {n} events missed their window, more than the flake budget of {budget} %");
            return (Verdict::Deviated, Some(why));
        }
        if self.interrupted {
            return (Verdict::Inconclusive, Some("interrupted".to_owned()));
        }
        if self.n == 0 {
            return (Verdict::Inconclusive, Some("no event landed, so nothing was shown".to_owned()));
        }
        (Verdict::Held, None)
    }

    #[expect(clippy::cast_precision_loss, reason = "a soak has at most 100,000 events")]
    fn is_over_budget(&self) -> bool {
        self.missed as f64 * 100.0 > self.flake_budget_percent * self.n as f64
    }

    /// Adds what the run around the events showed: nodes that ended by themselves, the end state, nodes that are left.
    #[must_use]
    pub fn with_run(mut self, run: &Report) -> Self {
        self.end_state.clone_from(&run.steady_state_after);
        self.run_id = Some(run.run_id.clone());
        if run.verdict > self.verdict {
            self.verdict = run.verdict;
            self.why = run.around().or(self.why);
            if let (None, Some(rule)) = (&self.failure, &self.why)
                && run.verdict.exit_code() % 2 == 1
            {
                let end = run.steady_state_after.iter().find(|probe| !probe.success);
                let rule = end.map_or_else(|| rule.clone(), |probe| format!("end state `{}`", probe.name));
                self.failure = Some(SoakFailure { event: None, rule });
            }
        }
        self
    }

    /// The failure that a replay must show again: the first one, or the flake budget.
    pub fn to_reproduce(&self) -> Option<SoakFailure> {
        let budget = || SoakFailure { event: None, rule: "flake budget".to_owned() };
        self.failure.clone().or_else(|| self.is_over_budget().then(budget))
    }

    /// The report for people.
    pub fn text(&self) -> String {
        let mut out = String::new();
        let width = self.faults.iter().map(|fault| fault.fault.len()).max().unwrap_or(5).max(5);
        // Writing to a string can't fail.
        let _ = writeln!(
            out,
            "{:width$}  {:>5} {:>6} {:>6} {:>7} {:>10}  {:>17}  {:>17}",
            "fault", "n", "passed", "missed", "skipped", "overlapped", "detect p50/p95", "recover p50/p95"
        );
        let span = |span: Option<crate::TimeSpan>| match span {
            Some(span) => format!("{:.2} s/{:.2} s", span.p50_seconds, span.p95_seconds),
            None => "-".to_owned(),
        };
        for fault in &self.faults {
            let _ = writeln!(
                out,
                "{:width$}  {:>5} {:>6} {:>6} {:>7} {:>10}  {:>17}  {:>17}",
                fault.fault,
                fault.n,
                fault.passed,
                fault.missed,
                fault.skipped,
                fault.overlapped,
                span(fault.detect),
                span(fault.recover)
            );
        }
        let SoakOverlap { most, in_force_seconds, several_seconds } = self.overlap;
        let _ = writeln!(
            out,
            "in force: {in_force_seconds:.1} s, {several_seconds:.1} s of it with several at the same time, at most {most}"
        );
        for probe in &self.end_state {
            let answer = if probe.success { "yes" } else { "no" };
            let _ = writeln!(out, "end state `{}`: {answer}", probe.name);
        }
        let why = self.why.as_deref().map(|why| format!(": {why}")).unwrap_or_default();
        let _ = writeln!(
            out,
            "soak {}{why} ({} of {} events passed, {} skipped, {} planned, seed {})",
            self.verdict.word(),
            self.passed,
            self.n,
            self.skipped,
            self.planned,
            self.seed
        );
        out
    }
}
