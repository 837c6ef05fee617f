//! What the operator allows: hosts, paths, commands, clusters, permissions, ceilings.

mod allowed_dir;
mod ceiling;
mod cluster;
mod cluster_check;
mod confinement;
mod host_pattern;
mod host_port;
mod hosts;
mod paths;
mod permission;
mod refusal;
mod request;
mod rules;
mod run_budget;

pub use allowed_dir::{AllowedDir, DirIdentity};
pub use ceiling::{Ceiling, CeilingKind};
pub use cluster::{ClusterReach, ClusterRules};
pub use confinement::Confinement;
pub use host_pattern::{HostPattern, HostPatternError};
pub use host_port::HostPort;
pub use hosts::{Hosts, Resolve, SystemResolver};
pub use paths::{OpenDirError, PathBase};
pub use permission::{Permission, PermissionNeed, UnknownPermission};
pub use refusal::Refusal;
pub use request::PolicyRequest;
pub use rules::Policy;
pub use run_budget::{ProbeBudget, Reserved, RunBudget};
