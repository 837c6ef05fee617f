//! The plug-ins of a document, by the definition that their node has in the schema.

use chaos_core::{FAULTS, Kind, NODES, PROBES, SOURCES, STEPS, Status, TRIGGERS};

use crate::marker::CHECK;
use crate::workflow::CONTROLS;

/// The kind of plug-in that a node definition of that name holds.
pub(super) fn kind_of_definition(name: &str) -> Option<Kind> {
    match name.split('-').next()? {
        "fault" => Some(Kind::Fault),
        "trigger" => Some(Kind::Trigger),
        "node" => Some(Kind::Node),
        "source" => Some(Kind::Source),
        "step" => Some(Kind::Step),
        "probe" | CHECK => Some(Kind::Probe),
        _ => None,
    }
}

/// The names of all plug-ins of a kind.
pub(super) fn known(kind: Kind) -> Vec<&'static str> {
    match kind {
        Kind::Fault => FAULTS.names(),
        Kind::Trigger => TRIGGERS.names(),
        Kind::Node => NODES.names(),
        Kind::Source => SOURCES.names(),
        Kind::Step => CONTROLS.iter().map(|control| control.name).chain(STEPS.names()).collect(),
        _ => PROBES.names(),
    }
}

/// Whether a name should still be written.
pub(super) fn status(kind: Kind, name: &str) -> Option<Status> {
    match kind {
        Kind::Fault => FAULTS.status(name),
        Kind::Trigger => TRIGGERS.status(name),
        Kind::Node => NODES.status(name),
        Kind::Source => SOURCES.status(name),
        Kind::Step => STEPS.status(name),
        _ => PROBES.status(name),
    }
}

/// Whether anything is deprecated at all in this program.
pub(super) fn any_deprecated() -> bool {
    let deprecated = |status| matches!(status, Status::Deprecated(_));
    FAULTS.all().iter().any(|one| deprecated(one.status))
        || NODES.all().iter().any(|one| deprecated(one.status))
        || SOURCES.all().iter().any(|one| deprecated(one.status))
        || STEPS.all().iter().any(|one| deprecated(one.status))
        || TRIGGERS.all().iter().any(|one| deprecated(one.status))
        || PROBES.all().iter().any(|one| deprecated(one.status))
}
