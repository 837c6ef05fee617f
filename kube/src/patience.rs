//! Calls that are tried again, within bounds: a server that is away, overloaded or restarting.

use std::time::Duration;

use chaos_core::with_causes;
use kube::Error;
use tokio::time::{Instant, sleep, timeout};

/// How long one attempt may take: an API server whose store hangs answers nothing at all.
const ATTEMPT: Duration = Duration::from_secs(10);
/// The first pause between attempts; each is twice as long as the one before.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// The longest pause: soon enough to notice that a server is back.
const LONGEST_PAUSE: Duration = Duration::from_secs(3);

/// How long a call is tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience(pub Duration);

impl Default for Patience {
    /// Longer than an API server takes to restart.
    fn default() -> Self {
        Self(Duration::from_secs(45))
    }
}

/// Why a call was not done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// The server refused it; trying again would not help.
    #[error("{what}: the API server refused ({code} {reason}): {message}")]
    Refused {
        /// What was asked.
        what: String,
        /// The HTTP status.
        code: u16,
        /// The server's reason in one word.
        reason: String,
        /// The server's message.
        message: String,
    },
    /// No usable answer came, however often it was tried. A change may have been made.
    #[error("{what}: no answer from the API server in {seconds} s ({last})")]
    Unreachable {
        /// What was asked.
        what: String,
        /// For how long it was tried.
        seconds: u64,
        /// What the last attempt came to.
        last: String,
    },
    /// The answer is not what it should be.
    #[error("{what}: {why}")]
    Answer {
        /// What was asked.
        what: String,
        /// What is wrong with the answer.
        why: String,
    },
}

impl CallError {
    /// The HTTP status of a refusal.
    pub fn code(&self) -> Option<u16> {
        match self {
            Self::Refused { code, .. } => Some(*code),
            _ => None,
        }
    }

    /// Whether there is no such object.
    pub fn is_not_found(&self) -> bool {
        self.code() == Some(404)
    }

    /// Whether it is there already, or has changed meanwhile.
    pub fn is_conflict(&self) -> bool {
        self.code() == Some(409)
    }

    /// Whether the object that was named is not there any more: gone, or in the place of another one by now.
    pub(crate) fn is_gone(&self) -> bool {
        self.is_not_found() || self.is_conflict()
    }

    /// Whether the server may still do it, or has done it.
    pub fn is_unreachable(&self) -> bool {
        matches!(self, Self::Unreachable { .. })
    }
}

/// What one attempt came to.
enum Attempt {
    /// Trying again may help, no sooner than this.
    Again(String, Duration),
    Never(CallError),
}

fn judge(what: &str, error: Error) -> Attempt {
    match error {
        Error::Api(status) if matches!(status.code, 429 | 500 | 502..=504) => {
            let after = status.details.as_ref().map_or(0, |details| details.retry_after_seconds);
            let message = format!("{} {}", status.code, first_line(&status.message));
            Attempt::Again(message, Duration::from_secs(after.into()).min(Duration::from_secs(30)))
        }
        Error::Api(status) => Attempt::Never(CallError::Refused {
            what: what.to_owned(),
            code: status.code,
            reason: status.reason.clone(),
            message: first_line(&status.message),
        }),
        Error::HyperError(_) | Error::Service(_) | Error::ReadEvents(_) | Error::HttpError(_) => {
            Attempt::Again(in_a_line(&error), Duration::ZERO)
        }
        error => Attempt::Never(CallError::Answer { what: what.to_owned(), why: in_a_line(&error) }),
    }
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().chars().take(400).collect()
}

/// An error with what caused it, in one line: the outermost of a connection says next to nothing.
pub(crate) fn in_a_line(error: &dyn std::error::Error) -> String {
    first_line(&with_causes(error))
}

/// Calls until there is an answer or a refusal, for as long as patience lasts; at least once.
///
/// # Errors
/// [`CallError`].
pub async fn patiently<T, F>(what: &str, patience: Patience, mut call: impl FnMut() -> F) -> Result<T, CallError>
where
    F: Future<Output = Result<T, Error>>,
{
    let until = Instant::now() + patience.0;
    let mut pause = FIRST_PAUSE;
    loop {
        let (last, after) = match timeout(ATTEMPT, call()).await {
            Ok(Ok(done)) => return Ok(done),
            Ok(Err(error)) => match judge(what, error) {
                Attempt::Never(error) => return Err(error),
                Attempt::Again(last, after) => (last, after),
            },
            Err(_) => (format!("no answer within {} s", ATTEMPT.as_secs()), Duration::ZERO),
        };
        let next = pause.max(after);
        if Instant::now() + next >= until {
            return Err(CallError::Unreachable { what: what.to_owned(), seconds: patience.0.as_secs(), last });
        }
        sleep(next).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use kube::core::Status;

    use super::*;

    fn status(code: u16, message: &str) -> Error {
        Error::Api(Status::failure(message, "Because").with_code(code).boxed())
    }

    /// Calls that fail so often, then work.
    async fn after(
        failures: usize,
        patience: u64,
        error: impl Fn() -> Error,
    ) -> (usize, Result<&'static str, CallError>) {
        let (calls, error) = (Cell::new(0), &error);
        let done = patiently("read it", Patience(Duration::from_secs(patience)), || {
            calls.set(calls.get() + 1);
            let done = if calls.get() <= failures { Err(error()) } else { Ok("done") };
            std::future::ready(done)
        })
        .await;
        (calls.get(), done)
    }

    #[tokio::test(start_paused = true)]
    async fn what_passes_is_tried_again() {
        for code in [429, 500, 502, 503, 504] {
            let (calls, done) = after(3, 45, || status(code, "later")).await;
            assert_eq!((calls, done.unwrap()), (4, "done"), "{code}");
        }
        let lost = || Error::Service("connection refused".into());
        assert_eq!(after(5, 45, lost).await.1.unwrap(), "done");
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_is_told_at_once() {
        for code in [400, 401, 403, 404, 409, 410, 422] {
            let (calls, done) = after(1, 45, || status(code, "no\nmore lines")).await;
            let error = done.unwrap_err();
            assert_eq!((calls, error.code()), (1, Some(code)));
            assert_eq!(error.to_string(), format!("read it: the API server refused ({code} Because): no"));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn patience_ends() {
        let began = Instant::now();
        let (calls, done) = after(usize::MAX, 20, || status(503, "away")).await;
        let error = done.unwrap_err();
        assert!(error.is_unreachable() && calls > 3, "{calls} {error}");
        assert_eq!(error.to_string(), "read it: no answer from the API server in 20 s (503 away)");
        assert!(began.elapsed() <= Duration::from_secs(20), "{:?}", began.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn an_attempt_that_hangs_is_given_up() {
        let calls = Cell::new(0);
        let done = patiently("read it", Patience::default(), || {
            calls.set(calls.get() + 1);
            let call = calls.get();
            async move {
                if call == 1 {
                    std::future::pending::<()>().await;
                }
                Ok(call)
            }
        });
        assert_eq!(done.await.unwrap(), 2);
    }
}
