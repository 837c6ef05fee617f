//! A report as cases, each with its outcome: what JUnit and HTML print, so that they agree with the exit code.

use std::collections::HashSet;

use chaos_core::{Answer, ChaosResult, Reverted, Verdict, Verification};

use super::run_report::Report;
use crate::cause::skipped_because;
use crate::nodes::NodeFinding;

/// One thing that a run was about: a probe of the steady state, an entry, its undo, the recovery of a dead run.
#[derive(Debug, Clone, PartialEq)]
pub struct ReportCase {
    /// What kind of thing: the fault's `type` for an entry, else such as `steady_state.before`.
    pub class: String,
    /// Its name; no two cases of a report have both class and name in common.
    pub name: String,
    /// What became of it.
    pub outcome: CaseOutcome,
    /// How long it took.
    pub seconds: f64,
    /// Why, one clause a line; empty where there is nothing to say.
    pub reasons: Vec<String>,
    /// Its figures, each with its name, as text has them.
    pub figures: Vec<(String, String)>,
}

/// What became of a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CaseOutcome {
    /// Judged.
    Judged(Verdict),
    /// Not begun because of something that is a case of its own.
    Skipped,
}

impl CaseOutcome {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Judged(verdict) => verdict.word(),
            Self::Skipped => "skipped",
        }
    }

    fn code(self) -> u8 {
        match self {
            Self::Judged(verdict) => verdict.exit_code(),
            Self::Skipped => 0,
        }
    }

    fn verdict(self) -> Option<Verdict> {
        match self {
            Self::Judged(verdict) => Some(verdict),
            Self::Skipped => None,
        }
    }
}

impl Report {
    /// The run as cases: steady state before, recovery of dead runs, each entry and its undo, steady state after,
    /// the baseline. The worst
    /// of them has the report's exit code.
    pub fn cases(&self) -> Vec<ReportCase> {
        let mut cases: Vec<ReportCase> =
            self.steady_state_before.iter().map(|probe| steady("steady_state.before", probe)).collect();
        cases.extend(self.recovery());
        for entry in &self.entries {
            cases.push(entry_case(entry));
            cases.extend(revert_case(entry));
        }
        cases.extend(self.node_exits.iter().map(node_case));
        cases.extend(self.nodes_left.iter().map(|left| left_case(left)));
        cases.extend(self.steady_state_after.iter().map(|probe| steady("steady_state.after", probe)));
        cases.extend(self.baseline_case());
        if cases.iter().map(|case| case.outcome.code()).max().unwrap_or(0) != self.exit_code()
            || worst(&cases).is_none_or(|worst| worst.exit_code() != self.exit_code())
        {
            cases.push(self.run_case());
        }
        unique(cases)
    }

    /// The run against its baseline.
    fn baseline_case(&self) -> Option<ReportCase> {
        let baseline = self.baseline.as_deref()?;
        Some(ReportCase {
            class: "baseline".to_owned(),
            name: baseline.file.clone(),
            outcome: CaseOutcome::Judged(baseline.verdict),
            seconds: 0.0,
            reasons: baseline.reasons.clone(),
            figures: Vec::new(),
        })
    }

    /// The run itself: for what no other case says.
    fn run_case(&self) -> ReportCase {
        let why = match self.entries.first().and_then(|entry| entry.error.clone()) {
            Some(error) => error,
            None if self.entries.is_empty() => "a run without an entry shows nothing".to_owned(),
            None => self.verdict.word().to_owned(),
        };
        ReportCase {
            class: "run".to_owned(),
            name: "verdict".to_owned(),
            outcome: CaseOutcome::Judged(self.verdict),
            seconds: self.elapsed_seconds,
            reasons: vec![why],
            figures: Vec::new(),
        }
    }

    fn recovery(&self) -> Vec<ReportCase> {
        let case = |name: String, outcome: CaseOutcome, reason: String| ReportCase {
            class: "recovery".to_owned(),
            name,
            outcome,
            seconds: 0.0,
            reasons: vec![reason],
            figures: Vec::new(),
        };
        let held = CaseOutcome::Judged(Verdict::Held);
        let recovered = &self.recovered;
        let undone = recovered.undone.iter().map(|step| case(step.step.clone(), held, step.undone.detail().to_owned()));
        let moot = recovered.moot.iter().map(|step| case(step.clone(), held, "moot since the reboot".to_owned()));
        // Not of this run, so no part of its verdict: `squall recover` has an exit code of its own.
        let kept = recovered.kept.iter().map(|kept| {
            let problems: Vec<&str> = kept.problems.iter().map(|problem| problem.what.as_str()).collect();
            case(format!("journal {}", kept.path), CaseOutcome::Skipped, format!("kept: {}", problems.join("; ")))
        });
        undone.chain(moot).chain(kept).collect()
    }
}

fn worst(cases: &[ReportCase]) -> Option<Verdict> {
    cases.iter().filter_map(|case| case.outcome.verdict()).max()
}

/// A probe of the steady state. Before the first injection anything but yes means that nothing could be shown.
fn steady(class: &str, probe: &Verification) -> ReportCase {
    let verdict = match probe.answer {
        Answer::Yes => Verdict::Held,
        Answer::No if class == "steady_state.after" => Verdict::Deviated,
        Answer::No | Answer::Unknown => Verdict::Inconclusive,
    };
    ReportCase {
        class: class.to_owned(),
        name: probe.name.clone(),
        outcome: CaseOutcome::Judged(verdict),
        seconds: 0.0,
        reasons: vec![probe.detail.clone()],
        figures: Vec::new(),
    }
}

/// A node that ended by itself.
fn node_case(exit: &NodeFinding) -> ReportCase {
    let NodeFinding { node, exit, at_seconds, verdict, detail } = exit;
    ReportCase {
        class: "node.exit".to_owned(),
        name: node.clone(),
        outcome: CaseOutcome::Judged(*verdict),
        seconds: *at_seconds,
        reasons: vec![format!("{exit}, {detail}")],
        figures: Vec::new(),
    }
}

/// A node that may still run.
fn left_case(left: &str) -> ReportCase {
    ReportCase {
        class: "node.stop".to_owned(),
        name: "stopped".to_owned(),
        outcome: CaseOutcome::Judged(Verdict::RevertFailed),
        seconds: 0.0,
        reasons: vec![left.to_owned()],
        figures: Vec::new(),
    }
}

fn entry_case(entry: &ChaosResult) -> ReportCase {
    let skipped = entry.error.as_deref().and_then(skipped_because).filter(|_| entry.verdict == Verdict::Inconclusive);
    let outcome = if skipped.is_some() { CaseOutcome::Skipped } else { CaseOutcome::Judged(entry.verdict) };
    let probes = entry.probes.iter().chain(&entry.verification);
    let probes = probes.filter(|probe| !probe.success).map(|probe| format!("`{}`: {}", probe.name, probe.detail));
    // A control leg that kept the fault from being injected is the error.
    let control = entry.control.as_ref().filter(|_| entry.error.is_none()).and_then(|leg| leg.reason.clone());
    let mut reasons: Vec<String> = entry.error.clone().into_iter().chain(control).chain(probes).collect();
    if reasons.is_empty() && entry.verdict.exit_code() != 0 {
        reasons.push(entry.verdict.word().to_owned());
    }
    let (class, name) = (class_of(entry), entry.name.clone());
    ReportCase { class, name, outcome, seconds: entry.elapsed_time, reasons, figures: entry_figures(entry) }
}

fn entry_figures(entry: &ChaosResult) -> Vec<(String, String)> {
    entry.bounds.named().map(|(name, range)| (name.to_owned(), range.to_string())).collect()
}

/// The undo of an entry, where there was something to undo.
fn revert_case(entry: &ChaosResult) -> Option<ReportCase> {
    let (verdict, reason) = match entry.reverted {
        Reverted::NothingToRevert => return None,
        Reverted::Reverted => (Verdict::Held, "reverted (verified)".to_owned()),
        Reverted::NotReversible => (Verdict::Held, "not reversible, as planned".to_owned()),
        Reverted::Failed => {
            let why = entry.error.clone().unwrap_or_else(|| "something may still be in force".to_owned());
            (Verdict::RevertFailed, why)
        }
    };
    let class = format!("{}.revert", class_of(entry));
    let outcome = CaseOutcome::Judged(verdict);
    Some(ReportCase {
        class,
        name: entry.name.clone(),
        outcome,
        seconds: 0.0,
        reasons: vec![reason],
        figures: Vec::new(),
    })
}

fn class_of(entry: &ChaosResult) -> String {
    if entry.injected_fault.is_empty() { "unknown".to_owned() } else { entry.injected_fault.clone() }
}

/// Numbers the names that a class has more than once.
fn unique(mut cases: Vec<ReportCase>) -> Vec<ReportCase> {
    let mut seen = HashSet::new();
    for case in &mut cases {
        let name = case.name.clone();
        let mut turn = 1;
        while !seen.insert((case.class.clone(), case.name.clone())) {
            turn += 1;
            case.name = format!("{name} ({turn})");
        }
    }
    cases
}
