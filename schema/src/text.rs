//! An author's text: its lines, its tree, and the place of every key and value.

mod lower;
mod number;
mod places;
mod read;
mod source;
mod tree;

pub(crate) use lower::Lowered;
pub(crate) use places::Places;
pub(crate) use read::read;
pub(crate) use source::{Source, decode};
