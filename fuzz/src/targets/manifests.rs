//! Manifests of Chaos Mesh: read, linted, compiled, and rendered as scenarios.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use chaos_manifests::{Contract, WorkflowSpec, compile, declared_placeholders, lint, read_manifests, render, survey};
use chaos_schema::{read_documents, render as shown};

use crate::documents::Dice;
use crate::target::{Breach, FuzzTarget};

/// A scenario with everything that is read of one.
const SCENARIO: &str = "\
# $A
apiVersion: chaos-mesh.org/v1alpha1
kind: Workflow
metadata:
  name: s-$RUN
  annotations: {squall.dev/placeholders: \"A, RUN\"}
spec:
  entry: main
  templates:
    - {name: main, templateType: Serial, deadline: 60m, children: [a, in, wait, b, end]}
    - name: a
      templateType: Task
      deadline: 1h30m
      task:
        container:
          name: a
          image: ${A}
          args: ['$A', \"${A} $(A) $((1+2))\", $A]
          envFrom: &vars
            - configMapRef: {name: workflow-vars-s-$RUN}
    - {name: in, templateType: Serial, children: [c]}
    - {name: c, templateType: Task, task: {container: {name: c, image: i, envFrom: *vars}}}
    - {name: wait, templateType: Suspend, deadline: 1.5s}
    - {name: b, templateType: PodChaos, podChaos: {action: pod-kill, duration: 3m, selector: {}}}
    - name: end
      templateType: Task
      deadline: 5m
      task: {container: {name: end, image: i}}
      conditionalBranches:
        - {target: c, expression: exitCode == 0}
---
apiVersion: chaos-mesh.org/v1alpha1
kind: Schedule
spec: {type: StressChaos, stressChaos: {duration: 1m}}
";

/// The scenario and parts of it.
pub(super) struct Manifests;

impl FuzzTarget for Manifests {
    fn make(&mut self, dice: &mut Dice) -> Vec<u8> {
        let mut text = SCENARIO.to_owned();
        for (from, to) in [("60m", "1ms"), ("b, end]", "a, a]"), ("$A", "x"), ("wait", "in"), ("Suspend", "Parallel")] {
            if dice.below(3) == 0 {
                text = text.replace(from, to);
            }
        }
        text.into_bytes()
    }

    fn words(&self) -> &'static [&'static str] {
        &[
            "$A",
            "${A}",
            "${A:-x}",
            "$RUN",
            "children: [",
            "conditionalBranches",
            "templateType: Serial",
            "9999999h",
            "---\n",
        ]
    }

    fn feed(&self, input: &[u8]) -> Result<bool, Breach> {
        let Ok(text) = std::str::from_utf8(input) else { return Ok(false) };
        rendered(text)?;
        let _ = survey(&[("a".to_owned(), text.to_owned()), ("b".to_owned(), SCENARIO.to_owned())]);
        let Ok(all) = read_manifests(text, "s.yaml") else { return Ok(false) };
        let found = [lint(&all), Contract::of("s", "1").check(&all)].concat();
        shown(&found);
        let lines = text.split('\n').count();
        if let Some(outside) = found.iter().find(|one| one.line.is_some_and(|line| line == 0 || line > lines)) {
            return Err(Breach(format!("a problem lies outside the file's {lines} lines: {outside:?}")));
        }
        for spec in all.iter().filter_map(|one| one.workflow()) {
            compiled(spec)?;
        }
        Ok(true)
    }
}

/// What is rendered is the same documents; without variables it is the same text.
fn rendered(text: &str) -> Result<(), Breach> {
    let declared = declared_placeholders(text).unwrap_or_default();
    let same = render(text, &BTreeMap::new(), &BTreeSet::new());
    if same.is_ok_and(|same| same.text != text) {
        return Err(Breach("a text changes without any variable".to_owned()));
    }
    for value in ["v", "yes", "a: b\n- $RUN \"'", "1e3"] {
        let variables = [("A", value), ("RUN", "1")].map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let Ok(rendered) = render(text, &variables, &declared) else { continue };
        let (Ok(before), Ok(after)) = (read_documents(text, ""), read_documents(&rendered.text, "")) else { continue };
        let shape = |all: &[chaos_schema::TextDocument]| all.iter().map(|one| shape(&one.value)).collect::<Vec<_>>();
        if shape(&before) != shape(&after) {
            return Err(Breach(format!("a value changes the document: {}", rendered.text)));
        }
    }
    Ok(())
}

/// The types of all values, without what they say.
fn shape(value: &serde_json::Value) -> String {
    use serde_json::Value;
    match value {
        Value::Array(items) => format!("[{}]", items.iter().map(shape).collect::<Vec<_>>().join(",")),
        Value::Object(map) => {
            let mut values: Vec<String> = map.values().map(shape).collect();
            values.sort();
            format!("{{{}}}", values.join(","))
        }
        Value::String(_) => "s".to_owned(),
        other => other.to_string(),
    }
}

/// A compiled Workflow has every template that it names, once.
fn compiled(spec: &WorkflowSpec) -> Result<(), Breach> {
    for finally in [Vec::new(), vec!["end".to_owned()]] {
        let Ok(compiled) = compile(spec, &finally) else { continue };
        let names: HashSet<&str> = compiled.templates.iter().map(|one| one.name.as_str()).collect();
        let own = |one: &chaos_manifests::Template| {
            let branches =
                one.conditional_branches.iter().flatten().all(|branch| names.contains(branch.target.as_str()));
            branches && one.children.iter().flatten().all(|child| names.contains(child.as_str()))
        };
        if names.len() != compiled.templates.len() || !compiled.templates.iter().all(own) {
            return Err(Breach(format!("a compiled Workflow names what it does not have: {compiled:?}")));
        }
    }
    Ok(())
}
