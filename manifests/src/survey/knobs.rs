//! What of a scenario a wrapper would have to take as a parameter.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use crate::kinds::{ChaosKind, PLAIN_TYPES};
use crate::names::PLACEHOLDERS_ANNOTATION;
use crate::render::placeholders;

/// Keys of a template beside its name, type and spec.
const TEMPLATE: [&str; 3] = ["abortWithStatusCheck", "conditionalBranches", "deadline"];

/// Keys of a task.
const TASK: [&str; 3] = ["container", "labels", "volumes"];

/// Keys of a container that scenarios may have.
const CONTAINER: [&str; 15] = [
    "args",
    "command",
    "env",
    "envFrom",
    "image",
    "imagePullPolicy",
    "lifecycle",
    "livenessProbe",
    "ports",
    "readinessProbe",
    "resources",
    "securityContext",
    "terminationMessagePath",
    "volumeMounts",
    "workingDir",
];

/// Everything that a Workflow can use, under the names that knobs have.
pub(super) fn known() -> impl Iterator<Item = String> {
    let types = PLAIN_TYPES.into_iter().chain(ChaosKind::ALL.iter().map(|kind| kind.kind));
    let of = |what: &'static str| move |key: &'static str| format!("{what} {key}");
    let types = types.map(of("type"));
    let keys = TEMPLATE.into_iter().map(of("template")).chain(TASK.into_iter().map(of("task")));
    types.chain(keys).chain(CONTAINER.into_iter().map(of("container")))
}

/// The knobs of one scenario.
pub(super) struct Knobs<'s> {
    scenario: &'s str,
    all: BTreeMap<String, String>,
}

impl<'s> Knobs<'s> {
    /// The knobs of a scenario's Workflow, by name.
    pub(super) fn of(scenario: &'s str, text: &str, workflow: &Value) -> BTreeMap<String, String> {
        let mut knobs = Self { scenario, all: BTreeMap::new() };
        knobs.metadata(&workflow["metadata"]);
        knobs.placeholders(text, &workflow["metadata"]["annotations"]);
        knobs.spec(&workflow["spec"]);
        knobs.all
    }

    fn put(&mut self, knob: &str, value: &str) {
        // Its own name is what makes it another scenario, and no knob of the rest.
        self.all.insert(knob.to_owned(), value.replace(self.scenario, "<scenario>"));
    }

    fn uses(&mut self, what: &str, key: &str) {
        self.put(&format!("{what} {key}"), "used");
    }

    fn metadata(&mut self, metadata: &Value) {
        for (key, knob) in [("name", "workflow name"), ("namespace", "namespace")] {
            if let Some(value) = metadata[key].as_str() {
                self.put(knob, value);
            }
        }
        for (part, knob) in [("labels", "label"), ("annotations", "annotation")] {
            for (key, value) in metadata[part].as_object().into_iter().flatten() {
                if key != PLACEHOLDERS_ANNOTATION {
                    self.put(&format!("{knob} {key}"), &text_of(value));
                }
            }
        }
    }

    /// The declared placeholders; of a scenario that declares none, all names that are written like those of variables.
    fn placeholders(&mut self, text: &str, annotations: &Value) {
        let declared = annotations[PLACEHOLDERS_ANNOTATION].as_str();
        let names: BTreeSet<String> = match declared {
            Some(names) => {
                names.split(',').map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).collect()
            }
            None => placeholders(text).into_iter().filter(|name| !name.contains(|c: char| c.is_lowercase())).collect(),
        };
        for name in &names {
            self.uses("placeholder", name);
        }
    }

    fn spec(&mut self, spec: &Value) {
        let templates = spec["templates"].as_array().map_or(&[][..], Vec::as_slice);
        if let Some(entry) = templates.iter().find(|one| one["name"] == spec["entry"]) {
            for (key, knob) in [("templateType", "entry type"), ("deadline", "entry deadline")] {
                if let Some(value) = entry[key].as_str() {
                    self.put(knob, value);
                }
            }
            let children: Vec<&str> =
                entry["children"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            self.put("steps", &children.len().to_string());
            if let Some(last) = children.last() {
                self.put("last step", last);
            }
        }
        let (mut images, mut maps) = (BTreeSet::new(), BTreeSet::new());
        for template in templates {
            if let Some(kind) = template["templateType"].as_str() {
                self.uses("type", kind);
            }
            self.keys("template", template, &TEMPLATE);
            self.keys("task", &template["task"], &TASK);
            let container = &template["task"]["container"];
            self.keys("container", container, &CONTAINER);
            images.extend(container["image"].as_str().map(str::to_owned));
            let sources = container["envFrom"].as_array().into_iter().flatten();
            maps.extend(sources.filter_map(|source| source["configMapRef"]["name"].as_str().map(str::to_owned)));
        }
        for (knob, values) in [("images", images), ("configMapRef", maps)] {
            if !values.is_empty() {
                self.put(knob, &Vec::from_iter(values).join(", "));
            }
        }
    }

    fn keys(&mut self, what: &str, of: &Value, keys: &[&str]) {
        let empty = Map::new();
        let of = of.as_object().unwrap_or(&empty);
        keys.iter()
            .filter(|key| of.get(**key).is_some_and(|value| !value.is_null()))
            .for_each(|key| self.uses(what, key));
    }
}

fn text_of(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
