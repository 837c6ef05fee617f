//! A member of a gossip mesh: a small system under test that says much about itself.
//!
//! | Module | Holds |
//! |---|---|
//! | `config` | what a member is told on its command line |
//! | `identity` | who it is, on disk, across restarts |
//! | `members` | who it has heard, and when it stopped hearing them |
//! | `packet` | what members tell each other |
//! | `arrivals` | when what clients send arrives, by its own clock |
//! | `ping` | questions that they answer and pass on, and who asks them |
//! | `teller` | a client over TCP, on one connection |
//! | `spans` | what it tells a collector |
//! | `storage` | the state that it writes while it runs |
//! | `member` | all of it together, and its HTTP endpoints |
//! | `agreement` | what several members say of each other, as a probe asks |
//! | `task` | task files for a mesh of any size |
//! | `linked` | the same with links between the members |

mod agreement;
mod arrivals;
mod config;
mod identity;
mod linked;
mod member;
mod members;
mod packet;
mod ping;
mod spans;
mod storage;
mod task;
mod teller;

pub use agreement::{Agreement, ask};
pub use config::{ConfigError, MeshConfig};
pub use identity::{Identity, IdentityError};
pub use linked::linked;
pub use member::{MeshError, run};
pub use members::Mistakes;
pub use ping::Pinger;
pub use task::{bridged, halved, mesh, relayed, soaked};
pub use teller::Teller;
