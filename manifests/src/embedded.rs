//! The chaos that a Workflow embeds: which kinds, made once or by a Schedule, and what it reaches beyond the Workflow's namespace.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::kinds::{ChaosKind, SCHEDULE};
use crate::workflow::{Template, WorkflowSpec};

/// What the templates of a Workflow make of chaos.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct EmbeddedChaos {
    /// The kinds that templates make.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub kinds: BTreeSet<String>,
    /// The kind that each template of type `Schedule` makes again and again.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub schedules: BTreeMap<String, String>,
    /// The namespaces that selectors name; where one names none, it is that of the Workflow.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub namespaces: BTreeSet<String>,
    /// The clusters that `remoteCluster` names.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub clusters: BTreeSet<String>,
}

impl EmbeddedChaos {
    /// What a Workflow embeds. What is of no known kind says nothing.
    pub fn of(spec: &WorkflowSpec) -> Self {
        let mut found = Self::default();
        for template in &spec.templates {
            found.add(template);
        }
        found
    }

    fn add(&mut self, template: &Template) {
        let (kind, holder) = if template.template_type == SCHEDULE {
            let schedule = template.rest.get("schedule").and_then(Value::as_object);
            (schedule.and_then(|it| it.get("type")).and_then(Value::as_str), schedule)
        } else {
            (Some(template.template_type.as_str()), Some(&template.rest))
        };
        let (Some(kind), Some(holder)) = (kind.and_then(ChaosKind::named), holder) else { return };
        if template.template_type == SCHEDULE {
            self.schedules.insert(template.name.clone(), kind.kind.to_owned());
        } else {
            self.kinds.insert(kind.kind.to_owned());
        }
        if let Some(spec) = holder.get(kind.field).and_then(Value::as_object) {
            self.reach(spec);
        }
    }

    fn reach(&mut self, spec: &Map<String, Value>) {
        for (key, value) in spec {
            match (key.as_str(), value) {
                ("remoteCluster", Value::String(name)) => drop(self.clusters.insert(name.clone())),
                ("selector", Value::Object(selector)) => {
                    let listed = selector.get("namespaces").and_then(Value::as_array).into_iter().flatten();
                    self.namespaces.extend(listed.filter_map(Value::as_str).map(str::to_owned));
                    let pods = selector.get("pods").and_then(Value::as_object).into_iter().flatten();
                    self.namespaces.extend(pods.map(|(namespace, _)| namespace.clone()));
                }
                // The other side of a network fault has a selector of its own.
                (_, Value::Object(inner)) => self.reach(inner),
                _ => {}
            }
        }
    }

    /// Every kind of object that these templates make, Schedules included.
    pub fn objects(&self) -> BTreeSet<String> {
        let schedule = (!self.schedules.is_empty()).then(|| SCHEDULE.to_owned());
        self.kinds.iter().chain(self.schedules.values()).cloned().chain(schedule).collect()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.kinds.is_empty() && self.schedules.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn kinds_schedules_and_what_they_reach_are_found() {
        let spec: WorkflowSpec = serde_json::from_value(json!({"entry": "main", "templates": [
            {"name": "main", "templateType": "Serial", "children": ["cut"]},
            {"name": "cut", "templateType": "NetworkChaos", "networkChaos": {
                "action": "partition", "selector": {"namespaces": ["a"]},
                "target": {"mode": "all", "selector": {"namespaces": ["b"], "pods": {"c": ["x"]}}}, "remoteCluster": "far"}},
            {"name": "again", "templateType": "Schedule", "schedule": {"schedule": "@every 1m", "type": "PodChaos",
                "podChaos": {"action": "pod-kill", "selector": {"namespaces": ["d"]}}}},
            {"name": "odd", "templateType": "Schedule", "schedule": {"type": "Workflow"}},
            {"name": "none", "templateType": "Schedule"},
            {"name": "bare", "templateType": "StressChaos"},
        ]}))
        .unwrap();
        let found = EmbeddedChaos::of(&spec);
        assert_eq!(found.kinds.iter().collect::<Vec<_>>(), ["NetworkChaos", "StressChaos"]);
        assert_eq!(found.schedules, BTreeMap::from([("again".to_owned(), "PodChaos".to_owned())]));
        assert_eq!(found.namespaces.iter().collect::<Vec<_>>(), ["a", "b", "c", "d"]);
        assert_eq!(found.clusters.iter().collect::<Vec<_>>(), ["far"]);
        assert_eq!(found.objects().iter().collect::<Vec<_>>(), ["NetworkChaos", "PodChaos", "Schedule", "StressChaos"]);
        assert!(EmbeddedChaos::of(&WorkflowSpec::default()).is_empty());
    }
}
