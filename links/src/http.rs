//! HTTP links: what stands between the pumps and the server, and what rules do there.
//!
//! | Module | Holds |
//! |---|---|
//! | `toxic`, `rule`, `met` | a rule as it is asked for, on a link with its counts, and where it has met something |
//! | `presets` | whole behaviours of services, as effects |
//! | `stage` | a client's connection: TLS, and which version of HTTP it speaks |
//! | `exchange`, `answer` | a request and what becomes of it |
//! | `upstream` | the connections to the server |
//! | `body`, `shape`, `events` | bodies, and what rules do to them |
//! | `headers`, `io`, `tasks`, `tls` | what these stand on |

mod answer;
mod body;
mod events;
mod exchange;
mod headers;
mod io;
mod met;
mod presets;
pub(crate) mod rule;
mod shape;
mod stage;
mod tasks;
pub(crate) mod tls;
pub(crate) mod toxic;
mod upstream;

pub(crate) use stage::{Attached, attach};
pub use toxic::HttpToxic;
