//! Listeners to single requests and connections of a run.

use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::SyncSender;
use std::time::{Duration, SystemTime};

use crate::failure::Failure;

/// Something that happened to a request or a connection.
#[derive(Debug, Clone, PartialEq)]
pub enum RequestEvent {
    /// Warm-up is over, and the run begins.
    Begun,
    /// A request failed, or was answered with an error status.
    Failed {
        /// Number of the connection.
        connection: usize,
        /// What went wrong.
        failure: Failure,
        /// Bytes of the answer that came.
        size: u64,
    },
    /// A kept connection was found dead and replaced inside a request.
    Replaced {
        /// Number of the connection.
        connection: usize,
    },
    /// A connection has made its requests.
    Ended {
        /// Number of the connection.
        connection: usize,
        /// Time from its start.
        after: Duration,
        /// Requests that it made.
        calls: u64,
        /// Requests that it should have made, where time cut it short.
        planned: Option<u64>,
    },
}

/// One request that ended, for a [`RequestSink`].
#[derive(Debug, Clone)]
pub struct EndedRequest<'a> {
    /// Number of the connection.
    pub connection: usize,
    /// Number of the request: on its connection, or of the open schedule.
    pub number: u64,
    /// When it was sent.
    pub started_at: SystemTime,
    /// Time from there to its end.
    pub took: Duration,
    /// Status of the answer, or -1.
    pub code: i32,
    /// Why it counts as failed; `None` when it does not.
    pub failure: Option<&'a Failure>,
}

/// Takes every request as it ends; a worker waits for it, so it must be quick.
pub trait RequestSink: Debug + Send + Sync {
    /// Takes one request.
    fn record(&self, call: &EndedRequest<'_>);
}

/// The listeners of a run; by default there are none.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Observer {
    /// Takes what happens; what does not fit in the channel is lost, so that a log never slows a run.
    pub events: Option<SyncSender<RequestEvent>>,
    /// Counts the events that were lost.
    pub lost: Arc<AtomicU64>,
    /// Takes every request.
    pub calls: Option<Arc<dyn RequestSink>>,
}

impl Observer {
    pub(crate) fn tell(&self, event: impl FnOnce() -> RequestEvent) {
        if let Some(events) = &self.events
            && events.try_send(event()).is_err()
        {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_channel_loses_events_and_counts_them() {
        let (events, _kept) = std::sync::mpsc::sync_channel(1);
        let observer = Observer { events: Some(events), ..Observer::default() };
        observer.tell(|| RequestEvent::Begun);
        observer.tell(|| RequestEvent::Begun);
        assert_eq!(observer.lost.load(Ordering::Relaxed), 1);
    }
}
