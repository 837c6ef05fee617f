//! What recovery does with the steps of a node: replays them without its run.

use std::sync::Arc;
use std::time::Duration;

use chaos_core::{RealClock, UndoContext, UndoLog};

/// A bound against a hang, no more.
const HANG: Duration = Duration::from_mins(2);

/// What a step is undone with.
pub(crate) fn recovery() -> UndoContext {
    UndoContext::new(Arc::new(RealClock::new()), HANG)
}

/// Undoes all that is armed, newest first, whatever each says.
pub(crate) fn undo_all(log: &UndoLog) {
    let steps = log.newest_first();
    // On a thread of its own: a test's runtime can't be blocked.
    let ended = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        for armed in steps {
            let _ = runtime.block_on(armed.step.undo(&recovery()));
        }
    });
    let _ = ended.join();
}
