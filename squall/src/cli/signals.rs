//! Signals that end a run early, or release what it holds. They never skip the undo: a second one is answered, not
//! obeyed.

use tokio::signal::unix::{Signal, SignalKind, signal};

/// What a signal asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Request {
    /// Ends the run early, at the signal of this name.
    Cancel(&'static str),
    /// Ends the holds now; undo, verification and verdict follow as usual.
    Release,
}

/// The signals that ask something of a run.
pub(crate) struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hang_up: Signal,
    user: Signal,
    cancelled: bool,
}

impl Signals {
    /// Takes them over, inside a tokio runtime; from then on they no longer kill the process.
    pub(crate) fn install() -> std::io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hang_up: signal(SignalKind::hangup())?,
            user: signal(SignalKind::user_defined1())?,
            cancelled: false,
        })
    }

    /// Whether one of them has asked for the end.
    pub(crate) fn cancelled(&self) -> bool {
        self.cancelled
    }

    /// Waits for the next one.
    pub(crate) async fn next(&mut self) -> Request {
        let request = self.received().await;
        self.cancelled |= matches!(request, Request::Cancel(_));
        request
    }

    async fn received(&mut self) -> Request {
        tokio::select! {
            Some(()) = self.interrupt.recv() => Request::Cancel("SIGINT"),
            Some(()) = self.terminate.recv() => Request::Cancel("SIGTERM"),
            Some(()) = self.hang_up.recv() => Request::Cancel("SIGHUP"),
            Some(()) = self.user.recv() => Request::Release,
            else => std::future::pending().await,
        }
    }
}
