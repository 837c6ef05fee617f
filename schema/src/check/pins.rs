//! What an experiment allows without saying of what on this machine.

use chaos_core::{FAULTS, FaultNode};

use super::report::Report;
use crate::diagnostic::{Code, Diagnostic};
use crate::document::Document;
use crate::tools::authors_target;

/// Refuses faults that are allowed, and whose target nobody names.
pub(super) fn report(document: &Document, report: &mut Report) {
    let Document::Experiment(spec) = document else { return };
    let pinned = spec.fault.as_ref().map(FaultNode::type_name);
    for (at, name) in spec.allow.iter().enumerate() {
        let fault = FAULTS.get(name.as_str()).ok().filter(|fault| Some(fault.name) != pinned);
        let Some((fault, parameter)) = fault.and_then(|fault| Some((fault, authors_target(fault)?))) else { continue };
        let message = format!("fault `{}` is allowed, but no planner may choose its `{parameter}`", fault.name);
        let help = format!("write the fault as the experiment's `fault`, with its `{parameter}`");
        report.add(Diagnostic::new(Code::InvalidValue, format!("/allow/{at}"), message).help(help));
    }
}
