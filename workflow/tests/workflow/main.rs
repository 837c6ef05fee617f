//! Workflows under virtual time: what starts after what, how a step ends, and what a resume does.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod control;
mod effects;
mod fixture;
mod ledgers;
mod resume;
mod witness;
