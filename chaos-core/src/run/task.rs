//! A whole task: its entries, its named checks, and what it asks of the policy.

use std::collections::BTreeMap;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    ChaosSpec, DeclaredNode, DeclaredSource, PolicyRequest, ProbeNode, Seconds, SoakSpec, SteadyProbe, WorkflowStep,
};

/// A checked task, ready for the engine. Read from text by `chaos-schema`.
#[derive(Debug, Default)]
pub struct Task {
    /// The file's own name for it, if it has one.
    pub name: Option<String>,
    /// The entries; all run at the same time, each on its own trigger.
    pub entries: Vec<ChaosSpec>,
    /// The workflow, in place of entries.
    pub workflow: Option<Arc<WorkflowStep>>,
    /// A soak in place of entries.
    pub soak: Option<SoakSpec>,
    /// Position of each entry as a JSON pointer (`/chaos_spec/0`), where the text had one.
    pub positions: Vec<String>,
    /// The members of the system under test, by name: started before the steady state, stopped at the end.
    pub nodes: BTreeMap<String, DeclaredNode>,
    /// Sources of evidence, by name: started before the nodes, stopped after them.
    pub evidence: BTreeMap<String, DeclaredSource>,
    /// Probes that must say yes before anything is injected, and again after.
    pub steady_state: Vec<SteadyProbe>,
    /// Named checks that `verify` refers to, of `verification_spec` and `probes` together.
    pub checks: BTreeMap<String, Check>,
    /// What the file narrows, and what it asks for.
    pub policy: PolicyRequest,
    /// Seed of every random choice in the run.
    pub seed: Option<u64>,
}

impl Task {
    /// A task of one entry.
    pub fn of(entry: ChaosSpec) -> Self {
        Self { entries: vec![entry], ..Self::default() }
    }

    /// Position of entry `index` as a JSON pointer.
    pub fn position(&self, index: usize) -> String {
        self.positions.get(index).cloned().unwrap_or_else(|| format!("/chaos_spec/{index}"))
    }
}

/// How a named check is judged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum CheckMode {
    /// Looks once.
    #[default]
    Assert,
    /// Polls until yes, or until its timeout.
    Converge,
    /// Must stay yes until its timeout.
    Hold,
}

/// One named check.
#[derive(Debug)]
pub struct Check {
    /// What is asked.
    pub body: CheckBody,
    /// How it is judged.
    pub mode: CheckMode,
    /// How long `converge` polls and `hold` watches; 30 s when absent.
    pub timeout_seconds: Option<Seconds>,
}

/// What a named check asks.
#[derive(Debug)]
pub enum CheckBody {
    /// A probe that we have.
    Probe(ProbeNode),
    /// A check that only the embedder knows; run by us, it can't be evaluated.
    Opaque {
        /// The `type` that we don't have.
        unknown_type: String,
        /// The check as it stands in the document.
        value: Value,
    },
}
