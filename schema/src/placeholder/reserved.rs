//! Names that are filled from what the document itself declares.

/// Beginnings of names that are filled from what the document itself declares, and what they refer to.
const RESERVED: [(&str, &str); 3] = [("node.", "node"), ("link.", "link"), ("steps.", "step")];

/// What a placeholder of that name refers to, if it is filled from what the document declares.
pub(crate) fn reserved_for(name: &str) -> Option<&'static str> {
    RESERVED.into_iter().find(|(start, _)| name.starts_with(start)).map(|(_, what)| what)
}

/// Whether a placeholder of that name is filled from what the document declares, so that no variable may have it.
pub fn is_reserved(name: &str) -> bool {
    reserved_for(name).is_some()
}
