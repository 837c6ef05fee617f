//! The contract that every registered fault keeps, run on the subject that it names at itself.

use std::io;

use chaos_core::{Descriptor, DynFault, FAULTS, FaultNode};

use crate::Subjects;
use crate::contract_subject::ContractSubject;

mod case;
mod rules;

use self::case::Case;

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

/// Runs the contract over every registered fault that is not a fake of this crate; empty when all keep it.
///
/// A fault without a [`contract_subject!`](crate::contract_subject) breaks it. One whose subject is
/// [`io::ErrorKind::Unsupported`] on this machine is skipped, and that is printed.
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
    // What this machine can't do breaks no rule.
    if let Err(error) = Subjects::new().and_then(|subjects| build(&subjects))
        && error.kind() == io::ErrorKind::Unsupported
    {
        eprintln!("skipped: the contract of `{fault}` needs {error}");
        return Vec::new();
    }
    let broken_rule = |(rule, check): &(&'static str, rules::Rule)| {
        let kept = Case::new(build).and_then(|case| check(&case));
        kept.err().map(|why| broken(fault, rule, &why.to_string()))
    };
    rules::ALL.iter().filter_map(broken_rule).collect()
}

fn broken(fault: &str, rule: &'static str, why: &str) -> Broken {
    Broken { fault: fault.to_owned(), rule, why: why.to_owned() }
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
