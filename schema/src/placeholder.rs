//! `{{NAME}}` in string values.

#[cfg(feature = "validate")]
mod fill;
#[cfg(feature = "validate")]
mod nodes;
mod reserved;

#[cfg(feature = "validate")]
pub(crate) use fill::{Filled, MAX_ADDED, fill, scalar};
#[cfg(feature = "validate")]
pub(crate) use nodes::place;
pub use reserved::is_reserved;
#[cfg(feature = "validate")]
pub(crate) use reserved::reserved_for;

/// A placeholder in a pattern of JSON Schema; filling reads the same form.
pub(crate) const PATTERN: &str = r"\{\{ *[A-Za-z_][A-Za-z0-9_.-]* *\}\}";
