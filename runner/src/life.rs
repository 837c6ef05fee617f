//! The life of one entry: its one state, changed by one function, from which its events come.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use chaos_core::{ChaosResult, EntryScope, EventKind, FaultTimes, RunContext, Stage};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::control::EntryControl;
use crate::entry_state::{EntryStage, EntryState, IllegalStep, Step};

/// The life of one entry: its state, its events, its timeline, and what ends it early.
pub(crate) struct Life {
    scope: EntryScope,
    state: watch::Sender<EntryState>,
    released: CancellationToken,
    times: Mutex<FaultTimes>,
}

impl fmt::Debug for Life {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Life").field("entry", self.scope.id()).field("state", &self.state).finish_non_exhaustive()
    }
}

impl Life {
    pub(crate) fn new(scope: EntryScope) -> Self {
        let (state, _) = watch::channel(EntryState { stage: EntryStage::Pending, active: None });
        Self { scope, state, released: CancellationToken::new(), times: Mutex::default() }
    }

    pub(crate) fn cx(&self) -> &RunContext {
        self.scope.cx()
    }

    pub(crate) fn scope(&self) -> &EntryScope {
        &self.scope
    }

    /// Cancelled when the hold is to end now.
    pub(crate) fn released(&self) -> &CancellationToken {
        &self.released
    }

    pub(crate) fn watch(&self) -> watch::Receiver<EntryState> {
        self.state.subscribe()
    }

    /// The side that waits for it and ends it early.
    pub(crate) fn control(&self) -> EntryControl {
        let cancel = self.cx().cancel_token().clone();
        EntryControl::new(self.scope.id().clone(), self.watch(), self.released.clone(), cancel)
    }

    /// Whether the fault was in force at some time.
    pub(crate) fn was_active(&self) -> bool {
        self.state.borrow().active.is_some()
    }

    /// Takes one step; its event and its edge are told before anybody can see the new state.
    ///
    /// # Errors
    /// [`IllegalStep`]; nothing has changed then, and nothing was told.
    pub(crate) fn step(&self, step: Step) -> Result<(), IllegalStep> {
        self.change(step, None)
    }

    /// Ends it; whoever follows the events gets the result.
    pub(crate) fn end(&self, result: &ChaosResult) -> Result<(), IllegalStep> {
        self.change(Step::End, Some(result))
    }

    fn change(&self, step: Step, result: Option<&ChaosResult>) -> Result<(), IllegalStep> {
        let mut illegal = None;
        self.state.send_if_modified(|state| match state.stage.after(&step) {
            Ok(stage) => {
                state.stage = stage;
                if let Step::Activate(evidence) = &step {
                    state.active = Some(evidence.clone());
                }
                self.tell(step, result);
                true
            }
            Err(step) => {
                illegal = Some(step);
                false
            }
        });
        illegal.map_or(Ok(()), Err)
    }

    fn edge(&self, stage: Stage) {
        let at = self.scope.edge(stage);
        self.times.lock().unwrap_or_else(PoisonError::into_inner).note(stage, at);
    }

    /// When its fault came and went, as far as it has.
    pub(crate) fn times(&self) -> FaultTimes {
        *self.times.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, step: Step, result: Option<&ChaosResult>) {
        let scope = &self.scope;
        match step {
            Step::Wait(trigger, least) => {
                let name = scope.id().name.clone();
                scope.emit(EventKind::Waiting {
                    name,
                    trigger: trigger.to_owned(),
                    at_least_seconds: least.as_secs_f64(),
                });
            }
            Step::Fire(detail) => scope.emit(EventKind::Fired { detail }),
            Step::Plan(plan) => {
                scope.planned(&plan);
                scope.emit(EventKind::Planned { plan });
            }
            Step::Inject(fault) => {
                self.edge(Stage::Landing);
                if let Some(fault) = fault {
                    scope.emit(EventKind::Injecting { fault: fault.to_owned() });
                }
            }
            Step::Activate(evidence) => {
                self.edge(Stage::InForce);
                scope.emit(EventKind::Active { evidence });
            }
            Step::Hold(time) => scope.emit(EventKind::Holding { seconds: time.as_secs_f64() }),
            Step::Leave => self.edge(Stage::Leaving),
            Step::Undone => self.edge(Stage::Gone),
            Step::End => {
                if let Some(result) = result.filter(|_| scope.followed()) {
                    scope.emit(EventKind::Ended { result: Box::new(result.clone()) });
                }
            }
        }
    }
}
