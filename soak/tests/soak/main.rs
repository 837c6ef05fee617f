//! Plans, manifests, budgets, and soaks of a day under virtual time.

mod execution;
mod fixture;
mod manifests;
mod planning;
