//! One template by itself.

use chaos_core::suggestion;
use chaos_schema::{Code, Diagnostic, Severity};
use serde_json::{Map, Value};

use super::chaos;
use super::found::{Found, is_open};
use crate::deadline::deadline;
use crate::kinds::{ChaosKind, PLAIN_TYPES};
use crate::names::is_object_name;
use crate::workflow::Template;

/// The longest name of a template that Chaos Mesh finds again in the names that it generates from it.
const GENERATED: usize = 57;

/// The longest name that a label of DNS has.
const DNS_LABEL: usize = 63;

/// Looks at one template, which stands at that pointer.
pub(super) fn lint(template: &Template, at: &str, found: &mut Found<'_>) {
    name(&template.name, &format!("{at}/name"), found);
    if let Some(text) = template.deadline.as_deref().filter(|text| !is_open(text))
        && let Err(error) = deadline(text)
    {
        found.add(Code::InvalidDeadline, &format!("{at}/deadline"), "invalid `deadline`", error.to_string());
    }
    match template.template_type.as_str() {
        "Serial" | "Parallel" => {
            if template.children.as_ref().is_none_or(Vec::is_empty) {
                let message = format!("`{}` without children has finished at once", template.template_type);
                found.add(Code::EmptyChildren, at, message, "name templates under `children`");
            }
        }
        "Task" => task(template, at, found),
        "Suspend" => {
            let help = "add how long to wait, such as `deadline: 30s`";
            needs_deadline(template, at, Code::MissingKey, "`Suspend` needs `deadline`".to_owned(), help, found);
        }
        "StatusCheck" => part(template, "statusCheck", at, found, |_, _| {}),
        "Schedule" => {
            let help = "add for how long it is to go on, such as `deadline: 10m`";
            let message = "`Schedule` without `deadline` never finishes".to_owned();
            needs_deadline(template, at, Code::WithoutEnd, message, help, found);
            part(template, "schedule", at, found, |spec, found| {
                chaos::schedule(spec, &format!("{at}/schedule"), found);
            });
        }
        other => match ChaosKind::named(other) {
            Some(kind) => embedded(template, kind, at, found),
            None if is_open(other) => {}
            None => unknown_type(other, at, found),
        },
    }
    for (index, branch) in template.conditional_branches.iter().flatten().enumerate() {
        if branch.expression.trim().is_empty() {
            let message = "an empty expression is never evaluated, so the `Task` does not finish before its deadline";
            let help = "write `expression: exitCode == 0`, or `expression: \"true\"` for a branch that is always taken";
            found.add(Code::EmptyExpression, &format!("{at}/conditionalBranches/{index}/expression"), message, help);
        }
    }
}

fn name(name: &str, at: &str, found: &mut Found<'_>) {
    if is_open(name) {
        return;
    }
    let length = name.chars().count();
    if length > GENERATED {
        let help = format!(
            "at most {GENERATED}: names that Chaos Mesh generates from a longer one it does not recognise again"
        );
        let mut diagnostic =
            Diagnostic::new(Code::NameTooLong, at, format!("the name has {length} characters")).help(help);
        // Kubernetes accepts it, and Chaos Mesh makes its nodes again and again.
        if length <= DNS_LABEL {
            diagnostic.severity = Severity::Warning;
        }
        found.put(diagnostic);
    }
    if !is_object_name(name) {
        let help = "use lower-case letters, digits and `-`, with a letter or digit at both ends";
        found.add(Code::InvalidName, at, "invalid name of a template", help);
    }
}

fn unknown_type(kind: &str, at: &str, found: &mut Found<'_>) {
    let known = || PLAIN_TYPES.into_iter().chain(ChaosKind::ALL.iter().map(|kind| kind.kind));
    let help = match suggestion(kind, known()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("known: {}", known().collect::<Vec<_>>().join(", ")),
    };
    found.add(Code::UnknownTemplateType, &format!("{at}/templateType"), "unknown `templateType`", help);
}

fn task(template: &Template, at: &str, found: &mut Found<'_>) {
    let container = template.task.as_ref().and_then(|task| task.container.as_ref());
    let Some(container) = container.filter(|container| !container.is_empty()) else {
        let at = if template.task.is_some() { format!("{at}/task") } else { at.to_owned() };
        let help = "add `container` with `name` and `image`; without one Chaos Mesh's controller fails again and again";
        found.add(Code::MissingContainer, &at, "`Task` without container", help);
        return;
    };
    for key in ["name", "image"] {
        if container.get(key).and_then(Value::as_str).is_none_or(str::is_empty) {
            let help = format!("add `{key}: …`");
            found.add(Code::MissingKey, &format!("{at}/task/container"), format!("the container needs `{key}`"), help);
        }
    }
}

fn needs_deadline(template: &Template, at: &str, code: Code, message: String, help: &str, found: &mut Found<'_>) {
    if template.deadline.is_none() {
        found.add(code, at, message, help);
    }
}

/// The part of a template that its type asks for.
fn part(
    template: &Template,
    key: &str,
    at: &str,
    found: &mut Found<'_>,
    then: impl FnOnce(&Map<String, Value>, &mut Found<'_>),
) {
    let Some(spec) = template.rest.get(key).and_then(Value::as_object) else {
        let message = format!("`{}` needs `{key}`", template.template_type);
        found.add(Code::MissingKey, at, message, format!("add `{key}` with what it is to do"));
        return;
    };
    then(spec, found);
}

/// Chaos in a template, which ends with the template's deadline and with nothing else.
fn embedded(template: &Template, kind: &ChaosKind, at: &str, found: &mut Found<'_>) {
    part(template, kind.field, at, found, |spec, found| {
        let inside = format!("{at}/{}", kind.field);
        chaos::selectors(kind, spec, &inside, found);
        if spec.contains_key("duration") {
            let message = "chaos in a template has no `duration`: Chaos Mesh refuses it";
            let help = "remove it; the template's `deadline` ends the chaos";
            found.add(Code::DurationInTemplate, &format!("{inside}/duration"), message, help);
        }
        let (what, help) = if kind.is_one_shot(spec) {
            (
                "one-shot chaos",
                "add `deadline`: the chaos is done at once, and the template still waits for its deadline",
            )
        } else {
            ("chaos", "add for how long it is to last, such as `deadline: 3m`")
        };
        let message = format!("{what} without `deadline`: a template of `{}` never finishes without", kind.kind);
        needs_deadline(template, at, Code::WithoutEnd, message, help, found);
    });
}
