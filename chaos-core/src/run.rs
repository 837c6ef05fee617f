//! A run: its entries, and what plug-ins get from it while it lasts.

mod clock;
mod context;
mod edges;
mod entry_record;
mod event;
mod event_text;
mod inject_context;
mod load_judgement;
mod load_latency;
mod load_phases;
mod load_report;
mod load_request;
mod run_loads;
mod scope;
mod services;
mod soak;
mod spec;
mod spec_warning;
mod standings;
mod task;
mod told;

pub use clock::{Clock, ExternalWait, RealClock, VirtualClock, since_boot};
pub use context::{ContextParts, RunContext};
pub use edges::{Edge, EntryId, FaultEdges, Stage, is_control_name};
pub use event::{Event, EventKind, EventStream, Events, LookAt, ProbeRole, Progress, SoakProgress};
pub use inject_context::InjectContext;
pub use load_judgement::{DEFAULT_ERROR_RATIO, FailureCauses, UnservedConnections};
pub use load_latency::{LatencyReport, PercentileMs};
pub use load_phases::{LoadSecond, PhaseReport, RequestPhase};
pub use load_report::{
    EarlyStop, LatencyBucket, LoadCounts, LoadFailure, LoadFailureKind, LoadGenerator, LoadProgress, LoadReport,
    LoadSchedule, LoadSegment, LoadTrace, StatusCount,
};
pub use load_request::{
    HeaderName, HeaderNameError, HeaderValue, HeaderValueError, HttpMethod, HttpMethodError, LoadDuration,
    LoadDurationError, LoadRequest, LoadTls, LoadTlsError,
};
pub use run_loads::{LoadFigures, LoadSlice, PostedLoad, RunLoads};
pub use scope::{ControlScope, EntryScope, RunScope};
pub use services::RunServices;
pub use soak::{DrawnValue, DrawnValueError, FillError, FilledFault, HealthyNodes, SoakFault, SoakSpec};
pub use spec::{ChaosSpec, DEFAULT_ENTRY_NAME, DEFAULT_HOLD_SECONDS};
pub use spec_warning::SpecWarning;
pub use standings::{FaultStanding, FaultStandings, FaultsSoFar, NotToldApart};
pub use task::{Check, CheckBody, CheckMode, Task};
pub use told::ToldEvents;
