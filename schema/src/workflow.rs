//! Workflows as their authors write them: the control steps, which are closed, around leaf steps of plug-ins.

mod control;
mod read;

pub use control::AnyStep;
pub(crate) use control::{CONTROLS, Control};
pub(crate) use read::read;
