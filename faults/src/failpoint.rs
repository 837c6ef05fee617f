//! Faults and a trigger through the fail points of another process.

mod bounds;
mod control;
mod endpoint;
#[expect(clippy::module_inception, reason = "a fault's file is its `type`")]
mod failpoint;
mod hits;
#[cfg(test)]
mod over_unix;
mod place;
mod runtime_site;

pub use bounds::{BoundsError, LeaseSeconds, Share, SiteName, VariableName};
pub use failpoint::{DisarmFailpoint, Failpoint};
pub use hits::FailpointHits;
pub use place::{ControlPlace, ControlPlaceError};
pub use runtime_site::RuntimeSite;
