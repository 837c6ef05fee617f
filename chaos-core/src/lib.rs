//! The contract of Squall: what a fault, a trigger, a probe and an undo step are, and what a run returns.
//!
//! | Module | Holds |
//! |---|---|
//! | `plug_in` | [`Fault`], [`Trigger`], [`Probe`], their registries, and a plug-in as it stands in a document |
//! | `node` | [`NodeKind`], [`Member`] and its facets, what a fault acts on ([`FaultTarget`]) |
//! | `run` | [`Task`] and [`ChaosSpec`], [`RunContext`], clock, events, what entries of one run show each other |
//! | `source` | [`Source`]: what the system under test says of itself, taken in beside a run |
//! | `step` | steps of a workflow: control steps, and [`Step`], which plug-ins implement |
//! | `undo` | [`Undo`] and its steps, the journal, the state directory |
//! | `policy` | [`Policy`] and its refusals, hosts resolved once |
//! | `value` | durations, addresses, URLs, secrets |
//! | `result` | [`ChaosResult`], [`Verdict`], exit codes |
//!
//! Adding a plug-in is one file: a struct with serde and schemars derives, an `impl` of its typed trait, and one
//! `register_…!` line. Everything else (lists, schemas, messages, tools, reference pages) reads the registry.

mod node;
mod plug_in;
mod policy;
mod result;
mod run;
mod source;
mod step;
mod undo;
mod value;

pub use node::{
    Attacher, ClockFacet, ClockReading, Cpus, CpusError, DeclaredNode, DynNode, Effect, ErasedNode, Facet, FaultTarget,
    FilesFacet, FilesSpace, Fill, FlowSocket, HttpAnswer, HttpCertificate, HttpChange, HttpEffect, HttpFieldName,
    HttpFieldNameError, HttpFieldText, HttpFieldTextError, HttpGrpcCode, HttpGrpcCodeError, HttpGrpcStatus, HttpMatch,
    HttpPlace, HttpPreset, HttpRule, HttpRuleError, HttpStall, HttpStatus, HttpStatusError, HttpTrial, Knock, LinkAct,
    LinkEnds, LinkFacet, LinkProtocol, LinkReading, LinkSounding, LinkToxic, LinkToxicKind, LinkWays, LoadUsage,
    Locator, Member, NodeContext, NodeEnd, NodeExit, NodeKeys, NodeKind, NodeLabels, NodePlace, NodePorts,
    NodeStanding, NodeState, Nodes, PauseMethod, Pick, ProcessAct, ProcessFacet, ProcessState, ProcessStatus,
    Readiness, ResourceAct, ResourceAmount, ResourceCounters, ResourceLimit, ResourceLoad, ResourceUsage,
    ResourcesFacet, SignalName, SkewAct, Sounding, TargetError, attach, has_labels,
};
pub use plug_in::{
    AUTHOR_ONLY, Answer, Bare, Configured, Descriptor, DeserializeFn, DynFault, DynProbe, DynTrigger, ErasedFault,
    ErasedProbe, ErasedTrigger, Evidence, Extra, FAULTS, Fault, FaultNode, Fired, InForce, Injection, Kind,
    LookupError, MAX_DEPTH, NODES, Observation, Outcome, PROBE_TIMEOUT, PROBES, ParseError, Plan, PlugIn, PluginError,
    Presence, Probe, ProbeNode, Reach, Registry, RegistryError, RemovedName, Requirement, Resource, ResourceId,
    Reversible, SOURCES, STEPS, SampledProbe, Sampling, Settling, Sighting, Span, Status, SteadyProbe, StopProbe,
    Successor, TRIGGERS, Trigger, TriggerNode, TypeName, UNDO_STEPS, Watching, Within, WithinProbe, at_least_one_of,
    exactly_one_of, parse, removed_name, suggestion, value_depth,
};
pub use policy::{
    AllowedDir, Ceiling, CeilingKind, ClusterReach, ClusterRules, Confinement, DirIdentity, HostPattern,
    HostPatternError, HostPort, Hosts, OpenDirError, PathBase, Permission, PermissionNeed, Policy, PolicyRequest,
    ProbeBudget, Refusal, Reserved, Resolve, RunBudget, SystemResolver, UnknownPermission,
};
pub use result::{
    ChaosResult, ControlLeg, ControlOrder, FaultTimes, REPORT_FORMAT, Reverted, SecondsRange, TimeBounds,
    TimelinePoint, Verdict, Verification,
};
pub use run::{
    ChaosSpec, Check, CheckBody, CheckMode, Clock, ContextParts, ControlScope, DEFAULT_ENTRY_NAME, DEFAULT_ERROR_RATIO,
    DEFAULT_HOLD_SECONDS, DrawnValue, DrawnValueError, EarlyStop, Edge, EntryId, EntryScope, Event, EventKind,
    EventStream, Events, ExternalWait, FailureCauses, FaultEdges, FaultStanding, FaultStandings, FaultsSoFar,
    FillError, FilledFault, HeaderName, HeaderNameError, HeaderValue, HeaderValueError, HealthyNodes, HttpMethod,
    HttpMethodError, InjectContext, LatencyBucket, LatencyReport, LoadCounts, LoadDuration, LoadDurationError,
    LoadFailure, LoadFailureKind, LoadFigures, LoadGenerator, LoadProgress, LoadReport, LoadRequest, LoadSchedule,
    LoadSecond, LoadSegment, LoadSlice, LoadTls, LoadTlsError, LoadTrace, LookAt, NotToldApart, PercentileMs,
    PhaseReport, PostedLoad, ProbeRole, Progress, RealClock, RequestPhase, RunContext, RunLoads, RunScope, RunServices,
    SoakFault, SoakProgress, SoakSpec, SpecWarning, Stage, StatusCount, Task, ToldEvents, UnservedConnections,
    VirtualClock, is_control_name, since_boot,
};
pub use source::{
    DeclaredSource, DynSource, ErasedSource, EvidenceKind, EvidenceNeed, RunningSource, Source, SourceContext,
    SourceEnd, Sources,
};
pub use step::{
    DynStep, ErasedStep, LEDGER_FILE, Late, LateError, ParallelSuccess, Step, StepBody, StepContext, StepEnd, StepHost,
    StepHosts, StepKeys, StepNode, StepOutcome, StepOutputs, WorkflowStep, step_references,
};
pub use undo::{
    ArmError, ArmedStep, DynUndoStep, EffectPermit, Epoch, ErasedUndoStep, Expiries, Holder, JOURNAL_FORMAT, Journal,
    JournalError, JournalHeader, JournalKeeper, JournalProblem, JournalRecord, LockError, PastJournal, ResourceLock,
    RunSteps, StateDir, StateDirError, StepOwner, Undo, UndoContext, UndoLog, UndoStep, Undone, blocking, boot_id,
    on_a_thread,
};
pub use value::{
    Address, AddressError, DurationText, DurationTextError, HttpUrl, HttpUrlError, NamePattern, Portion, PortionError,
    Redactor, Seconds, SecondsError, Secret, SecretMasking, fnv1a, is_api_key, is_hidden, pointer_segment,
    random_below, random_index, read_bounded, read_to_limit, shortened, visible, visible_json, visible_line,
    with_causes,
};

/// A boxed future that may move between threads, as the erased traits return it.
pub type BoxFuture<'a, T> = std::pin::Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What the registration macros expand to; not part of the contract.
#[doc(hidden)]
pub mod __private {
    pub use erased_serde;
    pub use inventory;
    pub use schemars;
    pub use serde;
    pub use serde_json;
    pub use typetag;
}

pub use schemars;
pub use serde;
pub use serde_json;
