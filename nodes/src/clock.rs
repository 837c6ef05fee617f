//! The wall clock of a started node: a library that it preloads, a page that the library reads, and what both can't reach.

mod canary;
mod facet;
mod library;
mod page;
mod program;
mod remove_clock;
mod reset_clock;

pub(crate) use facet::NodeClock;
pub use remove_clock::RemoveClock;
pub use reset_clock::ResetClock;
