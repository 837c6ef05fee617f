//! What blocks its thread, on a machine that may have no more threads.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;
use std::thread::{Builder, JoinHandle};

use tokio::sync::oneshot;

use crate::PluginError;

/// Does `work` with `input` on a thread of its own, whose handle gives what that gives.
///
/// # Errors
/// The input again, and why, where the machine has no thread left.
pub fn on_a_thread<T: Send + 'static, R: Send + 'static>(
    name: &str,
    input: T,
    work: impl FnOnce(T) -> R + Send + 'static,
) -> Result<JoinHandle<Option<R>>, (T, io::Error)> {
    let (hand, handed) = mpsc::channel();
    match Builder::new().name(name.to_owned()).spawn(move || handed.recv().ok().map(work)) {
        Ok(thread) => {
            // The thread waits for it.
            let _ = hand.send(input);
            Ok(thread)
        }
        Err(error) => Err((input, error)),
    }
}

/// Runs what blocks on a thread of its own, and right here where the machine has none left: an undo must not fail for that.
/// It goes on if nobody waits for it any more.
///
/// # Errors
/// [`PluginError::Failed`] when it panics.
pub async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, PluginError> {
    let panicked = || PluginError::failed("it panicked".to_owned());
    let (told, done) = oneshot::channel();
    // Nobody waits for it any more where it was dropped.
    match on_a_thread("squall-blocking", work, move |work| drop(told.send(work()))) {
        Ok(_) => done.await.map_err(|_| panicked()),
        Err((work, _)) => catch_unwind(AssertUnwindSafe(work)).map_err(|_| panicked()),
    }
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
