//! Faults on clocks, one file each.

mod clock_skew;
mod offset;

pub use clock_skew::ClockSkew;
pub use offset::{ClockOffset, ClockOffsetError, RatePercent, RatePercentError};
