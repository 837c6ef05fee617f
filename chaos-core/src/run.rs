//! A run: its entries, and what plug-ins get from it while it lasts.

mod active;
mod board;
mod clock;
mod context;
mod event;
mod spec;
mod task;

pub use active::{ActiveSignal, ActiveState, ActiveWatch};
pub use board::{Board, Edge, EntryId, LoadFigures, LoadSlice, PostedLoad, Stage};
pub use clock::{Clock, ExternalWait, RealClock, VirtualClock};
pub use context::{ContextParts, Engine, RunContext};
pub use event::{Event, EventKind, EventStream, Events, LookAt, ProbeRole};
pub use spec::{ChaosSpec, DEFAULT_ENTRY_NAME, DEFAULT_HOLD_SECONDS};
pub use task::{Check, CheckBody, CheckMode, Task};
