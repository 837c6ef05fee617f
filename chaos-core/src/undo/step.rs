//! Undo steps: what recovery needs to undo one effect, with nothing but the step.

use std::fmt::Debug;

use serde::{Deserialize, Serialize};

use super::context::UndoContext;
use super::owner::StepOwner;
use crate::{BoxFuture, PluginError};

/// What a step found when it looked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case", tag = "outcome", content = "detail")]
pub enum Undone {
    /// The effect was there and is gone now.
    Reverted(String),
    /// There was nothing to undo: it never happened, it is gone already, or its subject is another one now.
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

/// An undo step as its author writes it.
///
/// It is idempotent, harmless if the effect never happened, and refuses what is not its target any more (a recycled pid
/// is left alone).
/// Its serialized form is a wire format: fields are only ever added, `deny_unknown_fields` is not used, and a secret
/// is named by its variable or file, never written.
pub trait UndoStep: Debug + Send + Sync + 'static {
    /// Whether the effect outlives a reboot; if not, recovery after one marks the step moot.
    const SURVIVES_REBOOT: bool = false;

    /// Undoes the effect, and checks that it is gone before it says so.
    fn undo(&self, cx: &UndoContext) -> impl Future<Output = Result<Undone, PluginError>> + Send;

    /// Says in one clause what it would do ("resume process 71").
    fn describe(&self) -> String;

    /// Who carries it out while it is alive; `None` when anybody may, at any time.
    fn owner(&self) -> Option<StepOwner> {
        None
    }
}

/// What the engine calls; implemented for every [`UndoStep`].
pub trait ErasedUndoStep: Debug + Send + Sync {
    /// See [`UndoStep::SURVIVES_REBOOT`].
    fn survives_reboot(&self) -> bool;
    /// See [`UndoStep::undo`].
    fn undo<'a>(&'a self, cx: &'a UndoContext) -> BoxFuture<'a, Result<Undone, PluginError>>;
    /// See [`UndoStep::describe`].
    fn describe(&self) -> String;
    /// See [`UndoStep::owner`].
    fn owner(&self) -> Option<StepOwner>;
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

    fn owner(&self) -> Option<StepOwner> {
        UndoStep::owner(self)
    }
}

/// A registered undo step. Written by [`crate::register_undo_step!`] only.
#[typetag::serialize(tag = "type")]
pub trait DynUndoStep: ErasedUndoStep {}
