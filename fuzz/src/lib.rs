//! Structure-aware fuzzing of every parser: valid inputs are made first, and most of them are spoilt then.
//!
//! | Module | Holds |
//! |---|---|
//! | `target` | [`FuzzTarget`]: a parser, how its valid inputs are made, and what must hold for each input |
//! | `targets` | one file a parser |
//! | `mutate` | how inputs are spoilt: bytes, words, trees |
//! | `attempt` | one input, with its panics and its processor time |
//! | `memory` | the most memory that the process ever had |
//! | `drive` | all targets in turn, on all cores |
//! | `corpus` | inputs that broke something once |

#![expect(private_interfaces, reason = "only this crate makes targets")]
#![expect(clippy::format_push_string, reason = "inputs are short, and their makers must be easy to read")]

mod attempt;
mod corpus;
#[path = "../../schema/tests/support/documents.rs"]
#[expect(dead_code, reason = "inputs are spoilt by this crate's own means")]
mod documents;
mod drive;
mod memory;
mod mutate;
mod target;
mod targets;

// Links every plug-in, so that documents are made of all of them.
use squall as _;

pub use attempt::{Attempt, attempt, catch_panics};
pub use corpus::{Kept, folder, kept};
pub use drive::{Figures, FuzzFinding, FuzzOutcome, Fuzzer, Limit, input};
pub use target::{Breach, FuzzTarget};
pub use targets::{NAMES, of_name};
