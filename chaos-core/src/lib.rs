//! The contract of Squall: what a fault, a trigger, a probe and an undo step are, and what a run returns.
//!
//! | Module | Holds |
//! |---|---|
//! | `fault` | [`Fault`], the three verbs, what an injection returns |
//! | `trigger`, `probe`, `undo_step` | the other plug-in traits |
//! | `registry` | descriptors and the sorted registries [`FAULTS`], [`TRIGGERS`], [`PROBES`], [`UNDO_STEPS`] |
//! | `node` | one plug-in in a document: its `type`, its `name`, and what stands beside it |
//! | `parse` | a typed parse that keeps the path of a mistake |
//! | `spec`, `task` | one entry; a whole task |
//! | `experiment`, `slo` | one experiment; what a service promises |
//! | `result` | [`ChaosResult`], [`Verdict`], exit codes |
//! | `context`, `clock`, `event`, `active` | what a plug-in gets at run time |
//! | `board` | what the entries of one run show each other: edges of faults, figures of loads |
//! | `policy`, `host` | the fence, and hosts resolved once |
//! | `address` | where to connect, as authors write it |
//! | `undo`, `journal`, `state_dir` | write-ahead undo and where it is kept |
//! | `secret` | text that never prints |
//!
//! Adding a plug-in is one file: a struct with serde and schemars derives, an `impl` of its typed trait, and one
//! `register_…!` line. Everything else (lists, schemas, messages, tools, reference pages) reads the registry.

mod active;
mod address;
mod board;
mod clock;
mod context;
mod duration;
mod errors;
mod event;
mod evidence;
mod experiment;
mod fault;
mod fnv;
mod host;
mod journal;
mod node;
mod parse;
mod plan;
mod policy;
mod probe;
mod registry;
mod result;
mod secret;
mod slo;
mod spec;
mod state_dir;
mod task;
mod trigger;
mod undo;
mod undo_step;

pub use active::{ActiveSignal, ActiveState, ActiveWatch};
pub use address::{Address, AddressError, HttpUrl, HttpUrlError};
pub use board::{Board, Edge, EntryId, LoadFigures, LoadSlice, PostedLoad, Stage};
pub use clock::{Clock, ExternalWait, RealClock, VirtualClock};
pub use context::{ContextParts, Engine, RunContext};
pub use duration::{DurationText, DurationTextError, Seconds, SecondsError};
pub use errors::PluginError;
pub use event::{Event, EventKind, EventStream, Events, LookAt, ProbeRole};
pub use evidence::{Evidence, Presence, Sighting};
pub use experiment::{Budget, ExperimentSpec, FaultName, Goal, GoalError, LoadShape, Runs, RunsError, StrategyName};
pub use fault::{DynFault, ErasedFault, Fault, InForce, Injection, Outcome, Span};
pub use host::{HostPort, Hosts, Resolve, SystemResolver};
pub use journal::{
    JOURNAL_FORMAT, Journal, JournalError, JournalHeader, JournalProblem, JournalRecord, PastJournal, boot_id,
};
pub use node::{
    Bare, Extra, FaultNode, Node, ProbeNode, SampledProbe, Sampling, TriggerNode, TypeName, Within, WithinProbe,
};
pub use parse::{MAX_DEPTH, ParseError, parse, value_depth};
pub use plan::{Plan, Reach, Resource};
pub use policy::{HostPattern, HostPatternError, Policy, PolicyRequest, Refusal};
pub use probe::{Answer, DynProbe, ErasedProbe, Observation, Probe};
pub use registry::{
    Capability, Descriptor, FAULTS, Kind, LookupError, PROBES, PlugIn, Registry, RegistryError, TRIGGERS, UNDO_STEPS,
    suggestion,
};
pub use result::{ChaosResult, Reverted, TimelinePoint, Verdict, Verification};
pub use secret::Secret;
pub use slo::{Slo, SloError, SloPercentile};
pub use spec::{ChaosSpec, DEFAULT_ENTRY_NAME, DEFAULT_HOLD_SECONDS};
pub use state_dir::{ResourceLock, StateDir, StateDirError};
pub use task::{Check, CheckBody, CheckMode, Task};
pub use trigger::{DynTrigger, ErasedTrigger, Fired, Trigger};
pub use undo::{ArmError, ArmedStep, EffectPermit, Undo, UndoLog};
pub use undo_step::{DynUndoStep, ErasedUndoStep, UndoContext, UndoStep, Undone};

/// A boxed future that may move between threads, as the erased traits return it.
pub type BoxFuture<'a, T> = std::pin::Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What the registration macros expand to; not part of the contract.
#[doc(hidden)]
pub mod __private {
    pub use inventory;
    pub use schemars;
    pub use serde;
    pub use serde_json;
    pub use typetag;
}

pub use schemars;
pub use serde;
pub use serde_json;
