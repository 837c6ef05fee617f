//! One harness for campaigns: each attacks the real program in a way of its own, round by round, and an oracle looks at
//! the world afterwards.
//!
//! A new campaign is one file below `campaigns` with a [`Campaign`], and its line in [`all`]; what is run and when it is
//! attacked are tables of their own, in `subject`, `guarded` and `moment`.

mod answering;
mod campaign;
mod campaigns;
mod child;
mod control;
mod drive;
mod flaw;
mod groups;
mod guarded;
mod link_client;
mod link_server;
mod link_watch;
mod moment;
mod place;
mod processes;
mod random;
mod report;
mod round;
mod sealed;
mod service;
mod sign;
mod sites;
mod sleeper;
mod state;
mod subject;
mod tally;
mod traced;
mod workflow;

pub use campaign::Campaign;
pub use campaigns::{all, guardian_of};
pub use child::{PATIENCE, kill, spin_for, wait_until};
pub use control::Control;
pub use drive::{Bound, Drive, Ran};
pub use flaw::{Flaw, FlawKind};
pub use moment::KillMoment;
pub use place::Place;
pub use random::Random;
pub use report::{TABLE_HEAD, as_json, as_row, kills};
pub use round::Round;
pub use sleeper::Sleeper;
pub use tally::Tally;
