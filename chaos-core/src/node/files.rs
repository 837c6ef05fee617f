//! The files facet: what a fault may do to the file system of a member.

use std::fmt::Debug;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::effect::Effect;
use crate::{BoxFuture, Plan, PluginError};

/// The file system that a member has for itself.
pub trait FilesFacet: Debug + Send + Sync {
    /// What filling it would touch, with the member's label as its summary. May look, never touches.
    ///
    /// # Errors
    /// [`PluginError::Refused`] for a member that shares its file system.
    fn plan(&self, fill: Fill) -> BoxFuture<'_, Result<Plan, PluginError>>;

    /// The effect of filling it, and the step that frees it; done by [`crate::Undo::perform`].
    ///
    /// # Errors
    /// As [`FilesFacet::plan`].
    fn effect(&self, fill: Fill) -> BoxFuture<'_, Result<Effect, PluginError>>;

    /// What the file system says of its space, read anew.
    ///
    /// # Errors
    /// [`PluginError`] when that can't be told.
    fn space(&self) -> BoxFuture<'_, Result<FilesSpace, PluginError>>;
}

/// How much of a file system is filled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Fill {
    /// So many bytes.
    Bytes(#[schemars(range(min = 1))] u64),
    /// All but so many bytes of the free ones.
    LeaveBytes(u64),
}

impl Fill {
    /// How many bytes to take when so many are free.
    ///
    /// # Errors
    /// [`PluginError::Refused`] when that is none.
    pub fn of(self, free: u64) -> Result<u64, PluginError> {
        let bytes = match self {
            Self::Bytes(bytes) => bytes,
            Self::LeaveBytes(leave) => free.saturating_sub(leave),
        };
        if bytes == 0 {
            return Err(PluginError::refused(format!("there is nothing to fill: only {free} bytes are free already")));
        }
        Ok(bytes)
    }
}

/// What a file system says of its space.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilesSpace {
    /// Whose: "node `n1`".
    pub label: String,
    /// Where it is mounted.
    pub path: PathBuf,
    /// Its size.
    pub total_bytes: u64,
    /// Bytes that the member can still take.
    pub free_bytes: u64,
    /// Bytes that files of faults take.
    pub filled_bytes: u64,
}
