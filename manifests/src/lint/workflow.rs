//! A whole Workflow: what leads where, and what its parts need of each other.

use std::collections::HashMap;

use chaos_schema::Code;

use super::found::Found;
use super::graph::Graph;
use super::{deadlines, template};
use crate::manifest::Manifest;
use crate::workflow::WorkflowSpec;

/// Looks at a Workflow.
pub(super) fn lint(one: &Manifest, spec: &WorkflowSpec, found: &mut Found<'_>) {
    annotations(one, spec, found);
    let mut first: HashMap<&str, usize> = HashMap::new();
    for (index, part) in spec.templates.iter().enumerate() {
        let at = format!("/spec/templates/{index}");
        template::lint(part, &at, found);
        if first.contains_key(part.name.as_str()) {
            let message = format!("duplicate template `{}`", part.name);
            found.add(Code::DuplicateTemplate, &format!("{at}/name"), message, "rename one of the two");
        }
        first.entry(&part.name).or_insert(index);
    }
    let graph = Graph::of(spec, &first);
    graph.references(found);
    graph.cycles(found);
    graph.unused(found);
    deadlines::lint(&graph, found);
}

/// With no map of annotations at all, an abort by a status check writes into what is not there, and is tried for ever.
fn annotations(one: &Manifest, spec: &WorkflowSpec, found: &mut Found<'_>) {
    if one.annotations.is_some() {
        return;
    }
    let aborts = spec.templates.iter().any(|template| template.abort_with_status_check == Some(true));
    let message = if aborts {
        "a status check of this Workflow can't abort it: it has no annotations"
    } else {
        "the Workflow has no annotations, without which a status check can't abort it"
    };
    found.add(Code::NoAnnotations, "/metadata", message, "add at least one, such as `annotations: {owner: NAME}`");
}
