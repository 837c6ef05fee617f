//! Manifests that stand on their own: what ends them, and names.

use chaos_schema::Code;

use super::found::{Found, is_open};
use super::{chaos, workflow};
use crate::manifest::{Manifest, ManifestBody};

/// The longest value of a label, which the name of a Workflow becomes.
const LABEL: usize = 63;

/// Looks at one manifest.
pub(super) fn lint(one: &Manifest, found: &mut Found<'_>) {
    match &one.body {
        ManifestBody::Workflow(spec) => {
            workflow_name(one, found);
            workflow::lint(one, spec, found);
        }
        ManifestBody::Chaos(kind, spec) => {
            let last = format!("`{}` without `duration` lasts until somebody deletes it", kind.kind);
            chaos::object(kind, spec, "/spec", last, found);
        }
        ManifestBody::Schedule(spec) => chaos::schedule(spec, "/spec", found),
        ManifestBody::StatusCheck(_) | ManifestBody::Other => {}
    }
}

fn workflow_name(one: &Manifest, found: &mut Found<'_>) {
    let length = one.name.chars().count();
    if !is_open(&one.name) && length > LABEL {
        let help = format!("at most {LABEL}: it becomes the value of a label, and no node is made with a longer one");
        found.add(Code::NameTooLong, "/metadata/name", format!("the name has {length} characters"), help);
    }
}
