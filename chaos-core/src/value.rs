//! Values as authors write them: durations, addresses, secrets.

mod address;
mod duration;
pub(crate) mod fnv;
mod secret;

pub use address::{Address, AddressError, HttpUrl, HttpUrlError};
pub use duration::{DurationText, DurationTextError, Seconds, SecondsError};
pub use secret::Secret;
