//! Triggers: when a fault is injected. One file each, named for its `type`.
//!
//! | Module | `type` |
//! |---|---|
//! | `immediate` | fires at once |
//! | `time` | fires after a delay |
//! | `probe` | fires when a probe says yes, and keeps saying so |
//! | `event` | fires when another entry changes its stage, or when the harness tells an event |
//! | `signal` | fires on a signal to this process |
//! | `all`, `any`, `after` | several triggers as one |
//! | `debounce` | waits until another trigger has been quiet |
//! | `triggers` | what `all`, `any` and `after` have in common |

mod after;
mod all;
mod any;
mod debounce;
mod event;
mod immediate;
mod probe;
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
pub use signal::{OnSignal, UserSignal};
pub use time::Time;
pub use triggers::{NoTriggers, Triggers};
