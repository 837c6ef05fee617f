//! Triggers: when a fault is injected. One file each, named for its `type`.
//!
//! | Module | `type` |
//! |---|---|
//! | `immediate` | fires at once |
//! | `time` | fires after a delay |

mod immediate;
mod time;

pub use immediate::Immediate;
pub use time::Time;
