//! Fakes and contract suites over every registered plug-in; for tests only.
//!
//! | Module | Holds |
//! |---|---|
//! | `touch_file` | a sustained fault whose world is a file, and that can misbehave in every way the engine must survive |
//! | `fakes` | a finite fault, triggers and probes with a given behaviour |
//! | `contract` | the rules that every registered fault keeps, run on its own example |
//! | `subjects`, `control_subject` | what the contract lets faults act on |
//! | `panics_after` | wrappers that panic behind another fault's effect |
//! | `time` | virtual time for a run |
//! | `bench` | a state directory and a runner in a temporary folder |

mod bench;
mod contract;
mod control_subject;
mod fakes;
mod panics_after;
mod subjects;
mod time;
mod touch_file;

pub use bench::Bench;
pub use contract::{Broken, broken_by, broken_contracts, broken_on};
pub use fakes::{FakeAnswer, FakeFileExists, FakeFinite, FakeNever, FakeNow};
pub use panics_after::{PanicsAfterFinite, PanicsAfterSustained};
pub use subjects::Subjects;
pub use time::virtual_time;
pub use touch_file::{Misbehave, RemoveFile, TouchFile};
