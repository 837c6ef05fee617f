//! Fakes and contract suites over every registered plug-in; for tests only.
//!
//! | Module | Holds |
//! |---|---|
//! | `touch_file` | a sustained fault whose world is a file, and that can misbehave in every way the engine must survive |
//! | `request_loop` | the same for a finite fault, which sends requests |
//! | `fakes` | a finite fault, triggers and probes with a given behaviour |
//! | `fake_node` | a node kind whose world is a file |
//! | `contract` | the rules that every registered fault keeps, run on the subject that it names |
//! | `contract_subject` | how a fault names its subject: [`contract_subject!`] |
//! | `subjects`, `service` | what the contract lets faults act on |
//! | `run_context` | the context of a run, for tests of single calls |
//! | `panics_after` | wrappers that panic behind another fault's effect |
//! | `time` | virtual time for a run |
//! | `bench` | a state directory and a runner in a temporary folder |

mod bench;
mod contract;
mod contract_subject;
mod fake_node;
mod fakes;
mod journal_text;
mod panics_after;
mod request_loop;
mod run_context;
mod service;
mod subjects;
mod time;
mod touch_file;

pub use bench::Bench;
pub use contract::{Broken, broken_by, broken_contracts, broken_on};
pub use contract_subject::ContractSubject;
pub use fake_node::{FakeNode, FakeNodeStep};
pub use fakes::{FakeAnswer, FakeFileExists, FakeFinite, FakeNever, FakeNow};
pub use journal_text::{sealed, unsealed_line};
pub use panics_after::{PanicsAfterFinite, PanicsAfterSustained};
pub use request_loop::{FiniteMisbehave, RequestLoop};
pub use run_context::{RunContextBuilder, run_context};
pub use subjects::{Leftover, Subjects};
pub use time::virtual_time;
pub use touch_file::{Misbehave, RemoveFile, TouchFile};

/// What the macros expand to; not part of the surface.
#[doc(hidden)]
pub mod __private {
    pub use inventory;
}
