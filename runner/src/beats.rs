//! The run's heartbeat, for its guardian.

use std::sync::Weak;

use chaos_core::blocking;

use crate::guardian::BEAT;
use crate::shared::Shared;

/// Says that the run is alive for as long as it is, from the engine's own threads: an engine that hangs is not. Ends the run
/// that was taken over, and starts another guardian where one has ended.
pub(crate) async fn beats(run: Weak<Shared>) {
    loop {
        // Real time, whatever the run's clock: so is the guardian's.
        tokio::time::sleep(BEAT).await;
        let Some(shared) = run.upgrade() else { return };
        let there = shared.guardian.alive();
        // The disk may hang.
        let looked = blocking(move || {
            if shared.journal.taken_over() {
                shared.lost();
                return false;
            }
            if !there {
                match shared.guardian.ensure(&shared.journal) {
                    Ok(true) => shared.cx().note("the guardian ended; another one keeps the undo journal"),
                    Ok(false) => {}
                    Err(error) => shared.cx().note(format!("no guardian keeps the undo journal: {error}")),
                }
            }
            true
        });
        if !looked.await.unwrap_or(false) {
            return;
        }
    }
}
