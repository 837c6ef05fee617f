//! What a node kind gets: its name, its place, its ports, and the run around it.

use std::collections::BTreeMap;
use std::num::NonZeroU16;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::{Answer, DynProbe, PROBE_TIMEOUT, PluginError, RunContext};

/// How long a readiness probe that said no is left alone.
const ASK_AGAIN: Duration = Duration::from_millis(50);

/// Where a node lives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodePlace {
    /// Its folder, in which it is started.
    pub dir: PathBuf,
    /// The folder of what it prints.
    pub logs: PathBuf,
    /// Its ports, by name.
    pub ports: BTreeMap<String, NonZeroU16>,
}

/// When a node counts as up.
#[derive(Debug, Clone)]
pub struct Readiness {
    /// The probe that must say yes.
    pub probe: Arc<dyn DynProbe>,
    /// What it is called.
    pub name: String,
    /// How long it may take to.
    pub within: Duration,
}

/// What a node kind gets.
#[derive(Debug, Clone)]
pub struct NodeContext {
    name: String,
    cx: RunContext,
    place: NodePlace,
    ready: Option<Readiness>,
    expects_exit: bool,
}

impl NodeContext {
    /// The context of the node of that name; it counts as up once `ready` says yes.
    pub fn new(name: impl Into<String>, cx: RunContext, place: NodePlace) -> Self {
        Self { name: name.into(), cx, place, ready: None, expects_exit: false }
    }

    /// Sets the probe that must say yes before the node counts as up.
    #[must_use]
    pub fn ready_when(mut self, ready: Option<Readiness>) -> Self {
        self.ready = ready;
        self
    }

    /// Says whether the node may end by itself.
    #[must_use]
    pub fn expecting_exit(mut self, expects: bool) -> Self {
        self.expects_exit = expects;
        self
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The run.
    pub fn cx(&self) -> &RunContext {
        &self.cx
    }

    /// Where it lives.
    pub fn place(&self) -> &NodePlace {
        &self.place
    }

    /// Whether it may end by itself.
    pub fn expects_exit(&self) -> bool {
        self.expects_exit
    }

    /// Waits until the node's own probe says that it is ready.
    ///
    /// # Errors
    /// [`PluginError::Failed`] with the last answer when it does not in time, [`PluginError::Cancelled`] when the run ends.
    pub async fn ready(&self) -> Result<(), PluginError> {
        let Some(Readiness { probe, name: probe_name, within }) = &self.ready else { return Ok(()) };
        let clock = self.cx.clock();
        let until = clock.now() + *within;
        loop {
            let left = until.saturating_sub(clock.now());
            let limit = left.min(probe.at_most().unwrap_or(PROBE_TIMEOUT));
            let asked = self.cx.cancel_token().run_until_cancelled(probe.observe(&self.cx));
            let answer = match clock.timeout(limit, asked).await {
                Some(None) => return Err(PluginError::Cancelled),
                Some(Some(seen)) => Some(seen),
                None => None,
            };
            let detail = match answer {
                Some(seen) if seen.answer == Answer::Yes => return Ok(()),
                Some(seen) => seen.detail,
                None => "no answer".to_owned(),
            };
            if clock.now() + ASK_AGAIN >= until {
                let (name, seconds) = (&self.name, within.as_secs_f64());
                let why = format!("node `{name}` was not ready within {seconds} s (`{probe_name}`: {detail})");
                return Err(PluginError::failed(why));
            }
            if !self.cx.sleep(ASK_AGAIN).await {
                return Err(PluginError::Cancelled);
            }
        }
    }
}
