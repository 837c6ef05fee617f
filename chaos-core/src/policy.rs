//! What the operator allows, and hosts that are resolved once.

mod host;
mod rules;

pub use host::{HostPort, Hosts, Resolve, SystemResolver};
pub use rules::{HostPattern, HostPatternError, Policy, PolicyRequest, Refusal};
