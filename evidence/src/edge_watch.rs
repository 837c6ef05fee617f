//! Tells a source that a fault came into force or is being undone, so that it looks right then: what was before that moment and
//! what was after it are told apart best by a look at that moment.

use chaos_core::{Edge, FaultEdges, RunContext};
use tokio::sync::watch;

/// Waits for the next edge of a fault of the run.
#[derive(Debug)]
pub(crate) struct EdgeWatch(watch::Receiver<Vec<Edge>>);

impl EdgeWatch {
    /// Waits for edges from now on.
    pub(crate) fn new(cx: &RunContext) -> Self {
        let mut edges = cx.services().get::<FaultEdges>().watch();
        edges.mark_unchanged();
        Self(edges)
    }

    /// Waits for the next edge; several since the last call are one.
    pub(crate) async fn next(&mut self) {
        if self.0.changed().await.is_err() {
            // Nobody is left who could tell.
            std::future::pending::<()>().await;
        }
    }
}
