//! The one load that a model may ask for: claimed once, and made.

use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use chaos_agent::ToolReply;
use chaos_core::{DurationText, InjectContext, LoadReport};

use super::super::engine::{LoadStarter, StartError};
use super::super::make::make;
use super::super::outcome::shortfall;
use super::super::planned::PlannedLoad;
use super::offer::{Asked, Offer};

/// How far the load has come.
#[derive(Debug, Default)]
pub(super) enum LoadState {
    /// Nobody has asked for it, or nobody was allowed to.
    #[default]
    NotMade,
    /// It was started; its end has not been seen.
    Running,
    /// The load engine did not start it.
    NotStarted(StartError),
    /// It was made.
    Made(Box<LoadReport>),
}

/// The load that both tools ask for.
pub(super) struct OneLoad<'a> {
    pub(super) offer: &'a Offer,
    starter: &'a LoadStarter<'a>,
    cx: &'a InjectContext,
    addresses: Vec<SocketAddr>,
    state: Mutex<LoadState>,
}

/// Why an allowed load is not made.
#[derive(Debug, thiserror::Error)]
enum NotNow {
    /// Half of a load shows nothing.
    #[error("too late for the load: it takes {takes} and its answers up to {timeout} more, but only {left}s are left")]
    Late { takes: DurationText, timeout: DurationText, left: u64 },
    /// It was made, or is being made.
    #[error("the one load was made already; do not repeat or tune it, report what came of it")]
    Again,
}

impl<'a> OneLoad<'a> {
    /// A load on addresses that the policy has allowed.
    pub(super) fn new(
        offer: &'a Offer,
        starter: &'a LoadStarter<'a>,
        addresses: Vec<SocketAddr>,
        cx: &'a InjectContext,
    ) -> Self {
        Self { offer, starter, cx, addresses, state: Mutex::default() }
    }

    /// How far it has come.
    pub(super) fn into_state(self) -> LoadState {
        self.state.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes the load if what is asked for is what is planned, and it was not made before.
    pub(super) async fn make(&self, asked: &Asked) -> ToolReply {
        let planned = match self.offer.check(asked) {
            Ok(planned) => planned,
            Err(refusal) => return ToolReply::failed(refusal.to_string()),
        };
        if let Err(why) = self.claim(&planned) {
            return ToolReply::failed(why.to_string());
        }
        let (state, text) = match make(&planned, &self.addresses, self.starter, self.cx).await {
            Ok(made) => (LoadState::Made(Box::new(made.report)), made.text),
            Err(error) => (LoadState::NotStarted(error), String::new()),
        };
        let reply = match state.shortfall() {
            Some(why) => ToolReply::failed(why),
            None => ToolReply::done(text),
        };
        *self.lock() = state;
        reply
    }

    fn claim(&self, planned: &PlannedLoad) -> Result<(), NotNow> {
        let (takes, timeout) = (planned.duration(), planned.timeout());
        if let Some(left) = self.cx.time_left()
            && left < takes.saturating_add(timeout)
        {
            return Err(NotNow::Late { takes: takes.into(), timeout: timeout.into(), left: left.as_secs() });
        }
        let mut state = self.lock();
        if !matches!(*state, LoadState::NotMade) {
            return Err(NotNow::Again);
        }
        *state = LoadState::Running;
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, LoadState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LoadState {
    /// Why the load is no success, if it is none.
    pub(super) fn shortfall(&self) -> Option<String> {
        match self {
            Self::NotMade => Some("no fortio load command was executed".to_owned()),
            Self::Running => Some("the load was cut off before its end".to_owned()),
            Self::NotStarted(why) => Some(format!("load did not reach the workload: {why}")),
            Self::Made(report) => shortfall(report),
        }
    }
}
