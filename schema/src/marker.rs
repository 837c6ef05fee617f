//! Markers in a schema where a plug-in belongs: what may stand there depends on what is linked.

use chaos_core::schemars::{Schema, json_schema};

/// The keyword that says what kind of node stands there; `chaos_core::Configured` writes it too.
pub(crate) const MARKER: &str = "x-squall-plugin";

/// The keyword with the properties that stand beside the plug-in's own.
pub(crate) const BESIDE: &str = "x-squall-beside";

/// The kind of a check in `verification_spec`: a probe, or anything that only the harness knows.
pub(crate) const CHECK: &str = "check";

/// The kind of a whole entry.
pub(crate) const ENTRY: &str = "entry";

/// The marker of a kind.
pub(crate) fn marker(kind: &str) -> Schema {
    json_schema!({ "x-squall-plugin": kind })
}
