//! The state that a member writes while it runs. A disk that is full costs it new state, never the old, and never its life.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use super::identity::write_whole;
use super::spans::Spans;

/// Between two writes.
const PACE: Duration = Duration::from_millis(250);

/// How the writes went.
#[derive(Debug, Clone, Default)]
pub(super) struct Storage(Arc<Mutex<Written>>);

#[derive(Debug, Default)]
struct Written {
    writes: u64,
    failures: u64,
    /// Why the last write failed, if it did.
    failing: Option<String>,
}

impl Storage {
    /// Writes for ever.
    pub(super) async fn keep(self, dir: PathBuf, spans: Spans) {
        loop {
            let number = self.with(|written| written.writes);
            let path = dir.join("state.json");
            let result = spawn_blocking(move || write(&path, number)).await;
            let failed = match result {
                Ok(Ok(())) => None,
                Ok(Err(error)) => Some(error.to_string()),
                Err(error) => Some(error.to_string()),
            };
            if let Some(why) = &failed {
                spans.tell("storage_error", &[("error", why.clone())]);
            }
            self.with(|written| {
                *(if failed.is_some() { &mut written.failures } else { &mut written.writes }) += 1;
                written.failing = failed;
            });
            sleep(PACE).await;
        }
    }

    pub(super) fn to_json(&self) -> Value {
        self.with(|written| json!({"writes": written.writes, "failures": written.failures, "failing": written.failing}))
    }

    fn with<T>(&self, of: impl FnOnce(&mut Written) -> T) -> T {
        of(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn write(path: &Path, number: u64) -> std::io::Result<()> {
    write_whole(path, json!({ "writes": number }).to_string().as_bytes())
}
