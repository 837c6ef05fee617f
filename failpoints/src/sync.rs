//! The primitives under the concurrent core, named in one place so that a model checker can stand in for them.

pub(crate) use std::sync::{
    Arc, RwLock,
    atomic::{AtomicU64, Ordering},
};
pub(crate) use std::thread::yield_now;

/// How many lines count the hits of a rule that fires on each; a power of two. More threads than these share them.
pub(crate) const LANES: usize = 8;

/// Runs a test that uses these primitives; under a model checker, in a model.
#[cfg(test)]
pub(crate) fn check(test: impl Fn() + Send + Sync + 'static) {
    test();
}
