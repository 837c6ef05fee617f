//! A client of etcd that knows what it was promised: it writes, reads back, and says what was lost.
//!
//! | Module | Holds |
//! |---|---|
//! | `members` | the members by name, and etcd's JSON over HTTP |
//! | `history` | what was acknowledged and seen, and the words for it |
//! | `progress` | how far each member has come, beside the others |
//! | `workload` | the writes, the reads behind them, and the watch over the leader |
//! | `answers` | the client's own HTTP endpoints, which probes ask |

mod answers;
mod history;
mod members;
mod progress;
mod workload;

pub use answers::serve;
pub use history::{Audit, History};
pub use members::{ClientError, Members};
pub use workload::{audit, lead, watch, write};
