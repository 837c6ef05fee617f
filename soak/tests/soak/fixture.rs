//! A system under test that is a file: faults append their value to it, and a bug shows once some values stand in it.

use std::fs;
use std::io::Write;
use std::path::PathBuf;

use chaos_core::{
    Evidence, Fault, InjectContext, Injection, Observation, Outcome, Plan, PluginError, Probe, RunContext, Sighting,
    SoakSpec, Span, Undo, register_fault, register_probe,
};
use chaos_schema::{KindHint, LoadOptions, check_value};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Appends a value.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Append {
    /// The file.
    pub log: PathBuf,
    /// The value.
    pub value: u32,
}

impl Fault for Append {
    const SPAN: Span = Span::Finite;

    async fn plan(&self, _cx: &RunContext) -> Result<Plan, PluginError> {
        Ok(Plan::new("append a value"))
    }

    async fn inject(&self, cx: &InjectContext, _undo: &Undo) -> Result<Injection, PluginError> {
        cx.active(Evidence::new("appending"));
        let file = fs::OpenOptions::new().create(true).append(true).open(&self.log);
        let written = file.and_then(|mut file| writeln!(file, "{}", self.value));
        written.map_err(|error| PluginError::io("append", &error))?;
        Ok(Injection::Finished(Outcome::landed(Evidence::new("appended"))))
    }

    async fn witness(&self, _cx: &RunContext) -> Sighting {
        Sighting::unknown("its evidence is in its outcome")
    }
}

register_fault!(Append, "test_append");

/// Says no once all these values stand in the file.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Without {
    /// The file.
    pub log: PathBuf,
    /// The values.
    pub values: Vec<u32>,
}

impl Probe for Without {
    async fn observe(&self, _cx: &RunContext) -> Observation {
        let text = fs::read_to_string(&self.log).unwrap_or_default();
        let there: Vec<u32> = text.lines().filter_map(|line| line.parse().ok()).collect();
        if self.values.iter().all(|value| there.contains(value)) {
            return Observation::no("the bug shows");
        }
        Observation::yes("no bug yet")
    }
}

register_probe!(Without, "test_without");

/// The soak of a document, which must be valid.
pub(crate) fn soak(document: &Value) -> SoakSpec {
    let loaded = check_value(&json!({ "soak": document }), "soak.yaml", &LoadOptions::of(KindHint::Task));
    assert!(loaded.document.is_some(), "{:?}", loaded.diagnostics);
    loaded.document.unwrap().into_task().unwrap().soak.unwrap()
}

/// Acts on a node; for plans.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OnNode {
    /// What it acts on.
    pub target: chaos_core::FaultTarget,
    /// How much.
    #[serde(default)]
    pub level: u32,
}

impl Fault for OnNode {
    const SPAN: Span = Span::Sustained;

    async fn plan(&self, cx: &RunContext) -> Result<Plan, PluginError> {
        self.target.resolve(cx)?;
        Ok(Plan::new("act on a node"))
    }

    async fn inject(&self, _cx: &InjectContext, _undo: &Undo) -> Result<Injection, PluginError> {
        Ok(Injection::in_force())
    }

    async fn witness(&self, _cx: &RunContext) -> Sighting {
        Sighting::unknown("there is nothing to see")
    }
}

register_fault!(OnNode, "test_on_node");
