//! Deadlines that do not fit each other, and steps that no run can reach.

use super::super::report::Report;
use super::shape::Shape;
use crate::diagnostic::{Code, Diagnostic};

/// Looks at every step.
pub(super) fn lint(shape: &Shape<'_>, report: &mut Report) {
    shape.each(&mut |step| {
        let Some(deadline) = step.deadline() else { return };
        let at = format!("{}/deadline_seconds", step.at);
        let least = step.least();
        if step.groups.is_empty() && least > deadline {
            let message = format!("`{}` takes {least} s at least, and its deadline is {deadline} s", step.label());
            let help = format!("make `deadline_seconds` more than {least}");
            report.add(Diagnostic::new(Code::DeadlinesDoNotFit, at, message).help(help));
            return;
        }
        let together = step.budget_of_steps();
        if !step.groups.is_empty() && together > deadline {
            let message =
                format!("the steps of `{}` may take {together} s, and its deadline is {deadline} s", step.label());
            let help = format!("make `deadline_seconds` at least {together}, or the deadlines of its steps shorter");
            report.add(Diagnostic::new(Code::DeadlinesDoNotFit, at, message).help(help));
        }
        unreachable(step, deadline, report);
    });
}

/// Steps before which the others need the whole deadline.
fn unreachable(step: &Shape<'_>, deadline: f64, report: &mut Report) {
    if step.kind != "serial" {
        return;
    }
    let mut begins = 0.0;
    for inner in step.group("steps") {
        if begins >= deadline {
            let message = format!("unreachable step `{}`", inner.label());
            let help =
                format!("it would start after {begins} s, and the deadline of `{}` is {deadline} s", step.label());
            report.add(Diagnostic::new(Code::UnreachableStep, inner.at.clone(), message).help(help));
            return;
        }
        begins += inner.least();
    }
}
