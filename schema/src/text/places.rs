//! JSON pointers to places in a text.

use std::collections::HashMap;

use crate::diagnostic::TextSpan;
use crate::pointer;

/// Where a key and its value stand.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    pub(crate) key: Option<TextSpan>,
    pub(crate) value: TextSpan,
}

/// JSON pointer to place.
#[derive(Debug, Default)]
pub(crate) struct Places(HashMap<String, Place>);

impl Places {
    /// Notes where a value stands.
    pub(crate) fn insert(&mut self, pointer: String, place: Place) {
        self.0.insert(pointer, place);
    }

    /// The place of a pointer.
    pub(crate) fn exactly(&self, pointer: &str) -> Option<Place> {
        self.0.get(pointer).copied()
    }

    /// The place of a pointer, or of what holds it where it has none of its own.
    pub(crate) fn nearest(&self, mut pointer: &str) -> Option<Place> {
        loop {
            match (self.0.get(pointer), pointer::parent(pointer)) {
                (Some(place), _) => return Some(*place),
                (None, Some(parent)) => pointer = parent,
                (None, None) => return None,
            }
        }
    }
}
