//! Torture: any test command while a soak runs, both judged.
//!
//! | Module | Holds |
//! |---|---|
//! | `command` | one run of the command: its streams, its deadline, how it ended |
//! | `environment` | what the command is told of the nodes: variables and placeholders |
//! | `member` | the command as a protected member, so that no fault acts on it |
//! | `lines` | from the bytes of a stream to lines with times, while the bytes pass through |
//! | `parts`, `part_list` | from lines to the tests of a runner: one file for each |
//! | `fault_span` | from when to when each fault was in force |
//! | `attribution` | which faults were active while a part failed |
//! | `drive` | the command without faults, then under faults, in a session whose nodes are up |
//! | `report` | the verdict and the exit code |

mod attribution;
mod command;
mod drive;
mod environment;
mod fault_span;
mod lines;
mod member;
mod part_list;
mod parts;
mod report;

pub use attribution::{ActiveFault, AttributedFailure, FaultPhase};
pub use command::{CommandDestination, CommandEnd, CommandRun};
pub use drive::{TortureAttempt, TortureEnd, TorturePlan, attempt_seed, drive};
pub use environment::{CommandPlaceError, CommandPlaces};
pub use fault_span::FaultSpan;
pub use part_list::{CommandPart, PartOutcome};
pub use parts::PartsFormat;
pub use report::TortureReport;
