//! A leaf step as a document configures it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::leaf::DynStep;
use crate::{Configured, Extra, Seconds};

/// The keys that every step of a workflow has beside its own.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StepKeys {
    /// Seconds after which the step is ended, with every process that it started; it has timed out then. Never later than the deadline of the step that it stands in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline_seconds: Option<Seconds>,
    /// Whether the step may run again where it was interrupted; default false.
    #[serde(default)]
    pub idempotent: bool,
}

impl Extra for StepKeys {
    const KEYS: &'static [&'static str] = &["deadline_seconds", "idempotent"];
}

/// A leaf step in a document.
pub type StepNode = Configured<dyn DynStep, StepKeys>;
