//! Triggers: when a fault is injected. One file each, named for its `type`.
//!
//! | Module | `type` |
//! |---|---|
//! | `immediate` | fires at once |
//! | `time` | fires after a delay |
//! | `schedule` | fires at a time of a cron expression (feature `schedule`) |
//! | `probe` | fires when a probe says yes, and keeps saying so |
//! | `event` | fires when another entry changes its stage, or when the harness tells an event |
//! | `signal` | fires on a signal to this process |
//! | `all`, `any`, `after` | several triggers as one |
//! | `debounce` | waits until another trigger has been quiet |
//! | `triggers` | what `all`, `any` and `after` have in common |
//!
//! The trigger `failpoint` stands in `chaos-faults`, beside the fault of that name: both speak to the same endpoints.

mod after;
mod all;
mod any;
mod debounce;
mod event;
mod immediate;
mod probe;
#[cfg(feature = "schedule")]
mod schedule;
mod signal;
mod time;
mod triggers;

pub use after::After;
pub use all::AllOf;
pub use any::AnyOf;
pub use debounce::Debounce;
pub use event::OnEvent;
pub use immediate::Immediate;
pub use probe::WhenProbe;
#[cfg(feature = "schedule")]
pub use schedule::{CronError, CronExpression, Schedule, TimeZoneError, TimeZoneName};
pub use signal::{OnSignal, UserSignal};
pub use time::Time;
pub use triggers::{NoTriggers, Triggers};
