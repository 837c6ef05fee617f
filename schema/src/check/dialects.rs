//! What YAML 1.1 reads otherwise, in what is ours: another reader of the same file may speak it.

use super::report::Report;
use crate::diagnostic::{Code, Diagnostic, TextSpan};
use crate::pointer;
use crate::text::Dialect;

/// Warns of each place that has no error, which would say it better.
pub(super) fn report(found: &[(String, Dialect, TextSpan)], reads: impl Fn(&str) -> bool, report: &mut Report) {
    for (at, dialect, span) in found {
        if !reads(at) || report.has_error_at(at) {
            continue;
        }
        let (old, help) = dialect.told();
        let message = format!("a reader of YAML 1.1 takes {} for {old}", pointer::subject(at));
        let mut diagnostic = Diagnostic::new(Code::YamlDialect, at, message).help(help);
        diagnostic.span = Some(*span);
        report.add(diagnostic);
    }
}
