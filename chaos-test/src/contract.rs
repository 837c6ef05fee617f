//! The contract that every registered fault keeps, run on the subject that it names at itself.

use std::collections::{BTreeSet, HashMap};
use std::io;
use std::path::PathBuf;

use chaos_core::{
    ChaosResult, Descriptor, DynFault, FAULTS, FaultNode, ParseError, Permission, PluginError, Policy, Presence,
    RunContext, Sighting, Span, Task, parse,
};
use chaos_runner::{Runner, RunnerBuilder, RunnerError};
use serde_json::{Value, json};

use crate::contract_subject::ContractSubject;
use crate::subjects::{Leftover, MARK};
use crate::{Bench, Subjects, run_context};

mod rules;

/// A rule that a fault broke.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// The fault.
    pub fault: String,
    /// The rule.
    pub rule: &'static str,
    /// What was seen.
    pub why: String,
}

/// Why a rule is broken, or could not be tried.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Violation {
    #[error("{0}")]
    Seen(String),
    #[error("still there: {0:?}")]
    StillThere(Sighting),
    #[error(transparent)]
    Leftover(#[from] Leftover),
    #[error(transparent)]
    Plugin(#[from] PluginError),
    #[error(transparent)]
    Runner(#[from] RunnerError),
    #[error(transparent)]
    Parse(#[from] ParseError),
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    #[error("the suite failed: {0}")]
    Io(#[from] io::Error),
}

/// Runs the contract over every registered fault that is not a fake of this crate; empty when all keep it.
///
/// A fault without a [`contract_subject!`](crate::contract_subject) breaks it.
pub fn broken_contracts() -> Vec<Broken> {
    let real = FAULTS.all().iter().filter(|descriptor| !descriptor.name.starts_with("test_"));
    real.flat_map(|descriptor| broken_by(descriptor)).collect()
}

/// Runs the contract over one fault, on the subject that it names.
pub fn broken_by(descriptor: &Descriptor<dyn DynFault>) -> Vec<Broken> {
    match ContractSubject::of((descriptor.type_id)()) {
        Some(subject) => broken_on(descriptor.name, &subject.build),
        None => vec![broken(descriptor.name, "it names its subject", "no `contract_subject!` beside its tests")],
    }
}

/// Runs the contract over one fault, on a subject of the caller's.
pub fn broken_on(fault: &str, build: &dyn Fn(&Subjects) -> io::Result<FaultNode>) -> Vec<Broken> {
    let broken_rule = |(rule, check): &(&'static str, rules::Rule)| {
        let kept = Case::new(build).and_then(|case| check(&case));
        kept.err().map(|why| broken(fault, rule, &why.to_string()))
    };
    rules::ALL.iter().filter_map(broken_rule).collect()
}

fn broken(fault: &str, rule: &'static str, why: &str) -> Broken {
    Broken { fault: fault.to_owned(), rule, why: why.to_owned() }
}

/// One fault on fresh subjects, in a place of its own.
struct Case {
    bench: Bench,
    subjects: Subjects,
    /// The fault in its wire form, from which each run reads its own.
    action: Value,
    /// What the subject function put into the folder.
    files: BTreeSet<PathBuf>,
}

impl Case {
    fn new(build: &dyn Fn(&Subjects) -> io::Result<FaultNode>) -> Result<Self, Violation> {
        let subjects = Subjects::new()?;
        let action = serde_json::to_value(build(&subjects)?)?;
        let files = subjects.files()?;
        Ok(Self { bench: Bench::new()?, subjects, action, files })
    }

    fn fault(&self) -> Result<FaultNode, Violation> {
        Ok(parse(&self.action)?)
    }

    fn span(&self) -> Result<Span, Violation> {
        Ok(self.fault()?.span())
    }

    /// Everything that a fault may need, on nothing but the subjects.
    fn policy(&self) -> Policy {
        let mut permissions = Permission::ALL.to_vec();
        permissions.retain(|permission| *permission != Permission::OutsidePaths);
        Policy {
            permissions,
            allow_paths: vec![self.subjects.folder().to_owned()],
            allow_commands: vec!["*".into()],
            ..Policy::default()
        }
    }

    fn runner(&self) -> RunnerBuilder {
        let runner = Runner::builder().state_dir(self.bench.state()).workspace(self.bench.folder());
        // A model of the developer's own environment has no part in this.
        let env = HashMap::from([(MARK.to_owned(), self.subjects.mark())]);
        runner.env(env).seed(1).policy(self.policy())
    }

    fn task(&self, action: &Value) -> Result<Task, Violation> {
        let mut entry = json!({"trigger": {"type": "test_now"}, "action": action});
        if self.span()? == Span::Sustained {
            entry["duration_seconds"] = json!(0.2);
        }
        Ok(Task::of(parse(&entry)?))
    }

    fn run(&self, runner: RunnerBuilder, action: &Value) -> Result<ChaosResult, Violation> {
        let report = runner.build()?.run(self.task(action)?)?;
        report.entries.into_iter().next().ok_or_else(|| Violation::Seen("no result".to_owned()))
    }

    /// A context outside any run, for single verbs.
    fn context(&self) -> RunContext {
        let mark = self.subjects.mark();
        let cx = run_context().run_id("contract").env([(MARK, mark.as_str())]).policy(self.policy());
        cx.workspace(self.bench.folder()).build()
    }

    /// Checks that the fault is gone and that nothing of it is left; a finite one leaves nothing to witness.
    fn gone(&self) -> Result<(), Violation> {
        let fault = self.fault()?;
        if fault.span() == Span::Sustained {
            let seen = block_on(fault.witness(&self.context()))?;
            if seen.presence != Presence::Absent {
                return Err(Violation::StillThere(seen));
            }
        }
        Ok(self.subjects.check_left(&self.files)?)
    }

    /// The same, where no request may have been sent either.
    fn untouched(&self) -> Result<(), Violation> {
        self.gone()?;
        match self.subjects.requests() {
            0 => Ok(()),
            requests => Err(Violation::Seen(format!("{requests} requests"))),
        }
    }
}

fn block_on<F: Future>(future: F) -> io::Result<F::Output> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    Ok(runtime.block_on(future))
}

#[cfg(test)]
mod tests {
    use chaos_core::Seconds;

    use super::*;
    use crate::{FiniteMisbehave, Misbehave, RequestLoop, TouchFile};

    fn broken_rules(build: &dyn Fn(&Subjects) -> io::Result<FaultNode>) -> Vec<&'static str> {
        broken_on("test", build).into_iter().map(|broken| broken.rule).collect()
    }

    fn sustained(misbehave: Misbehave) -> Vec<&'static str> {
        broken_rules(&|subjects| Ok(TouchFile { path: subjects.folder().join("file"), misbehave }.into()))
    }

    fn finite(misbehave: FiniteMisbehave) -> Vec<&'static str> {
        broken_rules(&|subjects| {
            let (address, file) = (subjects.service()?, subjects.folder().join("file"));
            let seconds = Seconds::try_from(0.3).map_err(io::Error::other)?;
            Ok(RequestLoop { address, file, seconds, misbehave }.into())
        })
    }

    const PLAN: &str = "plan touches nothing";
    const LANDS: &str = "it lands and is undone";
    const SHAM: &str = "a sham run does not pass";
    const JOURNAL: &str = "no effect without a journalled step, and undoing what never happened is harmless";
    const TWICE: &str = "undo twice is harmless";
    const CANCEL: &str = "cancel during inject leaves nothing";
    const PANIC: &str = "a panic in inject leaves nothing";

    #[test]
    fn faults_that_keep_the_contract_pass() {
        assert_eq!(sustained(Misbehave::No), Vec::<&str>::new());
        assert_eq!(finite(FiniteMisbehave::No), Vec::<&str>::new());
    }

    #[test]
    fn each_kind_of_misbehaviour_of_a_sustained_fault_is_caught() {
        assert_eq!(sustained(Misbehave::NoEffect), [LANDS]);
        assert!(sustained(Misbehave::UndoLies).contains(&TWICE));
        assert!(sustained(Misbehave::NoJournal).contains(&JOURNAL));
    }

    #[test]
    fn each_kind_of_misbehaviour_of_a_finite_fault_is_caught() {
        let rows: [(_, &[&str]); 8] = [
            (FiniteMisbehave::RequestInPlan, &[PLAN, SHAM]),
            (FiniteMisbehave::NoEffect, &[LANDS]),
            (FiniteMisbehave::KeepsRequesting, &[LANDS, TWICE, PANIC]),
            (FiniteMisbehave::KeepsConnection, &[LANDS, TWICE, CANCEL, PANIC]),
            (FiniteMisbehave::LeavesProgram, &[LANDS, TWICE, CANCEL, PANIC]),
            (FiniteMisbehave::NoJournal, &[JOURNAL]),
            (FiniteMisbehave::IgnoresJournal, &[JOURNAL]),
            (FiniteMisbehave::UndoLies, &[LANDS, TWICE, CANCEL, PANIC]),
        ];
        std::thread::scope(|scope| {
            for (misbehave, rules) in rows {
                scope.spawn(move || {
                    let broken = finite(misbehave);
                    assert!(rules.iter().all(|rule| broken.contains(rule)), "{misbehave:?}: {broken:?}");
                });
            }
        });
    }

    #[test]
    fn a_fault_that_names_no_subject_breaks_the_contract() {
        let broken = broken_by(FAULTS.get("test_finite").unwrap());
        assert_eq!(broken.iter().map(|broken| broken.rule).collect::<Vec<_>>(), ["it names its subject"]);
    }
}
