//! The bound on nesting of a whole document.

/// Levels of nesting of a whole document, the harness's own keys included: room for an entry at its bound of 24.
///
/// Measured: 52 nested mappings overflow a 2 MiB stack in a debug build.
pub(crate) const MAX_LEVELS: usize = 32;
