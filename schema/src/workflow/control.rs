//! The control steps. They are no plug-ins: deadlines, `finally`, resume and the linter need their structure.

use std::borrow::Cow;

use chaos_core::schemars::{JsonSchema, Schema, SchemaGenerator};
use chaos_core::{ParallelSuccess, ProbeNode, Seconds, StepNode};
use serde::Deserialize;

use crate::document::Deferred;

/// Any step: a control step, or a leaf step of a plug-in.
#[derive(Debug)]
pub struct AnyStep;

impl JsonSchema for AnyStep {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "AnyStep".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        StepNode::json_schema(generator)
    }
}

/// A control step, for schemas and messages.
pub(crate) struct Control {
    /// Its `type`.
    pub(crate) name: &'static str,
    /// Its keys that hold steps, for the check of texts.
    #[cfg(feature = "validate")]
    pub(crate) holds: &'static [&'static str],
    /// One sentence.
    pub(crate) summary: &'static str,
    /// The keys of such a step without its `type`, for the snippets of editors.
    pub(crate) example: &'static str,
    /// The schema of its own keys.
    pub(crate) schema: fn(&mut SchemaGenerator) -> Schema,
}

/// All of them, sorted by name.
pub(crate) const CONTROLS: [Control; 4] = [
    Control {
        name: "branch",
        #[cfg(feature = "validate")]
        holds: &["then", "else"],
        summary: "Runs `then` where a probe says yes, `else` where it says no.",
        example: "name: \nwhen: \nthen: []\nelse: []\n",
        schema: BranchDocument::json_schema,
    },
    Control {
        name: "parallel",
        #[cfg(feature = "validate")]
        holds: &["steps"],
        summary: "Runs its steps at the same time.",
        example: "name: \nsteps: []\nsuccess: all\n",
        schema: ParallelDocument::json_schema,
    },
    Control {
        name: "retry",
        #[cfg(feature = "validate")]
        holds: &["step"],
        summary: "Runs a step again until it passes.",
        example: "name: \nattempts: 3\nstep: \n",
        schema: RetryDocument::json_schema,
    },
    Control {
        name: "serial",
        #[cfg(feature = "validate")]
        holds: &["steps", "finally"],
        summary: "Runs its steps one after the other, up to the first failure; `finally` runs last, whatever happened.",
        example: "name: \nsteps: []\nfinally: []\n",
        schema: SerialDocument::json_schema,
    },
];

/// The own keys of `serial`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SerialDocument {
    /// The steps, in order; after the first that fails none starts.
    pub(super) steps: Vec<Deferred<AnyStep>>,
    /// Steps that run last, whatever happened, each even where one before it failed. They have their own time, beside the deadline of the steps.
    #[serde(default)]
    pub(super) finally: Vec<Deferred<AnyStep>>,
}

/// The own keys of `parallel`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ParallelDocument {
    /// The steps that run at the same time.
    #[schemars(length(min = 1))]
    pub(super) steps: Vec<Deferred<AnyStep>>,
    /// How many must pass: `all` (default), `best_effort` (one at least), or `quorum: N`.
    #[serde(default)]
    pub(super) success: ParallelSuccess,
}

/// The own keys of `branch`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct BranchDocument {
    /// The probe that decides; where it can't tell, the step is an `infra_fail`.
    pub(super) when: Deferred<ProbeNode>,
    /// Steps that run, one after the other, on a yes.
    #[serde(default)]
    pub(super) then: Vec<Deferred<AnyStep>>,
    /// Steps that run, one after the other, on a no.
    #[serde(default, rename = "else")]
    pub(super) otherwise: Vec<Deferred<AnyStep>>,
}

/// The own keys of `retry`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RetryDocument {
    /// The step.
    pub(super) step: Deferred<AnyStep>,
    /// How often it is run at the most.
    #[schemars(range(min = 1, max = 1000))]
    pub(super) attempts: u32,
    /// Seconds between the end of an attempt and the next; default 1.
    #[serde(default = "one_second")]
    pub(super) delay_seconds: Seconds,
}

fn one_second() -> Seconds {
    Seconds::from(1)
}
