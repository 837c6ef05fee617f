//! The process facet: what a fault may do to the processes of a member.

use std::borrow::Cow;
use std::fmt::{self, Debug};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::effect::Effect;
use crate::{BoxFuture, Plan, PluginError, ResourceId};

/// The processes of a member. The fault says what is done and for how long; the facet knows how, as what, and how it is
/// undone.
pub trait ProcessFacet: Debug + Send + Sync {
    /// What the act would touch, with the member's label as its summary: its identity, permissions, whether it can be
    /// undone. May look, never touches.
    ///
    /// # Errors
    /// [`PluginError::Refused`] for what must never be done (to the first process, to Squall), [`PluginError::NotYet`] for a
    /// process that may appear.
    fn plan(&self, act: ProcessAct) -> BoxFuture<'_, Result<Plan, PluginError>>;

    /// The effect of the act, and the step that undoes it; done by [`crate::Undo::perform`]. From now on the facet means the
    /// process that it found for this.
    ///
    /// # Errors
    /// As [`ProcessFacet::plan`].
    fn effect(&self, act: ProcessAct) -> BoxFuture<'_, Result<Effect, PluginError>>;

    /// What the process is doing now, read anew.
    ///
    /// # Errors
    /// [`PluginError`] when that can't be told.
    fn status(&self) -> BoxFuture<'_, Result<ProcessStatus, PluginError>>;
}

/// What a fault does to a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProcessAct {
    /// Stops it where it is; undone by letting it go on.
    Pause(PauseMethod),
    /// Ends it with a signal, and waits for its end; undone by its supervisor, which starts it again.
    Kill(SignalName),
    /// Ends it with SIGKILL and starts it again, as the same node.
    Restart,
}

/// How a process is paused.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
#[non_exhaustive]
pub enum PauseMethod {
    /// SIGSTOP, and SIGCONT to undo it: all threads of one process; its parent is told.
    #[default]
    Signal,
    /// The freezer of the node's group: everything that the node has started, in one step; nobody is told.
    Freezer,
    /// A fail point that stops an async runtime while its sockets still accept; made by the fault itself, not by a facet.
    Runtime,
}

/// What a process is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcessStatus {
    /// Which process it is: "process 71 (`sleep`)".
    pub label: String,
    /// What it is doing.
    pub state: ProcessState,
    /// What was read, in one clause: "state S".
    pub detail: String,
    /// What tells this process from every other one; absent when it is gone.
    pub identity: Option<ResourceId>,
}

/// What a process is doing, as far as a fault is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProcessState {
    /// It is there, and nobody keeps it from running.
    Running,
    /// It is stopped.
    Stopped,
    /// A tracer holds it, so whether it is stopped can't be told.
    Traced,
    /// It has ended.
    Gone,
}

macro_rules! signals {
    ($($(#[$doc:meta])* $variant:ident = $name:literal;)*) => {
        /// A signal that is meant to end a process.
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[non_exhaustive]
        pub enum SignalName {
            $($(#[$doc])* #[serde(rename = $name)] $variant,)*
        }

        impl SignalName {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// Its name, as it is written in documents: `SIGTERM`.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
        }
    };
}

signals! {
    /// Ends it at once; it can't be caught.
    #[default]
    Kill = "SIGKILL";
    /// Asks it to end.
    Term = "SIGTERM";
    /// As from the keyboard.
    Int = "SIGINT";
    /// Asks it to end and to leave a core.
    Quit = "SIGQUIT";
    /// Its terminal is gone; many daemons reload instead.
    Hup = "SIGHUP";
    /// As from its own `abort()`.
    Abrt = "SIGABRT";
    /// As from a wild pointer.
    Segv = "SIGSEGV";
    /// As from memory that is gone.
    Bus = "SIGBUS";
    /// For what the program makes of it.
    Usr1 = "SIGUSR1";
    /// For what the program makes of it.
    Usr2 = "SIGUSR2";
}

impl fmt::Display for SignalName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl JsonSchema for SignalName {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "SignalName".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let names: Vec<&str> = Self::ALL.iter().map(|signal| signal.name()).collect();
        json_schema!({ "type": "string", "enum": names })
    }
}
