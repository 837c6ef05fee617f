//! An author's text: its lines, its tree, and the place of every key and value.

mod dialect;
mod json;
mod lower;
mod node;
mod places;
mod read;
mod scalar;
mod source;
mod syntax;
mod yaml;

pub(crate) use dialect::Dialect;
pub(crate) use lower::Lowered;
pub(crate) use places::Places;
pub(crate) use read::{read, read_all, read_json};
pub(crate) use scalar::finite;
pub(crate) use source::{Source, decode};
