//! What several scenarios have in common, what differs between them, and what none of them uses.

mod knobs;
mod shown;

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::render::{RenderError, documents};
use knobs::{Knobs, known};

/// What a survey of scenarios found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Survey {
    /// The scenarios, in the order in which values are listed.
    pub scenarios: Vec<String>,
    /// What all of them have, and alike.
    pub universal: Vec<UniversalKnob>,
    /// What some have, or have otherwise.
    pub varying: Vec<VaryingKnob>,
    /// What a Workflow can have and none of them has.
    pub unused: Vec<String>,
}

/// What all scenarios have alike.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UniversalKnob {
    /// What it is.
    pub knob: String,
    /// Its value, with `<scenario>` in place of the scenario's own name.
    pub value: String,
}

/// What differs between scenarios.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VaryingKnob {
    /// What it is.
    pub knob: String,
    /// Its value in each scenario, in their order; `None` where a scenario does not have it.
    pub values: Vec<Option<String>>,
}

/// Why there is no survey.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SurveyError {
    /// Fewer than two scenarios.
    #[error("expected at least two scenarios: one has nothing to vary from")]
    TooFew,
    /// A scenario that can't be read.
    #[error("scenario `{scenario}` can't be read{}", place(.source))]
    Unreadable {
        /// Its name.
        scenario: String,
        /// Why.
        #[source]
        source: RenderError,
    },
    /// A scenario without a Workflow.
    #[error("scenario `{0}` has no Workflow: expected one document of kind `Workflow`")]
    NoWorkflow(String),
}

fn place(error: &RenderError) -> String {
    match (error.line, error.column) {
        (Some(line), Some(column)) => format!(" at line {line}, column {column}: {}", error.kind),
        _ => format!(": {}", error.kind),
    }
}

/// Surveys scenarios as they are written, with their placeholders: each is its name, without folder and ending, and its text.
///
/// # Errors
/// [`SurveyError`] names the scenario that can't be read.
pub fn survey(scenarios: &[(String, String)]) -> Result<Survey, SurveyError> {
    if scenarios.len() < 2 {
        return Err(SurveyError::TooFew);
    }
    let mut all: Vec<BTreeMap<String, String>> = Vec::new();
    for (name, text) in scenarios {
        let unreadable = |source| SurveyError::Unreadable { scenario: name.clone(), source };
        let documents = documents(text).map_err(unreadable)?;
        let workflow = documents.iter().find(|one| one["kind"] == "Workflow");
        let workflow = workflow.ok_or_else(|| SurveyError::NoWorkflow(name.clone()))?;
        all.push(Knobs::of(name, text, workflow));
    }
    let (mut universal, mut varying) = (Vec::new(), Vec::new());
    let names: BTreeSet<&String> = all.iter().flat_map(BTreeMap::keys).collect();
    for knob in names.iter().copied() {
        let values: Vec<Option<String>> = all.iter().map(|one| one.get(knob).cloned()).collect();
        match values.first().cloned().flatten() {
            Some(value) if values.iter().all(|other| other.as_ref() == Some(&value)) => {
                universal.push(UniversalKnob { knob: knob.clone(), value });
            }
            _ => varying.push(VaryingKnob { knob: knob.clone(), values }),
        }
    }
    let unused = known().filter(|knob| !names.contains(knob)).collect();
    Ok(Survey { scenarios: scenarios.iter().map(|(name, _)| name.clone()).collect(), universal, varying, unused })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scenario(name: &str, more: &str) -> (String, String) {
        let text = format!(
            "apiVersion: chaos-mesh.org/v1alpha1\nkind: Workflow\nmetadata: {{name: {name}-$RUN}}\nspec:\n  entry: e\n  templates:\n    \
             - {{name: e, templateType: Serial, deadline: 1h, children: [t]}}\n    {more}\n"
        );
        (name.to_owned(), text)
    }

    #[test]
    fn what_is_the_same_what_differs_and_what_nobody_uses_is_told() {
        let task = |image: &str| {
            format!("- {{name: t, templateType: Task, task: {{container: {{name: c, image: {image}}}}}}}")
        };
        let all = [scenario("a", &task("$IMAGE")), scenario("b", &task("$IMAGE")), scenario("c", &task("[${OTHER}]"))];
        let survey = survey(&all).unwrap();
        let universal: Vec<_> = survey.universal.iter().map(|one| (one.knob.as_str(), one.value.as_str())).collect();
        assert!(universal.contains(&("workflow name", "<scenario>-$RUN")), "{universal:?}");
        assert!(universal.contains(&("entry deadline", "1h")) && universal.contains(&("type Task", "used")));
        let varying = |knob: &str| survey.varying.iter().find(|one| one.knob == knob).map(|one| one.values.clone());
        let used = Some("used".to_owned());
        assert_eq!(varying("placeholder IMAGE"), Some(vec![used.clone(), used.clone(), None]));
        assert_eq!(varying("placeholder OTHER"), Some(vec![None, None, used]));
        assert!(
            survey.unused.contains(&"type PodChaos".to_owned()) && survey.unused.contains(&"task volumes".to_owned())
        );
        assert!(!survey.unused.contains(&"type Task".to_owned()));
    }

    #[test]
    fn a_scenario_that_can_not_be_surveyed_is_named() {
        let good = scenario("a", "- {name: t, templateType: Suspend}");
        assert_eq!(survey(std::slice::from_ref(&good)), Err(SurveyError::TooFew));
        let error = survey(&[good.clone(), ("b".to_owned(), "kind: Pod\n".to_owned())]).unwrap_err();
        assert_eq!(error, SurveyError::NoWorkflow("b".to_owned()));
        let error = survey(&[good, ("b".to_owned(), "a: 1\nb: [\n".to_owned())]).unwrap_err();
        assert!(error.to_string().starts_with("scenario `b` can't be read at line 2"), "{error}");
    }
}
