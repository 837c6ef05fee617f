//! What blocks its thread, on a machine that may have no more threads.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::oneshot;

use crate::PluginError;

/// Runs what blocks on a thread of its own, and right here where the machine has none left: an undo must not fail for that.
/// It goes on if nobody waits for it any more.
///
/// # Errors
/// [`PluginError::Failed`] when it panics.
pub async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, PluginError> {
    let panicked = || PluginError::failed("it panicked".to_owned());
    let (told, done) = oneshot::channel();
    let job = Arc::new(Mutex::new(Some(work)));
    let take = |job: &Mutex<Option<_>>| job.lock().unwrap_or_else(PoisonError::into_inner).take();
    let its = Arc::clone(&job);
    let thread = std::thread::Builder::new().name("squall-blocking".to_owned()).spawn(move || {
        if let Some(work) = take(&its) {
            // Nobody waits for it any more where it was dropped.
            let _ = told.send(work());
        }
    });
    if thread.is_ok() {
        return done.await.map_err(|_| panicked());
    }
    let work = take(&job).ok_or_else(panicked)?;
    catch_unwind(AssertUnwindSafe(work)).map_err(|_| panicked())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_blocks_gives_its_value_and_a_panic_is_an_error() {
        assert_eq!(blocking(|| 7).await.unwrap(), 7);
        let error = blocking(|| panic!("on purpose")).await.unwrap_err();
        assert!(error.to_string().contains("it panicked"), "{error}");
    }
}
