//! The contract that every registered fault keeps, run on its own example.

use std::sync::Arc;
use std::time::Duration;

use chaos_core::{
    ChaosResult, ContextParts, Descriptor, DynFault, DynUndoStep, EventKind, Events, FAULTS, FaultNode, Hosts,
    Injection, Journal, Permission, Policy, Presence, RealClock, Reverted, RunContext, Span, SystemResolver, Task,
    UndoContext, UndoLog, Verdict, parse,
};
use chaos_runner::{Runner, RunnerBuilder};
use serde_json::{Value, json};

use crate::{Bench, Subjects};

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
pub fn broken_contracts() -> Vec<Broken> {
    let real = FAULTS.all().iter().filter(|descriptor| !descriptor.name.starts_with("test_"));
    real.flat_map(|descriptor| broken_by(descriptor)).collect()
}

/// Runs the contract over one fault, on the example of its doc comment.
pub fn broken_by(descriptor: &Descriptor<dyn DynFault>) -> Vec<Broken> {
    match descriptor.example().as_deref().map(serde_saphyr::from_str::<Value>) {
        Some(Ok(example)) => broken_on(descriptor.name, &example),
        Some(Err(error)) => vec![broken(descriptor.name, "has an example", &error.to_string())],
        None => vec![broken(descriptor.name, "has an example", "no ```yaml fence in its doc comment")],
    }
}

/// Runs the contract over one fault, on an example of the caller's.
pub fn broken_on(fault: &str, example: &Value) -> Vec<Broken> {
    let rules: [(&'static str, Rule); 7] = [
        ("plan touches nothing", plan_touches_nothing),
        ("it lands and is undone", lands_and_is_undone),
        ("a sham run does not pass", sham_does_not_pass),
        ("no effect without a journalled step, and undoing what never happened is harmless", nothing_without_journal),
        ("undo twice is harmless", undo_twice),
        ("cancel during inject leaves nothing", cancel_leaves_nothing),
        ("a panic in inject leaves nothing", panic_leaves_nothing),
    ];
    rules
        .iter()
        .filter_map(|(rule, check)| {
            Case::new(example).and_then(|case| check(&case)).err().map(|why| broken(fault, rule, &why))
        })
        .collect()
}

fn broken(fault: &str, rule: &'static str, why: &str) -> Broken {
    Broken { fault: fault.to_owned(), rule, why: why.to_owned() }
}

type Rule = fn(&Case) -> Result<(), String>;

/// One fault on fresh subjects, in a place of its own.
struct Case {
    bench: Bench,
    subjects: Subjects,
    action: Value,
}

impl Case {
    fn new(example: &Value) -> Result<Self, String> {
        let subjects = Subjects::start().map_err(|error| error.to_string())?;
        let action = subjects.fit(example);
        Ok(Self { bench: Bench::new().map_err(|error| error.to_string())?, subjects, action })
    }

    fn fault(&self) -> Result<FaultNode, String> {
        parse(&self.action).map_err(|error| error.to_string())
    }

    fn runner(&self) -> RunnerBuilder {
        let policy =
            Policy { permissions: Permission::ALL.to_vec(), allow_commands: vec!["*".into()], ..Policy::default() };
        let runner = Runner::builder().state_dir(self.bench.state()).workspace(self.bench.folder());
        // A model of the developer's own environment has no part in this.
        runner.env(std::collections::HashMap::new()).seed(1).policy(policy)
    }

    fn task(&self, action: &Value) -> Result<Task, String> {
        let mut entry = json!({"trigger": {"type": "test_now"}, "action": action});
        if self.fault()?.span() == Span::Sustained {
            entry["duration_seconds"] = json!(0.2);
        }
        parse(&entry).map(Task::of).map_err(|error| error.to_string())
    }

    fn run(&self, runner: RunnerBuilder, action: &Value) -> Result<ChaosResult, String> {
        let report = runner
            .build()
            .and_then(|runner| runner.run(self.task(action).map_err(|_| chaos_runner::RunnerError::Died)?));
        let mut entries = report.map_err(|error| error.to_string())?.entries;
        entries.pop().ok_or_else(|| "no result".to_owned())
    }

    /// A context outside any run, for single verbs.
    fn context(&self) -> RunContext {
        let clock: Arc<dyn chaos_core::Clock> = Arc::new(RealClock::new());
        let parts = ContextParts {
            run_id: "contract".into(),
            seed: 1,
            events: Events::new(Arc::clone(&clock)),
            clock,
            policy: Arc::default(),
            hosts: Hosts::new(Arc::new(SystemResolver)),
            env: Arc::default(),
            workspace: self.bench.folder().to_owned(),
        };
        RunContext::new(parts, tokio_util::sync::CancellationToken::new())
    }

    /// Looks whether the fault is gone; a finite one leaves nothing to look at.
    fn gone(&self) -> Result<(), String> {
        let fault = self.fault()?;
        if fault.span() == Span::Finite {
            return Ok(());
        }
        let seen = block_on(fault.witness(&self.context()))?;
        if seen.presence == Presence::Absent { Ok(()) } else { Err(format!("still there: {seen:?}")) }
    }
}

fn block_on<F: Future>(future: F) -> Result<F::Output, String> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    Ok(runtime.map_err(|error| error.to_string())?.block_on(future))
}

fn plan_touches_nothing(case: &Case) -> Result<(), String> {
    let fault = case.fault()?;
    case.gone()?;
    for _ in 0..3 {
        block_on(fault.plan(&case.context()))?.map_err(|error| error.to_string())?;
    }
    case.gone()?;
    let left = std::fs::read_dir(case.subjects.folder()).map_err(|error| error.to_string())?.count();
    let requests = case.subjects.requests();
    if requests == 0 && left == 0 { Ok(()) } else { Err(format!("{requests} requests, {left} files")) }
}

fn lands_and_is_undone(case: &Case) -> Result<(), String> {
    let result = case.run(case.runner(), &case.action)?;
    if !result.success || result.verdict != Verdict::Unchecked {
        return Err(format!("{:?}: {:?}", result.verdict, result.error));
    }
    case.gone()?;
    if case.bench.journals_left() == 0 { Ok(()) } else { Err("its journal is left".into()) }
}

fn sham_does_not_pass(case: &Case) -> Result<(), String> {
    let result = case.run(case.runner().sham(true), &case.action)?;
    let touched = case.subjects.requests();
    if result.success || result.verdict.exit_code() == 0 || touched > 0 {
        return Err(format!("{:?} with {touched} requests", result.verdict));
    }
    case.gone()
}

/// With a journal that can't be written, `arm` fails; what was made all the same was made without its step.
fn nothing_without_journal(case: &Case) -> Result<(), String> {
    let fault = case.fault()?;
    if fault.span() == Span::Finite {
        return Ok(());
    }
    let steps = block_on(async {
        let cx = case.context();
        let log = UndoLog::new(Arc::new(Journal::broken()), cx.clone(), None);
        let injected = fault.inject(&cx.into(), &log.handle()).await.is_ok();
        (injected, log.newest_first())
    })?;
    if steps.0 && steps.1.is_empty() {
        // In-process effects need no step, and are gone with their guard.
        return case.gone();
    }
    case.gone()?;
    for armed in &steps.1 {
        undo(armed.step.as_ref())?;
    }
    case.gone()
}

fn undo(step: &dyn DynUndoStep) -> Result<(), String> {
    // Through JSON, as recovery gets it.
    let raw = serde_json::to_value(step).map_err(|error| error.to_string())?;
    let step: Box<dyn DynUndoStep> = serde_json::from_value(raw).map_err(|error| error.to_string())?;
    let cx = UndoContext::new(Arc::new(RealClock::new()), Duration::from_secs(10));
    block_on(async { step.undo(&cx).await })?.map(drop).map_err(|error| error.to_string())
}

fn undo_twice(case: &Case) -> Result<(), String> {
    let fault = case.fault()?;
    if fault.span() == Span::Finite {
        return Ok(());
    }
    let steps = block_on(async {
        let cx = case.context();
        let log = UndoLog::new(Arc::new(Journal::in_memory()), cx.clone(), None);
        let injection = fault.inject(&cx.into(), &log.handle()).await.map_err(|error| error.to_string())?;
        if let Injection::InForce(guard) = injection {
            drop(guard);
        }
        Ok::<_, String>(log.newest_first())
    })??;
    for _ in 0..2 {
        for armed in &steps {
            undo(armed.step.as_ref())?;
        }
        case.gone()?;
    }
    Ok(())
}

/// Cancels at several moments: at once, and while the effect is being made.
fn cancel_leaves_nothing(case: &Case) -> Result<(), String> {
    for moment in ["waiting", "planned", "injecting", "armed", "active"] {
        let runner = case.runner().build().map_err(|error| error.to_string())?;
        let mut handle = runner.start(case.task(&case.action)?).map_err(|error| error.to_string())?;
        let mut events = handle.take_events().ok_or("no events")?;
        while let Some(event) = events.blocking_recv() {
            if name_of(&event.kind) == moment {
                handle.cancel();
            }
        }
        let report = handle.wait_blocking().map_err(|error| error.to_string())?;
        let result = report.entries.first().ok_or("no result")?;
        if result.reverted == Reverted::Failed {
            return Err(format!("cancelled at `{moment}`: {:?}", result.error));
        }
        case.gone().map_err(|why| format!("cancelled at `{moment}`: {why}"))?;
    }
    Ok(())
}

fn name_of(kind: &EventKind) -> String {
    kind.name().to_owned()
}

fn panic_leaves_nothing(case: &Case) -> Result<(), String> {
    let wrapper = match case.fault()?.span() {
        Span::Sustained => "test_panics_after_sustained",
        Span::Finite => "test_panics_after_finite",
    };
    let result = case.run(case.runner(), &json!({"type": wrapper, "fault": case.action}))?;
    let told = result.error.as_deref().unwrap_or_default();
    if result.success || result.verdict != Verdict::Inconclusive || !told.contains("a panic after the effect") {
        return Err(format!("{:?}: {told}", result.verdict));
    }
    case.gone()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules_broken(misbehave: &str) -> Vec<&'static str> {
        let example = json!({"type": "test_touch_file", "path": "x", "misbehave": misbehave});
        broken_on("test_touch_file", &example).into_iter().map(|broken| broken.rule).collect()
    }

    #[test]
    fn a_fault_that_keeps_the_contract_passes() {
        assert_eq!(rules_broken("no"), Vec::<&str>::new());
    }

    #[test]
    fn the_suite_catches_each_kind_of_lie() {
        assert_eq!(rules_broken("no_effect"), ["it lands and is undone"]);
        assert!(rules_broken("undo_lies").contains(&"undo twice is harmless"));
        assert!(rules_broken("no_journal").contains(&RULE_JOURNAL));
    }

    const RULE_JOURNAL: &str = "no effect without a journalled step, and undoing what never happened is harmless";
}
