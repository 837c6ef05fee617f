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
mod http_rule;
mod keys;
mod kind;
mod labels;
mod link;
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
pub use http_rule::{
    HttpAnswer, HttpCertificate, HttpChange, HttpEffect, HttpFieldName, HttpFieldNameError, HttpFieldText,
    HttpFieldTextError, HttpGrpcCode, HttpGrpcCodeError, HttpGrpcStatus, HttpMatch, HttpPlace, HttpPreset, HttpRule,
    HttpRuleError, HttpStall, HttpStatus, HttpStatusError, HttpTrial,
};
pub use keys::{DeclaredNode, NodeKeys, NodePorts};
pub use kind::{DynNode, ErasedNode, NodeKind};
pub use labels::{NodeLabels, Pick, has_labels};
pub use link::{
    FlowSocket, Knock, LinkAct, LinkEnds, LinkFacet, LinkProtocol, LinkReading, LinkSounding, LinkToxic, LinkToxicKind,
    LinkWays, Sounding,
};
pub use locator::Locator;
pub use member::Member;
pub use nodes::{NodeExit, Nodes};
pub use process::{PauseMethod, ProcessAct, ProcessFacet, ProcessState, ProcessStatus, SignalName};
pub use resources::{
    LoadUsage, ResourceAct, ResourceAmount, ResourceCounters, ResourceLimit, ResourceLoad, ResourceUsage,
    ResourcesFacet,
};
pub use standing::{NodeEnd, NodeStanding, NodeState};
pub use target::{FaultTarget, TargetError};
