//! Plans, manifests, budgets, and soaks of a day under virtual time.

#![expect(clippy::unwrap_used, clippy::cast_precision_loss, reason = "a test fails by panicking, and counts are small")]

mod cluster;
mod days;
mod execution;
mod fixture;
mod manifests;
mod planning;
mod steps;
