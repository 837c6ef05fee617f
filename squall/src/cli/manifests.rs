//! Manifests of Chaos Mesh, for `validate`.

use chaos_manifests::{has_chaos_mesh, lint, manifests};
use chaos_schema::{Diagnostic, read_documents};

/// How many manifests a file holds, and what is wrong with them; `None` where none is of Chaos Mesh.
pub(super) fn check(bytes: &[u8], name: &str) -> Option<(usize, Vec<Diagnostic>)> {
    let text = std::str::from_utf8(bytes).ok()?;
    let documents = match read_documents(text, name) {
        Ok(documents) if has_chaos_mesh(&documents) => documents,
        Ok(_) => return None,
        // What can't be read has no kinds, but says in words whose it is.
        Err(found) => return text.contains("chaos-mesh.org/").then_some((0, found)),
    };
    match manifests(documents) {
        Ok(all) => Some((all.len(), lint(&all))),
        Err(found) => Some((0, found)),
    }
}
