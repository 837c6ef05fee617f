//! Nodes: the members of the system under test, what a fault may do to one, and how a fault names them.
//!
//! Contract only: nothing here reads a process table or starts a program. The kinds and their mechanisms are plug-ins.

mod attach;
mod clock;
mod context;
mod cpus;
mod effect;
mod facet;
mod files;
mod keys;
mod kind;
mod labels;
mod locator;
mod member;
mod nodes;
mod process;
mod resources;
mod standing;
mod target;

pub use attach::{Attacher, attach};
pub use clock::{ClockFacet, ClockReading, SkewAct};
pub use context::{NodeContext, NodePlace, Readiness};
pub use cpus::{Cpus, CpusError};
pub use effect::Effect;
pub use facet::Facet;
pub use files::{FilesFacet, FilesSpace, Fill};
pub use keys::{DeclaredNode, NodeKeys, NodePorts};
pub use kind::{DynNode, ErasedNode, NodeKind};
pub use labels::{NodeLabels, Pick, has_labels};
pub use locator::Locator;
pub use member::Member;
pub use nodes::{NodeExit, Nodes};
pub use process::{PauseMethod, ProcessAct, ProcessFacet, ProcessState, ProcessStatus, SignalName};
pub use resources::{
    LoadUsage, ResourceAct, ResourceAmount, ResourceCounters, ResourceLimit, ResourceLoad, ResourceUsage,
    ResourcesFacet,
};
pub use standing::{NodeStanding, NodeState};
pub use target::{FaultTarget, TargetError};
