//! Fakes and contract suites over every registered plug-in; for tests only.
//!
//! | Module | Holds |
//! |---|---|
//! | `touch_file` | a sustained fault whose world is a file, and that can misbehave in every way the engine must survive |
//! | `fakes` | a finite fault, triggers and probes with a given behaviour |
//! | `time` | virtual time for a run |
//! | `bench` | a state directory and a runner in a temporary folder |

mod bench;
mod fakes;
mod time;
mod touch_file;

pub use bench::Bench;
pub use fakes::{FakeAnswer, FakeFileExists, FakeFinite, FakeNever, FakeNow};
pub use time::virtual_time;
pub use touch_file::{Misbehave, RemoveFile, TouchFile};
