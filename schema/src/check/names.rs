//! Names in placeholders, and the variables that fill them.

use chaos_core::suggestion;

use super::report::Report;
use crate::diagnostic::{Code, Diagnostic};
use crate::options::{LoadOptions, Placeholders};
use crate::placeholder::{Filled, MAX_ADDED, is_reserved, reserved_for};

/// Reports what no variable fills, and variables that fill nothing or may not be set.
pub(super) fn placeholders(filled: &Filled, options: &LoadOptions, report: &mut Report) {
    if let Some(at) = &filled.too_large {
        let message = format!("the values of placeholders have more than {MAX_ADDED} bytes, all together");
        report.add(Diagnostic::new(Code::TooLarge, at, message).help("name a file instead of its content"));
        return;
    }
    for (at, name) in &filled.leftover {
        if options.placeholders == Placeholders::Allowed && !is_reserved(name) {
            continue;
        }
        report.add(match reserved_for(name) {
            Some(what) => {
                let message = format!("`{{{{{name}}}}}` refers to a {what} that this document does not declare");
                Diagnostic::new(Code::UndeclaredReference, at, message)
            }
            None => Diagnostic::new(
                Code::LeftoverPlaceholder,
                at,
                format!("no variable fills the placeholder `{{{{{name}}}}}`"),
            )
            .help(format!("give it with --var {name}=…")),
        });
    }
    for name in options.vars.keys() {
        if is_reserved(name) {
            let message = format!("reserved variable name `{name}`");
            let help = "names that start with `node.`, `link.` or `steps.` are filled from the document";
            report.add_unplaced(Diagnostic::new(Code::ReservedName, "", message).help(help));
        } else if !filled.used.contains(name) {
            let near = suggestion(name, filled.leftover.iter().map(|(_, name)| name.as_str()));
            let help = near.map(|near| format!("did you mean `{near}`?"));
            let message = format!("no placeholder uses the variable `{name}`");
            report.add_unplaced(Diagnostic::new(Code::UnusedVariable, "", message).maybe_help(help));
        }
    }
}
