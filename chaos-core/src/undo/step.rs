//! Undo steps: what recovery needs to take one effect back, with nothing but the step.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{BoxFuture, Clock, PluginError};

/// What a step found when it looked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "outcome", content = "detail")]
pub enum Undone {
    /// The effect was there and is gone now.
    Reverted(String),
    /// There was nothing to take back: it never happened, it is gone already, or its subject is another one now.
    NothingToDo(String),
}

impl Undone {
    /// The clause that says what was found.
    pub fn detail(&self) -> &str {
        match self {
            Self::Reverted(detail) | Self::NothingToDo(detail) => detail,
        }
    }
}

/// What an undo step gets: a clock and its own deadline. It is never cancelled by the run.
#[derive(Debug, Clone)]
pub struct UndoContext {
    clock: Arc<dyn Clock>,
    deadline: Duration,
}

impl UndoContext {
    /// A context on `clock` in which one attempt may take `deadline`.
    pub fn new(clock: Arc<dyn Clock>, deadline: Duration) -> Self {
        Self { clock, deadline }
    }

    /// The clock to wait on.
    pub fn clock(&self) -> &dyn Clock {
        self.clock.as_ref()
    }

    /// How long one attempt may take; the engine gives up on it afterwards and tries again.
    pub fn deadline(&self) -> Duration {
        self.deadline
    }
}

/// An undo step as its author writes it.
///
/// It is idempotent, harmless if the effect never happened, and refuses a stranger (a recycled pid is left alone).
/// Its serialized form is a wire format: fields are only ever added, `deny_unknown_fields` is not used, and a secret
/// is named by its variable or file, never written.
pub trait UndoStep: Debug + Send + Sync + 'static {
    /// Whether the effect outlives a reboot; if not, recovery after one marks the step moot.
    const SURVIVES_REBOOT: bool = false;

    /// Takes the effect back, and looks that it is gone before it says so.
    fn undo(&self, cx: &UndoContext) -> impl Future<Output = Result<Undone, PluginError>> + Send;

    /// Says in one clause what it would do ("resume process 71").
    fn describe(&self) -> String;
}

/// What the engine calls; implemented for every [`UndoStep`].
pub trait ErasedUndoStep: Debug + Send + Sync {
    /// See [`UndoStep::SURVIVES_REBOOT`].
    fn survives_reboot(&self) -> bool;
    /// See [`UndoStep::undo`].
    fn undo<'a>(&'a self, cx: &'a UndoContext) -> BoxFuture<'a, Result<Undone, PluginError>>;
    /// See [`UndoStep::describe`].
    fn describe(&self) -> String;
}

impl<T: UndoStep> ErasedUndoStep for T {
    fn survives_reboot(&self) -> bool {
        T::SURVIVES_REBOOT
    }

    fn undo<'a>(&'a self, cx: &'a UndoContext) -> BoxFuture<'a, Result<Undone, PluginError>> {
        Box::pin(UndoStep::undo(self, cx))
    }

    fn describe(&self) -> String {
        UndoStep::describe(self)
    }
}

/// A registered undo step. Written by [`crate::register_undo_step!`] only.
#[typetag::serde(tag = "type")]
pub trait DynUndoStep: ErasedUndoStep {}
