//! What a fault, a trigger and a probe are, how they register, and how one stands in a document.

mod configured;
mod descriptor;
mod error;
mod evidence;
mod fault;
mod observation;
mod one_of;
mod parse;
mod plan;
mod probe;
mod register;
mod registry;
mod requirement;
mod resource;
mod tagged;
mod trigger;

pub use configured::{
    Bare, Configured, Extra, FaultNode, ProbeNode, SampledProbe, Sampling, Settling, SteadyProbe, StopProbe,
    TriggerNode, TypeName, Watching, Within, WithinProbe,
};
pub use descriptor::{AUTHOR_ONLY, Descriptor, DeserializeFn, Kind, RemovedName, Status, Successor};
pub use error::PluginError;
pub use evidence::{Evidence, Presence, Sighting};
pub use fault::{DynFault, ErasedFault, Fault, InForce, Injection, Outcome, Span};
pub use observation::{Answer, Observation};
pub use one_of::{at_least_one_of, exactly_one_of};
pub use parse::{MAX_DEPTH, ParseError, parse, value_depth};
pub use plan::{Plan, Reach, Reversible};
pub use probe::{DynProbe, ErasedProbe, PROBE_TIMEOUT, Probe};
pub use registry::{
    FAULTS, LookupError, NODES, PROBES, PlugIn, Registry, RegistryError, SOURCES, STEPS, TRIGGERS, UNDO_STEPS,
    removed_name, suggestion,
};
pub use requirement::Requirement;
pub use resource::{Resource, ResourceId};
pub use trigger::{DynTrigger, ErasedTrigger, Fired, Trigger};
