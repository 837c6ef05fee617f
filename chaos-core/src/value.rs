//! Values as authors write them: durations, addresses, secrets and their masking.

mod address;
mod bounded_file;
mod causes;
mod duration;
pub(crate) mod fnv;
pub(crate) mod ip_pattern;
mod name_pattern;
mod pointer;
mod portion;
mod random;
mod redactor;
mod secret;
mod shortened;
mod visible;

pub use address::{Address, AddressError, HttpUrl, HttpUrlError};
pub use bounded_file::{read_bounded, read_to_limit};
pub use causes::with_causes;
pub use duration::{DurationText, DurationTextError, Seconds, SecondsError};
pub use fnv::fnv1a;
pub use name_pattern::NamePattern;
pub use pointer::pointer_segment;
pub use portion::{Portion, PortionError};
pub use random::{random_below, random_index};
pub use redactor::{Redactor, SecretMasking};
pub use secret::{Secret, is_api_key};
pub use shortened::shortened;
pub use visible::{is_hidden, visible, visible_json, visible_line};
