//! What in manifests would not do what it seems to say.

mod chaos;
mod deadlines;
mod found;
mod graph;
mod objects;
mod template;
mod workflow;

use chaos_schema::Diagnostic;

use crate::manifest::Manifest;
use found::Found;

/// Looks at all manifests of a text; problems are in the order of the text.
///
/// A value that holds a `$` is a placeholder that is not filled yet, and is not judged.
pub fn lint(all: &[Manifest]) -> Vec<Diagnostic> {
    let mut found = Found::default();
    for one in all.iter().filter(|one| one.is_chaos_mesh()) {
        found.of = Some(one);
        objects::lint(one, &mut found);
    }
    found.into_sorted()
}

#[cfg(test)]
mod tests;
