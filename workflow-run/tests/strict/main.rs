//! Strict mode on a real API server: pods of kwok, whose ends their labels choose.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod away;
mod fixture;
#[path = "../ledger/mod.rs"]
mod ledger;
mod many;
mod pods;
mod stops;
