//! The trigger that fires on a signal to this process.

use std::sync::atomic::{AtomicBool, Ordering};

use chaos_core::{Fired, PluginError, RunContext, Trigger, register_trigger};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::signal::unix::{SignalKind, signal};

/// Fires when this process gets a signal.
///
/// Signals count from when the entry begins to wait. One that came before ends a run of `squall run` early, as it does where no
/// entry waits for it.
///
/// # Example
/// ```yaml
/// type: signal
/// signal: usr2
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "SignalTrigger")]
pub struct OnSignal {
    /// The signal.
    pub signal: UserSignal,
}

/// A signal that means nothing by itself. `SIGUSR1` is none: `squall run` releases what it holds on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum UserSignal {
    /// `SIGUSR2`.
    Usr2,
}

/// Whether an entry of this process has begun to wait for the signal. From then on it is the triggers' own.
static AWAITED: AtomicBool = AtomicBool::new(false);

impl UserSignal {
    /// Whether an entry of this process waits for it, or has: then it asks for nothing else.
    pub fn is_awaited(self) -> bool {
        AWAITED.load(Ordering::SeqCst)
    }

    fn kind(self) -> SignalKind {
        match self {
            Self::Usr2 => SignalKind::user_defined2(),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Usr2 => "SIGUSR2",
        }
    }
}

impl Trigger for OnSignal {
    async fn wait(&self, cx: &RunContext) -> Result<Fired, PluginError> {
        let heard = |error| PluginError::io(&format!("listen for {}", self.signal.name()), &error);
        let mut signals = signal(self.signal.kind()).map_err(heard)?;
        AWAITED.store(true, Ordering::SeqCst);
        tokio::select! {
            biased;
            got = signals.recv() => match got {
                Some(()) => Ok(Fired(format!("{} came", self.signal.name()))),
                None => Err(PluginError::failed(format!("{} can't be heard any more", self.signal.name()))),
            },
            () = cx.cancelled() => Err(PluginError::Cancelled),
        }
    }
}

register_trigger!(OnSignal, "signal");
