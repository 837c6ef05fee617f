//! Names that are derived from a scenario and a run, and the check that a scenario uses these.

use chaos_schema::{Code, Diagnostic};
use serde_json::Value;

use crate::manifest::Manifest;
use crate::names::variables_name;

/// The names that a run of a scenario has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contract {
    workflow: String,
}

impl Contract {
    /// The names of a run.
    pub fn of(scenario: &str, run_id: &str) -> Self {
        Self { workflow: format!("{scenario}-{run_id}") }
    }

    /// The name of the Workflow: `<scenario>-<run id>`.
    pub fn workflow(&self) -> &str {
        &self.workflow
    }

    /// The name of the `ConfigMap` with the variables of the run: `workflow-vars-<Workflow>`.
    pub fn config_map(&self) -> String {
        variables_name(&self.workflow)
    }

    /// What in a rendered scenario has another name: its Workflow, of which it has one, and each `configMapRef`.
    pub fn check(&self, scenario: &[Manifest]) -> Vec<Diagnostic> {
        let workflows: Vec<&Manifest> = scenario.iter().filter(|one| one.workflow().is_some()).collect();
        let mut found = Vec::new();
        match workflows[..] {
            [] => found.push(
                Diagnostic::new(Code::MissingKey, "", "the scenario has no Workflow")
                    .help(format!("one document of it is a Workflow with the name `{}`", self.workflow)),
            ),
            [one] if one.name == self.workflow => {}
            [one] => {
                let at = if one.name.is_empty() { "" } else { "/metadata/name" };
                let message = "the Workflow has another name than its run";
                let help = format!("`<scenario>-<run id>` is `{}`", self.workflow);
                found.push(one.placed(Diagnostic::new(Code::WorkflowName, at, message).help(help)));
            }
            [_, second, ..] => {
                let message = "the scenario has a second Workflow";
                let help = "a scenario is one Workflow; keep the other in a file of its own";
                found.push(second.placed(Diagnostic::new(Code::WorkflowName, "/metadata/name", message).help(help)));
            }
        }
        for one in scenario {
            self.references(&one.value, &mut String::new(), &mut |at| {
                let message = "`configMapRef` names another ConfigMap than that of the run";
                let help = format!("the variables of the run stand in `{}`", self.config_map());
                found.push(one.placed(Diagnostic::new(Code::ConfigMapName, at, message).help(help)));
            });
        }
        found
    }

    fn references(&self, value: &Value, at: &mut String, wrong: &mut impl FnMut(&str)) {
        let mut inside = |segment: &str, item: &Value, at: &mut String| {
            let before = at.len();
            at.push('/');
            at.push_str(&chaos_core::pointer_segment(segment));
            if segment == "configMapRef" && item.get("name").and_then(Value::as_str) != Some(&self.config_map()) {
                wrong(&format!("{at}/name"));
            }
            self.references(item, at, wrong);
            at.truncate(before);
        };
        match value {
            Value::Object(map) => map.iter().for_each(|(key, item)| inside(key, item, at)),
            Value::Array(items) => items.iter().enumerate().for_each(|(i, item)| inside(&i.to_string(), item, at)),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read_manifests;

    fn found(name: &str, map: &str) -> Vec<(String, Option<usize>, Option<String>)> {
        let text = format!(
            "apiVersion: chaos-mesh.org/v1alpha1\nkind: Workflow\nmetadata:\n  name: {name}\nspec:\n  entry: a\n  templates:\n    \
             - name: a\n      templateType: Task\n      task:\n        container:\n          envFrom:\n            - configMapRef: {{name: {map}}}\n"
        );
        let scenario = read_manifests(&text, "s.yaml").unwrap();
        let found = Contract::of("release-test", "r7").check(&scenario);
        found.into_iter().map(|one| (one.code.to_string(), one.line, one.help)).collect()
    }

    #[test]
    fn the_derived_names_are_accepted_and_no_others() {
        assert_eq!(found("release-test-r7", "workflow-vars-release-test-r7"), []);
        let wrong = found("release-test-r8", "workflow-vars-r7");
        let help = |text: &str| Some(text.to_owned());
        let want = [
            ("workflow-name".to_owned(), Some(4), help("`<scenario>-<run id>` is `release-test-r7`")),
            (
                "config-map-name".to_owned(),
                Some(13),
                help("the variables of the run stand in `workflow-vars-release-test-r7`"),
            ),
        ];
        assert_eq!(wrong, want);
    }

    #[test]
    fn a_reference_without_a_name_and_a_scenario_without_its_workflow_are_refused() {
        assert_eq!(found("release-test-r7", "")[0].0, "config-map-name");
        let scenario = read_manifests("apiVersion: v1\nkind: ConfigMap\n", "s.yaml").unwrap();
        let found = Contract::of("a", "b").check(&scenario);
        assert_eq!(found[0].message, "the scenario has no Workflow");
    }
}
