//! A scenario that is rendered, checked, and ready to be applied.

use std::collections::BTreeMap;
use std::time::Duration;

use chaos_core::with_causes;
use chaos_manifests::{
    CompileError, Contract, EmbeddedChaos, Manifest, WorkflowSpec, compile, deadline, declared_placeholders,
    read_manifests, render,
};
use serde_json::Value;

use crate::fetch::Fetched;
use crate::invariants::Declared;
use crate::options::{ScenarioMode, ScenarioOptions};

/// A scenario that can be applied.
#[derive(Debug, Clone)]
pub(crate) struct ReadyScenario {
    /// The Workflow as it is applied, but for where and whose it is.
    pub(crate) object: Value,
    pub(crate) spec: WorkflowSpec,
    /// The text with its placeholders filled.
    pub(crate) text: String,
    /// How often each variable was put in.
    pub(crate) used: BTreeMap<String, usize>,
    /// What is worth a note and no reason to stop.
    pub(crate) notes: Vec<String>,
    pub(crate) declared: Declared,
    /// The deadline of its entry.
    pub(crate) deadline: Option<Duration>,
    pub(crate) chaos: EmbeddedChaos,
}

/// Why a scenario can't be applied, in the words of whatever found it.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct ScenarioError(String);

impl ScenarioError {
    fn of(problem: &dyn std::error::Error) -> Self {
        Self(with_causes(problem))
    }
}

/// Fills the placeholders of a scenario and checks it against its contract; in compiled mode it is rewritten, too.
pub(crate) fn ready(fetched: &Fetched, options: &ScenarioOptions) -> Result<ReadyScenario, ScenarioError> {
    let declared = declared_placeholders(&fetched.text).map_err(|error| ScenarioError::of(&error))?;
    let mut variables = options.all_variables();
    // Those of the run itself are on the list only where the scenario has them; what a person gives always is.
    let own = [&options.run_id_variable, &options.namespace_variable];
    for name in own.into_iter().flatten().filter(|name| !options.variables.contains_key(*name)) {
        if !declared.contains(name) && !fetched.text.contains(name.as_str()) {
            variables.remove(name);
        }
    }
    let rendered = render(&fetched.text, &variables, &declared).map_err(|error| ScenarioError::of(&error))?;
    let manifests = read_manifests(&rendered.text, &fetched.path).map_err(|found| told(&found))?;
    let problems = Contract::of(&options.source.scenario, &options.run_id).check(&manifests);
    if !problems.is_empty() {
        return Err(told(&problems));
    }
    let workflow = only_workflow(&manifests)?;
    let spec = workflow.workflow().cloned().unwrap_or_default();
    let declared = Declared::of(&workflow.value).map_err(|error| ScenarioError::of(&error))?;
    let mut notes: Vec<String> =
        rendered.unused.iter().map(|name| format!("variable `{name}` is used nowhere in the scenario")).collect();
    let entry = spec.templates.iter().find(|template| template.name == spec.entry);
    let limit = entry.and_then(|entry| entry.deadline.as_deref()).map(deadline).transpose();
    let limit = limit.map_err(|error| ScenarioError(format!("the deadline of entry `{}`: {error}", spec.entry)))?;
    if limit.is_none() {
        notes.push(format!("entry `{}` has no deadline", spec.entry));
    }
    let chaos = EmbeddedChaos::of(&spec);
    let mut ready = ReadyScenario {
        object: workflow.value.clone(),
        spec,
        text: rendered.text,
        used: rendered.used,
        notes,
        declared,
        deadline: limit,
        chaos,
    };
    if options.mode == ScenarioMode::Compiled {
        compile_into(&mut ready, options).map_err(|error| ScenarioError::of(&error))?;
    }
    Ok(ready)
}

/// The one Workflow, which is all that a scenario may hold: what else stands beside it would need rights and an owner of its own.
fn only_workflow(manifests: &[Manifest]) -> Result<&Manifest, ScenarioError> {
    if let Some(other) = manifests.iter().find(|one| one.workflow().is_none()) {
        let (kind, name) = (&other.kind, &other.name);
        return Err(ScenarioError(format!(
            "the scenario holds {kind} `{name}` beside its Workflow, which is not applied"
        )));
    }
    manifests.first().ok_or_else(|| ScenarioError("the scenario has no Workflow".to_owned()))
}

/// Problems of a text, with their places.
fn told(found: &[chaos_schema::Diagnostic]) -> ScenarioError {
    let line = |one: &chaos_schema::Diagnostic| {
        let at = match (one.line, one.column) {
            (Some(line), Some(column)) => format!("line {line}, column {column}: "),
            (Some(line), None) => format!("line {line}: "),
            _ => String::new(),
        };
        let help = one.help.as_ref().map(|help| format!(" ({help})")).unwrap_or_default();
        format!("{at}{}{help}", one.message)
    };
    ScenarioError(found.iter().map(line).collect::<Vec<_>>().join("; "))
}

/// Rewrites the Workflow so that Chaos Mesh itself stops at the first failure.
fn compile_into(scenario: &mut ReadyScenario, options: &ScenarioOptions) -> Result<(), CompileError> {
    let compiled = compile(&scenario.spec, &options.finally)?;
    scenario.object["spec"] = serde_json::to_value(&compiled).unwrap_or_default();
    let (before, after) = (scenario.spec.templates.len(), compiled.templates.len());
    let what = format!("compiled {before} templates to {after}, which stop at the first failure by themselves");
    scenario.notes.push(what);
    scenario.spec = compiled;
    Ok(())
}
