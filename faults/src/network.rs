//! Faults on links: what passes between two sides of the system under test.

mod black_hole;
mod bounds;
mod firewall_inbound;
mod flap_link;
#[cfg(feature = "http-links")]
mod http_fault;
mod limit_bandwidth;
mod lossy_link;
mod nat_shift;
mod on_links;
mod partition_pair;
mod partition_subset;
mod reset_connections;
mod slow_link;
mod target;
#[cfg(test)]
mod test_links;

pub use black_hole::{BlackHole, HoleKind};
pub use firewall_inbound::FirewallInbound;
pub use flap_link::FlapLink;
#[cfg(feature = "http-links")]
pub use http_fault::HttpFault;
pub use limit_bandwidth::LimitBandwidth;
pub use lossy_link::{LossyLink, LostPieces};
pub use nat_shift::NatShift;
pub use partition_pair::PartitionPair;
pub use partition_subset::PartitionSubset;
pub use reset_connections::ResetConnections;
pub use slow_link::SlowLink;
pub use target::{LinkTarget, LinkTargetError, Sides};
