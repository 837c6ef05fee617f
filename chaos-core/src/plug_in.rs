//! What a fault, a trigger and a probe are, how they register, and how one stands in a document.

mod error;
mod evidence;
mod fault;
mod node;
mod parse;
mod plan;
mod probe;
mod registry;
mod resource;
mod trigger;

pub use error::PluginError;
pub use evidence::{Evidence, Presence, Sighting};
pub use fault::{DynFault, ErasedFault, Fault, InForce, Injection, Outcome, Span};
pub use node::{
    Bare, Extra, FaultNode, Node, ProbeNode, SampledProbe, Sampling, TriggerNode, TypeName, Within, WithinProbe,
};
pub use parse::{MAX_DEPTH, ParseError, parse, value_depth};
pub use plan::{Plan, Reach, Reversible};
pub use probe::{Answer, DynProbe, ErasedProbe, Observation, Probe};
pub use registry::{
    Capability, Descriptor, FAULTS, Kind, LookupError, PROBES, PlugIn, Registry, RegistryError, TRIGGERS, UNDO_STEPS,
    suggestion,
};
pub use resource::{Resource, ResourceId};
pub use trigger::{DynTrigger, ErasedTrigger, Fired, Trigger};
