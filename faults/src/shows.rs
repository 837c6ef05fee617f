//! What members show of a fault, one by one and together.

use chaos_core::{Evidence, Sighting};

/// What one member shows of a fault.
pub(crate) enum Shows {
    Yes(String),
    No(String),
    Unknown(String),
}

/// The sighting of all of them: present where each shows it, absent where none does.
pub(crate) fn together(all: impl IntoIterator<Item = Shows>) -> Sighting {
    let (mut yes, mut no, mut unknown) = (Vec::new(), Vec::new(), Vec::new());
    for one in all {
        match one {
            Shows::Yes(text) => yes.push(text),
            Shows::No(text) => no.push(text),
            Shows::Unknown(text) => unknown.push(text),
        }
    }
    match (yes.is_empty(), no.is_empty(), unknown.is_empty()) {
        (false, true, true) => Sighting::present(Evidence::new(yes.join("; "))),
        (true, _, true) => Sighting::absent(Evidence::new(no.join("; "))),
        _ => Sighting::unknown([unknown, no, yes].concat().join("; ")),
    }
}
