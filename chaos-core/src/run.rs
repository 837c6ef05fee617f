//! A run: its entries, and what plug-ins get from it while it lasts.

mod board;
mod clock;
mod context;
mod event;
mod event_text;
mod inject_context;
mod scope;
mod spec;
mod task;

pub use board::{Board, Edge, EntryId, LoadFigures, LoadSlice, PostedLoad, Stage};
pub use clock::{Clock, ExternalWait, RealClock, VirtualClock};
pub use context::{ContextParts, RunContext};
pub use event::{Event, EventKind, EventStream, Events, LookAt, ProbeRole};
pub use inject_context::InjectContext;
pub use scope::{EntryScope, RunScope};
pub use spec::{ChaosSpec, DEFAULT_ENTRY_NAME, DEFAULT_HOLD_SECONDS};
pub use task::{Check, CheckBody, CheckMode, Task};
