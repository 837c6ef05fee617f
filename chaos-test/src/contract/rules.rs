//! The nine rules; each holds for sustained and for finite faults.

use std::sync::Arc;
use std::time::Duration;

use chaos_core::{ArmedStep, DynUndoStep, Injection, Journal, Reverted, Span, UndoLog, Verdict};
use serde_json::{Value, json};

use super::case::{Case, Violation, block_on};
use crate::subjects::Process;

/// Tries one rule on one fault.
pub(super) type Rule = fn(&Case) -> Result<(), Violation>;

/// All of them, each tried on subjects of its own.
pub(super) const ALL: [(&str, Rule); 9] = [
    ("plan touches nothing", plan_touches_nothing),
    ("it lands and is undone", lands_and_is_undone),
    ("a sham run does not pass", sham_does_not_pass),
    ("no effect without a journalled step, and undoing what never happened is harmless", nothing_without_journal),
    ("undo twice is harmless", undo_twice),
    ("undo after the target died is harmless", undo_after_death),
    ("undo touches no other process that has the pid by now", undo_touches_no_other),
    ("cancel during inject leaves nothing", cancel_leaves_nothing),
    ("a panic in inject leaves nothing", panic_leaves_nothing),
];

fn seen(what: String) -> Violation {
    Violation::Seen(what)
}

fn plan_touches_nothing(case: &Case) -> Result<(), Violation> {
    let fault = case.fault()?;
    case.untouched()?;
    for _ in 0..3 {
        block_on(fault.plan(&case.context()?))??;
    }
    case.untouched()
}

fn lands_and_is_undone(case: &Case) -> Result<(), Violation> {
    let result = case.run(case.runner(), &case.action)?;
    if !result.success || result.verdict != Verdict::Unchecked {
        return Err(seen(format!("{:?}: {:?}", result.verdict, result.error)));
    }
    case.gone()?;
    if case.bench.journals_left() == 0 { Ok(()) } else { Err(seen("its journal is left".into())) }
}

fn sham_does_not_pass(case: &Case) -> Result<(), Violation> {
    let result = case.run(case.runner().sham(true), &case.action)?;
    if result.success || result.verdict.exit_code() == 0 {
        return Err(seen(format!("{:?}", result.verdict)));
    }
    case.untouched()
}

/// With a journal that can't be written, `arm` fails; what was made all the same was made without its step.
fn nothing_without_journal(case: &Case) -> Result<(), Violation> {
    let fault = case.fault()?;
    let cx = case.context()?;
    let (injected, steps) = block_on(async {
        let log = UndoLog::new(Arc::new(Journal::broken()), cx.clone(), None);
        let injected = fault.inject(&cx.into(), &log.handle()).await.is_ok();
        (injected, log.newest_first())
    })?;
    case.gone()?;
    if steps.is_empty() {
        // Effects in this process need no step, and are gone with their guard.
        return Ok(());
    }
    if injected {
        return Err(seen("it went on though its step did not reach the journal".into()));
    }
    for armed in &steps {
        undo(case, armed.step.as_ref())?;
    }
    case.gone()
}

/// Through JSON, as recovery gets it.
fn undo(case: &Case, step: &dyn DynUndoStep) -> Result<(), Violation> {
    let step: Box<dyn DynUndoStep> = serde_json::from_value(serde_json::to_value(step)?)?;
    let cx = case.context()?.undo_context(Duration::from_secs(10));
    block_on(async { step.undo(&cx).await })??;
    Ok(())
}

/// The steps of the fault, with its effect in force.
fn injected(case: &Case) -> Result<Vec<ArmedStep>, Violation> {
    let fault = case.fault()?;
    let cx = case.context()?;
    block_on(async {
        let log = UndoLog::new(Arc::new(Journal::in_memory()), cx.clone(), None);
        if let Injection::InForce(guard) = fault.inject(&cx.into(), &log.handle()).await? {
            drop(guard);
        }
        Ok::<_, Violation>(log.newest_first())
    })?
}

fn undo_twice(case: &Case) -> Result<(), Violation> {
    let steps = injected(case)?;
    for _ in 0..2 {
        for armed in &steps {
            undo(case, armed.step.as_ref())?;
        }
        case.gone()?;
    }
    Ok(())
}

fn undo_after_death(case: &Case) -> Result<(), Violation> {
    let steps = injected(case)?;
    case.kill_targets()?;
    for _ in 0..2 {
        for armed in &steps {
            undo(case, armed.step.as_ref())?;
        }
    }
    case.nothing_left()
}

/// Each step once with the pid of a process that it is not about, as if that had got it meanwhile.
fn undo_touches_no_other(case: &Case) -> Result<(), Violation> {
    let steps = injected(case)?;
    let other = Process::start()?;
    let before = other.seen()?;
    for armed in &steps {
        let mut forged = serde_json::to_value(armed.step.as_ref())?;
        if put_pid(&mut forged, other.pid()) {
            let step: Box<dyn DynUndoStep> = serde_json::from_value(forged)?;
            undo(case, step.as_ref())?;
        }
    }
    let after = other.seen()?;
    if after != before {
        return Err(seen(format!("it was {before}, and is {after}")));
    }
    for armed in &steps {
        undo(case, armed.step.as_ref())?;
    }
    case.gone()
}

/// Puts another pid in place of each; says whether there is one.
fn put_pid(value: &mut Value, pid: u32) -> bool {
    match value {
        Value::Object(keys) => keys.iter_mut().fold(false, |found, (key, value)| {
            if key == "pid" && value.is_u64() {
                *value = json!(pid);
                return true;
            }
            put_pid(value, pid) || found
        }),
        // All of them, not up to the first.
        Value::Array(items) => items.iter_mut().filter_map(|item| put_pid(item, pid).then_some(())).count() > 0,
        _ => false,
    }
}

/// Cancels at several moments: at once, and while the effect is being made.
fn cancel_leaves_nothing(case: &Case) -> Result<(), Violation> {
    for moment in ["waiting", "planned", "injecting", "armed", "active"] {
        let mut handle = case.runner().build()?.start(case.task(&case.action)?)?;
        let mut events = handle.take_events().ok_or_else(|| seen("no events".into()))?;
        while let Some(event) = events.blocking_recv() {
            if event.kind.name() == moment {
                handle.cancel();
            }
        }
        let report = handle.wait_blocking()?;
        let result = report.entries.first().ok_or_else(|| seen("no result".into()))?;
        if result.reverted == Reverted::Failed {
            return Err(seen(format!("cancelled at `{moment}`: {:?}", result.error)));
        }
        case.gone().map_err(|why| seen(format!("cancelled at `{moment}`: {why}")))?;
    }
    Ok(())
}

fn panic_leaves_nothing(case: &Case) -> Result<(), Violation> {
    let wrapper = match case.span()? {
        Span::Sustained => "test_panics_after_sustained",
        Span::Finite => "test_panics_after_finite",
    };
    let result = case.run(case.runner(), &json!({"type": wrapper, "fault": case.action}))?;
    let told = result.error.as_deref().unwrap_or_default();
    if result.success || result.verdict != Verdict::Inconclusive || !told.contains("a panic after the effect") {
        return Err(seen(format!("{:?}: {told}", result.verdict)));
    }
    case.gone()
}
