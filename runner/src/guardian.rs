//! The guardian: a helper process beside a run that undoes the run's journal when the run can't.
//!
//! | File | Holds |
//! |---|---|
//! | `protocol` | what the two say to each other |
//! | `start` | starts one, and hands it the locked journal |
//! | `heartbeat` | the run's side: when there must be one, and what it is told |
//! | `lease` | when a run must be taken over: its lease, its steps' times, and a machine that slept |
//! | `serve` | the guardian's own side, and when it takes over |
//! | `take_over` | the epoch, and the replay |

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

mod heartbeat;
mod lease;
mod protocol;
mod serve;
mod start;
mod take_over;

pub(crate) use heartbeat::{GuardianSlot, Keeper};
pub(crate) use protocol::BEAT;

use protocol::{GUARDIAN, HELPER};

/// Who undoes a run when its process is killed, stopped or hangs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Guardian {
    /// This program, started once more: its `main` begins with `squall::helper::run_if_asked()`.
    ThisProgram,
    /// Another program whose `main` begins so, such as `squall`. It must know the undo steps of this one.
    Program(PathBuf),
    /// Nobody: what is in force stays so until the next run, or `squall recover`.
    None,
}

/// Whether this program's `main` has asked whether it is a helper.
static HELPS: AtomicBool = AtomicBool::new(false);

impl Default for Guardian {
    /// [`Guardian::ThisProgram`] where its `main` has called `squall::helper::run_if_asked()`, else [`Guardian::None`].
    fn default() -> Self {
        if HELPS.load(Ordering::Relaxed) { Self::ThisProgram } else { Self::None }
    }
}

/// Runs this process as the helper that its first argument names, and gives its exit code; `None` when it is not one.
/// To be called before anything else: from then on [`Guardian::ThisProgram`] works.
pub fn run_helper() -> Option<u8> {
    HELPS.store(true, Ordering::Relaxed);
    let name = std::env::args_os().next()?;
    let role = name.to_str()?.strip_prefix(HELPER)?;
    Some(if role == GUARDIAN { serve::serve() } else { protocol::UNKNOWN_ROLE })
}
