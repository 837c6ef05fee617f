//! Helpers: this program once more, for what must live apart from a run. The loads of `stress_cpu` and `stress_memory` are
//! such processes too.
//!
//! A run that is killed, stopped or hangs can't undo what it did. Its guardian does: a process of its own, which holds the
//! journal's lock, hears whether the run is alive, and undoes it otherwise. A harness that embeds Squall chooses one of three
//! ways to have it.
//!
//! **This program.** The first line of `main` asks whether this process is such a helper; then
//! [`Guardian::ThisProgram`] is the default of every runner.
//!
//! ```no_run
//! fn main() -> Result<(), squall::chaos_runner::RunnerError> {
//!     squall::helper::run_if_asked();
//!     let runner = squall::prelude::Runner::builder().build()?;
//!     # drop(runner);
//!     Ok(())
//! }
//! ```
//!
//! **Another program**, where `main` is not the harness's own, as in a test: any whose `main` begins so, `squall` too. It
//! must be of the same version, and know the undo steps that are armed; others are refused before their effect.
//!
//! ```no_run
//! use squall::prelude::{Guardian, Runner};
//!
//! # fn main() -> Result<(), squall::chaos_runner::RunnerError> {
//! let runner = Runner::builder().guardian(Guardian::Program("/usr/bin/squall".into())).build()?;
//! # drop(runner);
//! # Ok(())
//! # }
//! ```
//!
//! **Nobody.** What a crash leaves in force stays until the next run, or `squall recover`; the default of a program that
//! does not ask.
//!
//! ```no_run
//! use squall::prelude::{Guardian, Runner};
//!
//! # fn main() -> Result<(), squall::chaos_runner::RunnerError> {
//! let runner = Runner::builder().guardian(Guardian::None).build()?;
//! # drop(runner);
//! # Ok(())
//! # }
//! ```

#[cfg(doc)]
use chaos_runner::Guardian;

/// Becomes a helper, and ends with it, where this process was started as one; comes back at once otherwise. To be called
/// first in `main`.
pub fn run_if_asked() {
    if let Some(code) = chaos_nodes::run_if_asked().or_else(chaos_runner::run_helper) {
        leave(code);
    }
}

#[expect(clippy::exit, clippy::disallowed_methods, reason = "a helper has nothing to undo, and must not go on")]
fn leave(code: u8) -> ! {
    std::process::exit(code.into())
}
