//! Faults: one file each, named for its `type`.
//!
//! | Module | Holds |
//! |---|---|
//! | `failpoint` | the fault `failpoint`: arms a fail point of another process |

mod failpoint;

pub use failpoint::{BoundsError, DisarmFailpoint, Failpoint, LeaseSeconds, Share, SiteName};
